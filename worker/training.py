"""From the calls of a training loop to what the pipeline takes. Not thread-safe."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from ..proto.records import Event, Kind
from . import drafts
from .compiles import compiles
from .fetch import PendingCall
from .gate import Gate
from .inputs import FIRST_STEP, LAST_STEP, as_step, as_text, said
from .pack import pack_and_reset, pack_local
from .phases import FETCH
from .pipeline import Pipeline, Postprocess
from .timing import Ended, Timing

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
        self._steps, self._looks = False, 0
        compiles.watch(pipeline.progress)

    def end(self) -> None:
        """No training comes any more; safe twice."""
        compiles.unwatch(self._pipeline.progress)

    def start(self) -> None:
        """A training begins: nothing is found yet."""
        self._steps, self._looks = False, 0
        self._gate.training_started(self._last_ticket)
        self._pipeline.progress.training_started(time.monotonic())
        self._pipeline.fetcher.forget_warnings()
        event = Event("training_start", "training starts")
        self._pipeline.tell(event, step=self._pipeline.progress.step, epoch=self.timing.epoch)

    def start_epoch(self, epoch: Any, step: Any, mode: Any) -> None:
        """Enters `mode`, whatever is said of epoch and step: `end_epoch` will leave it."""
        mode = as_text(mode)
        epoch = self._number("the epoch of start_epoch", epoch, self.timing.epoch)
        step = self._number("the step of start_epoch", step, self._pipeline.progress.step)
        now = time.monotonic()
        self.timing.start_epoch(mode, epoch, step, now)
        self._pipeline.progress.entered_mode(mode, now)
        self._pipeline.progress.step = step
        _shown.info("Starting epoch %s at step %s in mode %s.", epoch, step, mode)

    def passes(self, step: int) -> bool:
        """Whether this step does not log; notes that it was handed in."""
        if step % self._every == 0 or not FIRST_STEP <= step <= LAST_STEP:
            return False
        self._pipeline.handed.step(self.timing.mode, Kind.STEP, step)
        now = time.monotonic()
        self._pipeline.progress.stepped(step, now)
        self.timing.seen(step, now)
        return True

    def log_step(self, metrics: Any, step: Any) -> Any:
        """Packs a train-step tree and returns fresh zeros, on a logging step."""
        step = as_step(step)
        if self.passes(step):
            return metrics
        self._steps = True
        mode, epoch = self.timing.mode, self.timing.epoch
        now, called = time.monotonic(), time.time()
        step_time = self.timing.logged(step, now)
        self._pipeline.progress.logged(step, step_time, now)
        packed, zeros = pack_and_reset(metrics)
        _shown.info("Logging at step %s in epoch %s in mode %s.", step, epoch, mode)
        extras = drafts.step_states(epoch, step_time)
        self._submit(Kind.STEP, mode, step, epoch, called, packed=packed, extras=extras)
        return zeros

    def log_host_metrics(self, metrics: Mapping[str, Any], step: Any, mode: str | None) -> None:
        """Packs this process's own values."""
        called = time.time()
        step = as_step(step)
        mode = self.timing.mode if mode is None else as_text(mode)
        self._submit(Kind.HOST, mode, step, self.timing.epoch, called, packed=pack_local(metrics))

    def end_epoch(self, metrics: Any, step: Any) -> dict[str, Any]:
        """Leaves the mode; this process's own values of it."""
        step = self._number("the step of end_epoch", step, self._pipeline.progress.step)
        ended, called = self.timing.end_epoch(time.monotonic()), time.time()
        if ended is None:
            _shown.warning(
                "end_epoch at step %s outside every epoch: nothing is logged; "
                "call start_epoch before it",
                step,
            )
            return {}

        self._pipeline.progress.step = step
        try:
            return self._ended(ended, metrics, step, called)
        finally:
            outside = not self.timing.mode_stack
            now = time.monotonic()
            self._pipeline.progress.left_mode(self.timing.mode, now, outside=outside)

    def _ended(self, ended: Ended, metrics: Any, step: int, called: float) -> dict[str, Any]:
        own: dict[str, Any] = {}
        trained = ended.mode == "train"
        ticket = self._submit(
            Kind.EPOCH,
            ended.mode,
            step,
            ended.epoch,
            called,
            packed=None if trained else pack_local(metrics),
            extras=drafts.epoch_states(ended.seconds),
            on_values=own.update,
        )
        self._pipeline.handed.leave(ended.mode, step)
        if not trained:
            with self._pipeline.progress.within(FETCH, "end_epoch"):
                self._pipeline.fetcher.wait(ticket, _FETCH_DEADLINE_S)
        if self._alone:
            with self._pipeline.progress.ours("end_epoch"):
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
        if self._pipeline.fetcher.fetched(self._last_ticket):
            return
        with self._pipeline.progress.within(FETCH):
            fetched = self._pipeline.fetcher.wait(self._last_ticket, _FETCH_DEADLINE_S)
        if not fetched:
            _shown.warning("values of a logging step did not come within %s s", _FETCH_DEADLINE_S)

    def found_nans(self) -> bool:
        """Passes a gate, once what was handed in was looked at.

        Its step is that of the last `log_step` or `should_stop`; in a loop that has
        neither the gates are counted. Host metrics may be of one process alone.
        """
        self.wait_fetched()
        self._looks += 1
        step = self._pipeline.progress.step if self._steps else self._looks
        self._pipeline.progress.touch("found_nans")
        return self._gate.pass_gate(step).nans

    def should_stop(self, step: Any) -> bool:
        """Passes the gate at `step`."""
        self._steps = True
        with self._pipeline.guarded("should_stop", None, "the last step is taken instead"):
            self._pipeline.progress.step = as_step(step)
        if self._gate.by_values:
            self.wait_fetched()
        self._pipeline.progress.touch("should_stop")
        return self._gate.pass_gate(self._pipeline.progress.step).stop

    def request_stop(self, reason: str) -> None:
        """Asks for the end of this training; alone, says so (else the coordinator does)."""
        text, step = said(reason), self._pipeline.progress.step
        self._gate.request("request", text, step)
        if self._alone:
            event = Event("stop_requested", f"stop requested: {text}")
            self._pipeline.tell(event, step=step)

    def _number(self, what: str, value: Any, instead: int) -> int:
        with self._pipeline.guarded(what, None, f"{instead} is taken instead"):
            return as_step(value)
        return instead

    def _submit(
        self, kind: Kind, mode: str, step: int, epoch: int, called: float, **values: Any
    ) -> int:
        self._pipeline.handed.step(mode, kind, step)
        ticket = self._last_ticket = self._pipeline.handed.ticket()
        item = PendingCall(
            ticket=ticket,
            kind=kind,
            mode=mode,
            step=step,
            epoch=epoch,
            time=called,
            **values,
        )
        with self._pipeline.progress.within(FETCH):
            taken = self._pipeline.fetcher.submit(item)
        if not taken:
            self._pipeline.handed.done(ticket)
        return ticket
