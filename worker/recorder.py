"""What becomes of one fetched call: its record, events, and what is not finite."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..proto.codec import body_draft, safe_text
from ..proto.records import Draft, Event, Kind, State
from ..proto.rows import Value
from . import drafts
from .guard import Finding, scan
from .inputs import said_error
from .states import Problem, local_values, tree_states, value_states, within

if TYPE_CHECKING:
    from .pack import Packed

_ANNOUNCED = 10_000  # announcements remembered; further ones are only counted


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PendingCall:
    """One ``log_*`` call whose values may still be on the device.

    Attributes:
        ticket: from ``Handed.ticket``; the sink gets it back.
        kind: STEP, EPOCH (a train-step tree) or HOST (values and wrappers).
        mode, step, epoch: where the call was made.
        time: wall clock of the call, seconds since the epoch.
        packed: the values; None if there are only `extras`.
        extras: further states, e.g. of `drafts.step_states`; they come last.
        on_values: given this process's own values by key on the fetching
            thread, before the sink; must not block or raise.
    """

    ticket: int
    kind: Kind
    mode: str
    step: int
    epoch: int
    time: float
    packed: "Packed | None" = None
    extras: Sequence[State] = ()
    on_values: Callable[[dict[str, Value]], object] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What is not finite in the record of one call."""

    kind: Kind
    mode: str
    step: int
    findings: tuple[Finding, ...]
    ticket: int


class Recorder:
    """Makes drafts of calls, one at a time and in order; not thread-safe.

    Each problem and each NaN is announced once a (mode, key). `forget_warnings` may be
    called from any thread.

    Attributes:
        counts: how often a metric had a problem, a fetch failed, a metric was not finite.
    """

    def __init__(
        self,
        process: int,
        process_count: int,
        host: str,
        max_payload: int,
        counters: dict[str, int | float],
    ) -> None:
        self.counts: dict[str, int] = {"problems": 0, "failed_fetches": 0, "not_finite": 0}
        self._process = process
        self._process_count = process_count
        self._host = host
        self._max_payload = max_payload
        self._counters = counters
        self._occurrences = drafts.Occurrences()
        self._announced: set[tuple[str, str, str]] = set()

    def forget_warnings(self) -> None:
        """Announces everything anew."""
        self._announced.clear()

    def record(self, item: PendingCall) -> tuple[list[Draft], Found | None]:
        """The drafts of a call, the record first, and what is not finite in it."""
        states, problems = self._states(item)
        states, large = within(states, self._max_payload)
        problems += large
        states += item.extras
        if item.on_values is not None:
            item.on_values(local_values(states))

        findings = scan(states, self._process_count)
        self.counts["not_finite"] += len(findings)
        seen = None
        if item.kind is Kind.HOST:
            keys = [*(problem.key for problem in problems), *(s.metric.key for s in states)]
            seen = self._occurrences.keys(item.mode, item.step, keys)
        n = self._occurrences.call(item.kind, item.mode, item.step)
        where = (item.kind, item.mode, item.step, n, item.epoch, item.time)
        record = drafts.build(*where, states, process=self._process, seen=seen)
        events = [self._problem(item, p) for p in problems] + [
            self._not_finite(item, f) for f in findings
        ]
        found = None
        if findings:
            found = Found(item.kind, item.mode, item.step, tuple(findings), item.ticket)
        return [record, *(event for event in events if event is not None)], found

    def _states(self, item: PendingCall) -> tuple[list[State], list[Problem]]:
        if item.packed is None:
            return [], []
        try:
            fetched = item.packed.fetch()
        except Exception as error:
            self.counts["failed_fetches"] += 1
            reason = f"the values could not be fetched from the device: {said_error(error)}"
            return [], [Problem("", reason)]

        if item.kind is Kind.HOST:
            states, problems = value_states(fetched.tree, self._counters, fetched.replicas)
        else:
            states, problems = tree_states(fetched.tree, fetched.replicas)
        self.counts["problems"] += len(problems) + len(fetched.problems)
        return states, [*fetched.problems, *problems]

    def _problem(self, item: PendingCall, problem: Problem) -> Draft | None:
        what = f"{problem.key or 'all metrics'} at step {item.step} of {item.mode}"
        return self._event(item, "metric_error", problem.key, f"{what}: {problem.reason}")

    def _not_finite(self, item: PendingCall, finding: Finding) -> Draft | None:
        name, what = ("nan", "NaN") if finding.nan else ("inf", "an infinity")
        text = f"{what} in {finding.key} at step {item.step} of {item.mode}"
        return self._event(item, name, finding.key, text)

    def _event(self, item: PendingCall, name: str, key: str, text: str) -> Draft | None:
        if (name, item.mode, key) in self._announced or len(self._announced) >= _ANNOUNCED:
            return None
        self._announced.add((name, item.mode, key))
        event = Event(
            name,
            safe_text(f"process {self._process} ({self._host}): {text}"),
            safe_text(item.mode),
            safe_text(key),
            self._host,
            {"kind": item.kind.label},
        )
        return body_draft(event, item.time, item.step, item.epoch)
