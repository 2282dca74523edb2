"""From the calls of a training loop to what the pipeline takes. Not thread-safe."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from ..proto.records import Event, Kind
from . import drafts
from .fetch import PendingCall
from .gate import Gate
from .inputs import FIRST_STEP, LAST_STEP, as_step, as_text, said
from .pack import pack_and_reset, pack_local
from .pipeline import Pipeline, Postprocess
from .timing import Timing

_shown = logging.getLogger("podlog")

_FETCH_DEADLINE_S = 300.0
_COMMIT_DEADLINE_S = 30.0


class Training:
    """Modes, steps and epochs of one process's loop.

    Args:
        pipeline: takes what is logged.
        gate: knows what is not finite.
        every: log when it divides the step.
        postprocess: the Logger's ``metric_postprocess_fn``.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        gate: Gate,
        every: int,
        postprocess: Postprocess | None,
    ) -> None:
        self.timing = Timing()
        self._pipeline = pipeline
        self._gate = gate
        self._every = every
        self._alone = pipeline.place.process_count == 1
        self._postprocess = postprocess
        self._last_ticket = 0

    def start(self) -> None:
        """A training begins: nothing is found yet."""
        self._gate.clear()
        self._pipeline.fetcher.forget_warnings()
        event = Event("training_start", "training starts")
        self._pipeline.tell(event, step=self._pipeline.progress.step, epoch=self.timing.epoch)

    def start_epoch(self, epoch: Any, step: Any, mode: Any) -> None:
        """Enters `mode`, whatever is said of epoch and step: `end_epoch` will leave it."""
        mode = as_text(mode)
        epoch = self._number("the epoch of start_epoch", epoch, self.timing.epoch)
        step = self._number("the step of start_epoch", step, self._pipeline.progress.step)
        self.timing.start_epoch(mode, epoch, step, time.monotonic())
        self._at(step)
        _shown.info("Starting epoch %s at step %s in mode %s.", epoch, step, mode)

    def passes(self, step: int) -> bool:
        """Whether this step does not log; notes that it was handed in."""
        if step % self._every == 0 or not FIRST_STEP <= step <= LAST_STEP:
            return False
        self._pipeline.handed.step(self.timing.mode, Kind.STEP, step)
        self._pipeline.progress.step = step
        self.timing.seen(step, time.monotonic())
        return True

    def log_step(self, metrics: Any, step: Any) -> Any:
        """Packs a train-step tree and returns fresh zeros, on a logging step."""
        step = as_step(step)
        if self.passes(step):
            return metrics
        mode, epoch = self.timing.mode, self.timing.epoch
        step_time = self.timing.logged(step, time.monotonic())
        packed, zeros = pack_and_reset(metrics)
        _shown.info("Logging at step %s in epoch %s in mode %s.", step, epoch, mode)
        self._at(step)
        extras = drafts.step_states(epoch, step_time)
        self._submit(Kind.STEP, mode, step, epoch, packed=packed, extras=extras)
        return zeros

    def log_host_metrics(self, metrics: Mapping[str, Any], step: Any, mode: str | None) -> None:
        """Packs this process's own values."""
        step = as_step(step)
        mode = self.timing.mode if mode is None else as_text(mode)
        self._submit(Kind.HOST, mode, step, self.timing.epoch, packed=pack_local(metrics))

    def end_epoch(self, metrics: Any, step: Any) -> dict[str, Any]:
        """Leaves the mode; this process's own values of it."""
        step = self._number("the step of end_epoch", step, self._pipeline.progress.step)
        ended = self.timing.end_epoch(time.monotonic())
        if ended is None:
            _shown.warning(
                "end_epoch at step %s outside every epoch: nothing is logged; "
                "call start_epoch before it",
                step,
            )
            return {}

        own: dict[str, Any] = {}
        trained = ended.mode == "train"
        ticket = self._submit(
            Kind.EPOCH,
            ended.mode,
            step,
            ended.epoch,
            packed=None if trained else pack_local(metrics),
            extras=drafts.epoch_states(ended.seconds),
            on_values=own.update,
        )
        self._pipeline.handed.leave(ended.mode, step)
        self._at(step)
        if not trained:
            self._pipeline.fetcher.wait(ticket, _FETCH_DEADLINE_S)
        if self._alone:
            self._pipeline.flush(_COMMIT_DEADLINE_S)
        own.pop("epoch_time", None)
        if not trained and self._postprocess is not None:
            own = self._postprocessed(own)
        return own | {"epoch_time": ended.seconds}

    def _postprocessed(self, own: dict[str, Any]) -> dict[str, Any]:
        what = "metric_postprocess_fn in end_epoch"
        with self._pipeline.guarded(what, None, "the metrics are returned without it"):
            assert self._postprocess is not None
            return dict(self._postprocess(dict(own)))
        return own

    def wait_fetched(self) -> None:
        """Waits, with a deadline, until what was handed in was looked at for NaN."""
        if not self._pipeline.fetcher.wait(self._last_ticket, _FETCH_DEADLINE_S):
            _shown.warning("values of a logging step did not come within %s s", _FETCH_DEADLINE_S)

    def request_stop(self, reason: str) -> None:
        """Asks for the end of this training, and says so."""
        taken = self._gate.request_stop()
        text = f"stop requested: {said(reason)}"
        text += "" if taken else " (not agreed in a pod: going on)"
        self._pipeline.tell(Event("stop_requested", text), step=self._pipeline.progress.step)

    def _number(self, what: str, value: Any, instead: int) -> int:
        with self._pipeline.guarded(what, None, f"{instead} is taken instead"):
            return as_step(value)
        return instead

    def _submit(self, kind: Kind, mode: str, step: int, epoch: int, **values: Any) -> int:
        self._pipeline.handed.step(mode, kind, step)
        ticket = self._last_ticket = self._pipeline.handed.ticket()
        item = PendingCall(
            ticket=ticket,
            kind=kind,
            mode=mode,
            step=step,
            epoch=epoch,
            time=time.time(),
            **values,
        )
        if not self._pipeline.fetcher.submit(item):
            self._pipeline.handed.done(ticket)
        return ticket

    def _at(self, step: int) -> None:
        self._pipeline.progress.step = step
        self._pipeline.progress.mode = self.timing.mode
