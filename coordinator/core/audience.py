"""Who can add to the rows of one (attempt, mode, kind), and who is waited for."""

import dataclasses
from collections.abc import Collection, Mapping

from ...proto.records import Kind
from .attempts import Attempts
from .peer import Order, Peer


@dataclasses.dataclass(slots=True)
class Audience:
    """Reads what the clock knows of all processes.

    Rows of an attempt of an earlier job wait for nobody: of its processes only
    spools are left, and nobody knows when one is found.

    Attributes:
        at: attempt, mode and kind.
        peers: every process of the present job, by index; shared with the clock.
        live: those that rows wait for; shared with the clock.
        attempts: whose each attempt is; shared with the clock.
        timeout: seconds a row waits for a process that is silent.
        ended: whether the attempt is of an earlier job, by the last `refresh`.
    """

    at: tuple[int, str, Kind]
    peers: Mapping[int, Peer]
    live: Collection[int]
    attempts: Attempts
    timeout: float
    ended: bool = False

    def refresh(self) -> "Audience":
        """Looks up again what `attempts` says; returns itself."""
        self.ended = self.attempts.ended(self.at[0])
        return self

    def counted(self, now: float) -> dict[int, float]:
        """`Peer.counted` of each live process."""
        return {process: self.peers[process].counted(now) for process in self.live}

    def waits(
        self, order: Order, first: float, counted: Mapping[int, float], inside: set[int]
    ) -> dict[int, float]:
        """Until when a row waits for each live process neither in it nor past it.

        Args:
            order: its place.
            first: when its first record came.
            counted: `counted` at that time.
            inside: who is in it.
        """
        if self.ended:
            return {}
        return {
            process: peer.patience(first, counted.get(process, 0.0), self.timeout)
            for process in set(self.live) - inside
            if not (peer := self.peers[process]).past(*self.at, order)
        }

    def others(self, holders: Collection[int]) -> frozenset[int]:
        """Processes of the job that are not among `holders`, without those that said goodbye."""
        if self.ended:
            return frozenset(self.attempts.processes(self.at[0])).difference(holders)
        return frozenset(
            process
            for process, peer in self.peers.items()
            if peer.can_return and process not in holders
        )

    def blocked(self, order: Order, holders: frozenset[int]) -> bool:
        """Whether a process that is not in a row can still add to it."""
        if self.attempts.reading and not holders.issuperset(self.peers):
            return True
        others = self.others(holders)
        if self.ended or not others:
            return bool(others)
        return any(not self.peers[process].past(*self.at, order) for process in others)
