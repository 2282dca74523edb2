"""The first sign that the job fails: told to everybody else, once."""

from collections.abc import Callable

from ..proto import control
from ..proto import podlog_pb2 as pb
from ..proto.ends import sign_message
from ..proto.records import Event
from ..proto.words import ended
from .core.signs import Sign
from .jobsetting import JobSetting
from .journal import Journal
from .streams import Outbox, Stream

SOFT_S = 1.0
"""A sign that may pass, as a broken stream, is told when it has lasted so long."""

_Key = tuple[int, int, bool]


class FirstSigns:
    """Tells workers through the outbox, and the owner by `take`.

    Owned by the state thread; lives as long as the run, past an undone turn.
    All but `take` belongs into a transaction.

    Args:
        journal: remembers what was told, also past a restart.
        job_id: the life of the job.
        on_event: takes an event about a process.
    """

    def __init__(
        self, journal: Journal, job_id: str, on_event: Callable[[Event, int], None]
    ) -> None:
        self._setting = JobSetting(journal, "first_sign", job_id)
        self._on_event = on_event
        self._owner_knows: _Key | None = None

    def recall(self, outbox: Outbox, now: float) -> None:
        """Memory is built anew."""
        self._outbox = outbox
        self._since = now
        self._sign: Sign | None = None
        self._fresh: list[Stream] = []
        self._for_owner: Sign | None = None
        kept = self._setting.read()
        self._told: _Key | None = None if kept is None else (kept[0], kept[1], kept[2])

    def joined(self, stream: Stream) -> None:
        """A process is connected: it may not know what the others were told."""
        self._fresh.append(stream)

    def advance(self, sign: Sign | None, now: float) -> None:
        """Tells of the first sign as it stands, if that is news.

        A broken stream is none if this coordinator did not see it break: it
        was the coordinator itself that was gone.
        """
        self._sign = sign
        fresh, self._fresh = self._fresh, []
        if sign is None:
            self._withdraw()
            return
        if not sign.hard and (sign.at <= self._since or now < sign.at + SOFT_S):
            return
        key = _key(sign)
        if sign.hard and key != self._owner_knows:
            self._for_owner = sign
        if key == self._told:
            for stream in fresh:
                if stream.hello.process != sign.process:
                    self._outbox.tell(stream, _message(sign))
            return
        self._told = key
        self._setting.write(key)
        told = ended(sign.process, sign.host, sign.status, sign.reason)
        text = f"first sign of the end: {told}"
        fields = {"status": sign.status, "reason": sign.reason}
        self._on_event(Event("first_sign", text, host=sign.host, fields=fields), sign.process)
        self._outbox.tell_all(_message(sign), but=sign.process)

    def _withdraw(self) -> None:
        """All is well: the next sign is news, though a restart may give it the same number."""
        self._owner_knows = None
        if self._told is not None:
            self._told = None
            self._setting.write(None)

    def take(self) -> list[control.FirstSign]:
        """What the owner is to be told, now that it is committed."""
        sign, self._for_owner = self._for_owner, None
        if sign is None:
            return []
        self._owner_knows = _key(sign)
        return [_for_all(sign)]

    def next_deadline(self) -> float | None:
        """When a sign has lasted long enough to be told."""
        sign = self._sign
        if sign is None or sign.hard or sign.at <= self._since or _key(sign) == self._told:
            return None
        return sign.at + SOFT_S


def _key(sign: Sign) -> _Key:
    return sign.process, sign.order, sign.hard


def _message(sign: Sign) -> pb.CoordinatorMessage:
    return pb.CoordinatorMessage(first_sign=sign_message(_for_all(sign)))


def _for_all(sign: Sign) -> control.FirstSign:
    return control.FirstSign(sign.process, sign.status, sign.reason, sign.host)
