"""The API: `Logger`, one in every JAX process."""

import contextlib
import itertools
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from ..cluster import pod
from ..proto.config import LoggerConfig
from ..proto.records import Event, Verdict
from ..proto.rows import Row
from ..proto.tool import LoggerTool
from .ending import Ending, ending_of, finalized
from .exit import ExitHook
from .forked import Home
from .gate import Gate
from .inputs import as_step, as_text
from .pipeline import Pipeline, Postprocess
from .runconfig import run_config, settled
from .training import Training

_log = logging.getLogger(__name__)
_ordinals = itertools.count()


class Logger:
    """Logs one JAX process; the coordinator merges what all of them log.

    Every process makes one, with the same config, after
    ``jax.distributed.initialize()``; in a single process the same code runs
    without a network. Use it as a context manager, or call `close` at the end.

    ``log_*`` calls never wait for anything but memory, and never raise: what
    cannot be logged becomes an event in ``output.log``. They belong to the training
    thread; `flush`, `merged`, `stats`, `verdict`, `request_stop` to any.

    Args:
        config: settings.
        metric_postprocess_fn: pure; takes and returns the metrics of a row. It
            runs here for what `end_epoch` returns, and on process 0 for merged rows.
        process_index, process_count: override JAX's; given together.
        coordinator_address: ``host:port`` of a coordinator that runs already.
        on_peer_failure: called with an event ``first_sign``, on a thread of its
            own, when another process fails, is lost or loses its connection.

    Attributes:
        config: the settings, with what the launcher says where they were open.
        log_path: folder of the run, or None.
        log_tools: the tools of a single process; empty in a pod.

    Raises:
        ConfigError: a setting cannot be used.
        MisuseError: made before ``jax.distributed.initialize()``.
        TypeError: a tool needs `log_path` and there is none.
        UnavailableError: the coordinator cannot be started.
    """

    def __init__(
        self,
        config: LoggerConfig,
        metric_postprocess_fn: Postprocess | None = None,
        *,
        process_index: int | None = None,
        process_count: int | None = None,
        coordinator_address: str | None = None,
        on_peer_failure: Callable[[Event], None] | None = None,
    ) -> None:
        self.config = settled(config)
        self.log_path: Path | None = self.config.log_path
        self.on_peer_failure = on_peer_failure
        self.config.validate()

        self._home = Home()
        self._place = pod.where(process_index, process_count)
        gate = Gate(self.config, self._place.process_count)
        self._pipeline = Pipeline(
            self.config,
            self._place,
            ordinal=next(_ordinals),
            coordinator_address=coordinator_address,
            postprocess=metric_postprocess_fn,
            gate=gate,
            on_peer_failure=on_peer_failure,
        )
        self.log_tools: list[LoggerTool] = self._pipeline.attachment.tools
        every = self.config.log_every_n_steps
        self._training = Training(self._pipeline, gate, every, metric_postprocess_fn)
        self._closed = False
        self._exit = ExitHook(self._pipeline.failed, self._close)
        self._exit.install()

    # -------------------------------------------------------------- where it is

    @property
    def epoch(self) -> int:
        """Number of the innermost running epoch."""
        return self._training.timing.epoch

    @property
    def mode(self) -> str:
        """The innermost mode; ``"default"`` outside every epoch."""
        return self._training.timing.mode

    @property
    def mode_stack(self) -> list[str]:
        """The running modes, outermost first."""
        return self._training.timing.mode_stack

    @property
    def run_id(self) -> str:
        """Name of the run; as configured until the coordinator has opened it."""
        opened = self._pipeline.link.wait_opened(0.0)
        return self.config.run_id if opened is None else opened.run_id

    # ------------------------------------------------------------- the training

    def log_config(self, config: Mapping[str, Any]) -> None:
        """Takes the run's configs by name; the newest counts, and process 0's only."""
        if self._place.process_index == 0:
            with self._guarded("log_config"):
                most = self.config.delivery.max_payload_mb << 20
                self._pipeline.tell(run_config(config, self.config.log_tools, most))

    def on_training_start(self) -> None:
        """A training begins: tools are set up, `found_nans` is cleared.

        Raises:
            MisuseError: the process joined its pod after this Logger was made.
        """
        pod.check(self._place)
        with self._guarded("on_training_start"):
            self._training.start()

    def start_epoch(self, epoch: int, step: int, mode: str = "train") -> None:
        """Enters `mode`; may be nested, and `end_epoch` comes back to the outer one."""
        with self._guarded("start_epoch", step):
            self._training.start_epoch(epoch, step, mode)

    def log_step(self, metrics: Any, step: int) -> Any:
        """Logs the train-step tree if ``log_every_n_steps`` divides the step.

        Args:
            metrics: tree of `update_metrics`; the arrays passed in on a
                logging step are the Logger's to keep.
            step: global step.

        Returns:
            On a logging step fresh zeros with the same structure and
            shardings, else `metrics` itself.
        """
        self._home.check()
        if type(step) is int and self._training.passes(step):
            return metrics
        with self._guarded("log_step", step):
            return self._training.log_step(metrics, step)
        return metrics

    def log_host_metrics(
        self, metrics: Mapping[str, Any], step: int, mode: str | None = None
    ) -> None:
        """Logs values of this process: numbers, arrays of size one, or wrappers.

        One call makes one record. Records of different processes become one
        row where they share a key at the same step.

        Args:
            metrics: values by key.
            step: global step.
            mode: None: the current mode.
        """
        with self._guarded("log_host_metrics", step):
            self._training.log_host_metrics(metrics, step, mode)

    def end_epoch(self, metrics: Any, step: int) -> tuple[Any, dict[str, Any]]:
        """Leaves the mode that `start_epoch` entered, and logs its epoch.

        Outside ``train`` it waits for this process's own values. In a single
        process it waits, in every mode, until the row is in the journal.

        Returns:
            `metrics` as they came, and this process's values: in ``train``
            only ``epoch_time`` (seconds), else the metrics, postprocessed,
            and ``epoch_time``.
        """
        with self._guarded("end_epoch", step):
            return metrics, self._training.end_epoch(metrics, step)
        return metrics, {}

    # ------------------------------------------------------------- when to stop

    @property
    def found_nans(self) -> bool:
        """Whether a NaN was logged in this training: on every process at the same step.

        Waits until the values handed in are there, and as `should_stop` does.
        """
        self._home.check()
        return self._training.found_nans()

    def should_stop(self, step: int) -> bool:
        """Whether every process shall leave the loop after `step`: all of them at the same one.

        Call it on every process at the same steps. While they agree on a step
        to stop at, it waits for that, at most ``stop_timeout_s``.
        """
        self._home.check()
        return self._training.should_stop(step)

    def request_stop(self, reason: str) -> None:
        """Asks for the end of the training: `should_stop` turns true, in a pod on all processes."""
        with self._guarded("request_stop"):
            self._training.request_stop(reason)

    def phase(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Names what this process does meanwhile: ``"data"``, ``"checkpoint"``, …"""
        self._home.check()
        return self._pipeline.progress.within(name, "phase")

    # ------------------------------------------------------------------ the run

    def merged(self, mode: str, step: int, timeout: float = 30.0) -> Row | None:
        """The merged row of (mode, step), the same for all; None if not closed in time."""
        with self._guarded("merged", step), self._waits("merged"):
            return self._pipeline.link.merged(as_text(mode), as_step(step), timeout)
        return None

    def flush(self, timeout: float = 60.0) -> bool:
        """Waits until everything logged here is in the journal; whether it is."""
        with self._waits("flush"):
            return self._pipeline.flush(timeout)

    def finalize(self, status: str = "success") -> Verdict:
        """This process is done: flushes, and waits for the other processes.

        Args:
            status: success, failure (or error), nan, preempted, interrupted,
                or any text.

        Returns:
            The verdict on the run; not `final` if ``finalize_timeout_s``
            passed first.
        """
        ending = finalized(as_text(status), sys.exc_info()[1])
        with self._waits("finalize"):
            return self._pipeline.finalize(ending, self.config.timing.finalize_timeout_s)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the run, as far as it is known here."""
        return self._pipeline.link.newest

    def stats(self) -> dict[str, Any]:
        """Counts of this process: records made, acknowledged, dropped, …"""
        return self._pipeline.stats()

    def close(self) -> None:
        """Flushes, says goodbye and ends all threads, within ``finalize_timeout_s``; safe twice."""
        self._home.check()
        self._close(Ending())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._home.here:
            self._close(ending_of(error))

    # ------------------------------------------------------------------- inside

    def _guarded(self, call: str, step: Any = None) -> contextlib.AbstractContextManager[None]:
        self._home.check()
        self._pipeline.progress.touch(call)
        return self._pipeline.guarded(call, step)

    def _waits(self, call: str) -> contextlib.AbstractContextManager[None]:
        self._home.check()
        return self._pipeline.progress.ours(call)

    def _close(self, ending: Ending) -> None:
        if self._closed:
            return
        self._closed = True
        self._training.end()
        self._exit.remove()
        if not self._pipeline.close(self.config.timing.finalize_timeout_s, ending):
            stats = self.stats()
            _log.warning("closed with %d of %d records delivered", stats["acked"], stats["made"])
