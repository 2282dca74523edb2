"""The stop agreement's way in and out: messages in, what is agreed into the journal, then out."""

import time
from collections.abc import Callable, Sequence, Set

from ..proto import podlog_pb2 as pb
from ..proto.records import Event
from .core.stop import Action, Answer, Note, Outcome, Propose, Request, Split, StopAgreement
from .jobsetting import JobSetting
from .journal import Journal
from .messages import one_line
from .streams import Outbox, Stream


class Stopping:
    """Runs the agreement of a job. Owned by the state thread; belongs into a transaction.

    What stands is in the journal when the transaction is committed, and only
    then are workers told.

    Args:
        journal: keeps the agreement.
        job_id: the life of the job that it is of.
        timeout_s: ``timing.stop_timeout_s``.
        outbox: takes what workers are to be told.
        unfinished: the processes that are neither done nor gone.
        on_event: takes an event about a process.
        missed: told of a process that missed the agreed step, why, and when.
    """

    def __init__(
        self,
        journal: Journal,
        job_id: str,
        timeout_s: float,
        *,
        outbox: Outbox,
        unfinished: Callable[[], Set[int]],
        on_event: Callable[[Event, int], None],
        missed: Callable[[int, str, float], None],
    ) -> None:
        self.agreement = StopAgreement(timeout_s, unfinished, int(time.time() * 1000))
        self._setting = JobSetting(journal, "stop", job_id)
        self._outbox = outbox
        self._on_event = on_event
        self._missed = missed
        self._changed = False
        self._counts: dict[int, tuple[int, int]] = {}
        self._kept: str = self._setting.read() or ""
        if self._kept:
            self.agreement.recall(self._kept)

    def requested(self, stream: Stream, message: pb.StopRequest, now: float) -> None:
        """A process asks for a stop."""
        request = Request(
            stream.hello.process,
            message.stop,
            message.nans,
            one_line(message.kind, 40),
            one_line(message.text),
            message.step,
            message.training,
        )
        self._do(self.agreement.requested(request, now), now)

    def answered(self, stream: Stream, message: pb.StopAnswer, now: float) -> None:
        """A process answers a proposal or an outcome."""
        answer = Answer(message.id, message.gate, message.training, message.outcome)
        self._do(self.agreement.answered(stream.hello.process, answer, now), now)

    def joined(self, process: int, incarnation: int, now: float) -> None:
        """A process's stream is open: it is told what stands."""
        self._do(self.agreement.joined(process, incarnation, now), now)

    def left(self, process: int, now: float) -> None:
        """A process's stream has ended."""
        self._do(self.agreement.left(process, now), now)

    def ended(self, process: int, now: float) -> None:
        """A process is done or lost, or said goodbye."""
        self._do(self.agreement.ended(process, now), now)

    def training(self, stream: Stream, count: int, now: float) -> None:
        """How often a process has called ``on_training_start``."""
        hello = stream.hello
        if self._counts.get(hello.process) != (hello.incarnation, count):
            self._counts[hello.process] = (hello.incarnation, count)
            self._do(self.agreement.training(hello.process, hello.incarnation, count, now), now)

    def tick(self, now: float) -> None:
        """What time changes."""
        actions = self.agreement.tick(now)
        if actions:
            self._do(actions, now)

    def next_deadline(self) -> float | None:
        """When `tick` has something to do."""
        return self.agreement.next_deadline()

    def remember(self) -> None:
        """The last of a transaction: the journal has what stands, once a stop was asked for.

        Before that there are only counts, which heartbeats tell again: whoever
        merely says hello leaves no trace.
        """
        if not self._changed or not (self._kept or self.agreement.line):
            return
        self._changed = False
        text = self.agreement.dump()
        if text != self._kept:
            self._kept = text
            self._setting.write(text)

    def _do(self, actions: Sequence[Action], now: float) -> None:
        self._changed = True
        for action in actions:
            match action:
                case Propose():
                    self._outbox.tell_process(action.process, _proposal(action))
                case Outcome():
                    self._outbox.tell_process(action.process, _outcome(action))
                case Note():
                    self._on_event(Event(action.name, action.text), action.process)
                case Split():
                    text = f"missed stop step {action.step} (it was at {action.gate})"
                    event = Event("stop_split", f"process {action.process} {text}")
                    self._on_event(event, action.process)
                    self._missed(action.process, text, now)


def _proposal(action: Propose) -> pb.CoordinatorMessage:
    asked = action.request
    proposal = pb.StopProposal(
        id=action.id,
        stop=asked.stop,
        nans=asked.nans,
        kind=asked.kind,
        text=asked.text,
        process=asked.process,
    )
    return pb.CoordinatorMessage(stop_proposal=proposal)


def _outcome(action: Outcome) -> pb.CoordinatorMessage:
    outcome = pb.StopOutcome(
        id=action.id, decided=action.decided, step=action.step, training=action.training
    )
    asked = action.request
    if asked is not None:
        outcome.stop, outcome.nans = asked.stop, asked.nans
        outcome.kind, outcome.text, outcome.process = asked.kind, asked.text, asked.process
    return pb.CoordinatorMessage(stop_outcome=outcome)
