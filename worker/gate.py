"""What makes the training loop end: `found_nans` and `should_stop`."""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..proto import podlog_pb2 as pb
from ..proto.config import LoggerConfig
from ..proto.records import STOP_COUNTS_AS, Kind
from .agreement import Agreement, Answer, Hold, Outcome, Passed, Wish
from .ending import Ending
from .fetch import Found
from .inputs import as_text

_log = logging.getLogger(__name__)

_TEXT_MOST = 1000


class Gate:
    """Turns what was found and asked for into one answer for the training loop. Thread-safe.

    A NaN counts if it is in a STEP or EPOCH record, or anywhere under the
    policy ``"stop"``; an infinity only under its policy ``"stop"``. What every
    process holds alike (a replicated metric) sets `found_nans` at once, since
    then every process answers alike. All else comes true by agreement (see
    `Agreement`), at the same step on every process; alone, at once.

    The training thread passes gates; the link's thread calls `reconnected`,
    `receive` and `messages`; any thread may ask for a stop, even in a signal handler.

    Args:
        config: what a NaN and an infinity do, and how long a gate may be held.
        process_count: alone, nothing is agreed.

    Attributes:
        wake: called when `messages` has something new that the link's thread
            does not know of, with no lock held; set by whoever sends it.
        at: the last step handed in; set by whoever knows.
        holding: what the training thread is in while a gate is held; set likewise.
        by_values: whether values that are still on the device may make `stop` true.
    """

    def __init__(self, config: LoggerConfig, process_count: int) -> None:
        self.wake: Callable[[], object] = _nobody
        self.at: Callable[[], int] = _nowhere
        self.holding: Callable[[], AbstractContextManager[None]] = nullcontext
        self._stop_on = {True: config.nan == "stop", False: config.inf == "stop"}
        self._alone = process_count == 1
        self.by_values = self._alone and any(self._stop_on.values())
        self._changed = threading.Condition(threading.RLock())
        self._agreement = Agreement(config.timing.stop_timeout_s)
        self._found = self._stop = False
        self._counts_as: Ending | None = None
        self._stopped_at: int | None = None
        self._since = 0
        self._out: list[dict[str, Any]] = []
        self._told = False

    # ------------------------------------------------------- the training's side

    def pass_gate(self, step: int) -> Passed:
        """Comes to the gate at `step`: held while processes agree, at most ``stop_timeout_s``."""
        with self._changed:
            passed = self._agreement.gate(step, time.monotonic())
            if isinstance(passed, Hold):
                passed = self._held(passed)
            if self._stop and self._stopped_at is None:
                self._stopped_at = step
            if not (self._found or self._stop):
                return passed
            return Passed(passed.nans or self._found, passed.stop or self._stop)

    def _held(self, hold: Hold) -> Passed:
        try:
            with self.holding():
                left = hold.until - time.monotonic()
                self._changed.wait_for(lambda: hold.passed is not None, left)
        finally:
            passed = self._agreement.expired(hold)
        return passed

    def found(self, found: Found) -> None:
        """Takes what the guard found in one record; called by the fetch thread."""
        in_training = found.kind in (Kind.STEP, Kind.EPOCH)
        for finding in found.findings:
            stops = self._stop_on[finding.nan]
            if not (stops or (finding.nan and in_training)):
                continue
            kind = "nan" if finding.nan else "inf"
            text = f"{finding.key!r} is {'NaN' if finding.nan else 'infinite'} at step {found.step}"
            with self._changed:
                if found.ticket <= self._since:
                    return
                self._found |= finding.everywhere
                if stops:
                    self._stop_alone(kind, text)
            if stops or not finding.everywhere:
                self._wish(stop=stops, nans=True, kind=kind, text=text, step=found.step)

    def request(self, kind: str, text: str, step: int) -> None:
        """Asks for the end of the training: of every process's, at one step.

        Args:
            kind: ``"request"`` or ``"preempted"``.
            text: why.
            step: the last one handed in.
        """
        with self._changed:
            self._stop_alone(kind, text)
        self._wish(stop=True, nans=False, kind=kind, text=text, step=step)

    def training_started(self, ticket: int) -> None:
        """A new training: nothing found, asked or agreed yet.

        Args:
            ticket: the last one given out: what was handed in up to it was
                of the training before, whenever it is looked at.
        """
        with self._changed:
            self._found = self._stop = self._told = False
            self._counts_as = self._stopped_at = None
            self._since = ticket
            self._agreement.training_started()
            self._changed.notify_all()
            if self._alone:
                return
            self._out.append(_said(Answer(0, -1, self._agreement.training)))
        self.wake()

    def ending(self, said: Ending) -> Ending:
        """What ``finalize`` tells: alone, a success after a stop counts as what stopped it.

        In a pod the coordinator knows of the stop.
        """
        with self._changed:
            stop, at = self._counts_as, self._stopped_at
        if stop is None or said.error or said.status not in ("success", stop.status):
            return said
        return stop if at is None else Ending(stop.status, f"{stop.error}; it stopped at step {at}")

    @property
    def last_gate(self) -> int:
        """The greatest step of a gate that was passed in this training; -1: none."""
        return self._agreement.last_gate

    @property
    def training(self) -> int:
        """How often a training was started."""
        return self._agreement.training

    # ----------------------------------------------------------- the link's side

    def reconnected(self) -> None:
        """A connection is welcomed: what is not decided yet is asked for again."""
        with self._changed:
            self._out = [_asked(wish) for wish in self._agreement.wishes()]

    def receive(self, message: pb.StopProposal | pb.StopOutcome) -> None:
        """Takes a proposal or an outcome; the answer is among `messages`."""
        with self._changed:
            if isinstance(message, pb.StopProposal):
                answer = self._agreement.proposal(message.id, time.monotonic())
            else:
                outcome = Outcome(
                    message.id,
                    message.decided,
                    message.step,
                    message.stop,
                    message.nans,
                    message.training,
                )
                answer = self._agreement.outcome(outcome)
            self._changed.notify_all()
            self._out.append(_said(answer))

    def messages(self) -> list[dict[str, Any]]:
        """What is to be sent now, each as a field of `pb.WorkerMessage`."""
        with self._changed:
            self._watch()
            out, self._out = self._out, []
        return out

    def _watch(self) -> None:
        """Tells once of a loop that cannot stop."""
        step = None if self._told else self._agreement.unseen(self.at())
        if step is not None:
            self._told = True
            _log.warning(
                "stop step %d is agreed, but this loop asks neither should_stop nor found_nans",
                step,
            )

    def _stop_alone(self, kind: str, text: str) -> None:
        """Alone, a stop is decided as soon as it is asked for; the first that counts is kept."""
        if not self._alone:
            return
        self._stop = True
        if self._counts_as is None and kind in STOP_COUNTS_AS:
            self._counts_as = Ending(STOP_COUNTS_AS[kind], as_text(text)[:_TEXT_MOST])

    def _wish(self, *, stop: bool, nans: bool, kind: str, text: str, step: int) -> None:
        if self._alone:
            return
        text = as_text(text)[:_TEXT_MOST]
        with self._changed:
            wish = self._agreement.wish(stop=stop, nans=nans, kind=kind, text=text, step=step)
            if wish is None:
                return
            self._out.append(_asked(wish))
        self.wake()


def _nobody() -> None:
    """Until a link takes what is to be sent."""


def _nowhere() -> int:
    """Until a loop hands in steps."""
    return 0


def _asked(wish: Wish) -> dict[str, Any]:
    return {"stop_request": pb.StopRequest(**dataclasses.asdict(wish))}


def _said(answer: Answer) -> dict[str, Any]:
    return {"stop_answer": pb.StopAnswer(**dataclasses.asdict(answer))}
