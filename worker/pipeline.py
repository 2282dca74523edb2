"""The road from a Logger's calls to its coordinator: one owner for every thread on it.

::

    log_step ─► Fetcher ─► Spooler ─► Spool ─► Link ═► coordinator
    log_host_metrics ────────┘

Started from the end to the beginning, closed from the beginning to the end, so
that each part can still hand on what it holds.
"""

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..cluster import discover, env
from ..cluster.pod import Place
from ..proto import podlog_pb2 as pb
from ..proto.codec import Body, body_draft, safe_text
from ..proto.config import LoggerConfig
from ..proto.records import Draft, Event, Verdict
from ..proto.spoolfolder import spool_folder
from . import identity
from .fetch import Fetcher, Found
from .handed import Handed
from .inputs import as_text, said, said_error
from .link import Link
from .spool import Spool
from .spooler import Spooler
from .textlog import TextLog
from .transport import grpc_connector

_log = logging.getLogger(__name__)
_shown = logging.getLogger("podlog")

_ERRORS_TOLD = 100

Postprocess = Callable[[dict[str, Any]], dict[str, Any]]


@dataclasses.dataclass
class Progress:
    """Where the training loop is, for heartbeats; written by it, read by the link."""

    step: int = 0
    mode: str = "default"
    phase: str = ""

    @contextlib.contextmanager
    def within(self, phase: str) -> Iterator[None]:
        """Names the phase meanwhile."""
        outer, self.phase = self.phase, as_text(phase)
        try:
            yield
        finally:
            self.phase = outer


class Pipeline:
    """All threads of one Logger and the parts between them. Thread-safe.

    Args:
        config: the Logger's config, `log_path` settled.
        place: which process this is.
        ordinal: how many Loggers this process made before.
        coordinator_address: as the Logger's argument.
        postprocess: the Logger's ``metric_postprocess_fn``, or None.
        on_found: told by the fetch thread of what is not finite.

    Raises:
        ConfigError, MisuseError, UnavailableError: as `discover.attach`.
    """

    def __init__(
        self,
        config: LoggerConfig,
        place: Place,
        *,
        ordinal: int,
        coordinator_address: str | None,
        postprocess: Postprocess | None,
        on_found: Callable[[Found], None],
    ) -> None:
        self.place = place
        self.progress = Progress()
        self._on_found = on_found
        self._who = safe_text(f"process {place.process_index} ({place.host})")
        self._failed = 0
        self._errors: set[tuple[str, str]] = set()
        self._textlog = self._text_log(config)
        self.attachment = discover.attach(
            config, place, ordinal=ordinal, coordinator_address=coordinator_address
        )
        first = place.process_index == 0
        try:
            opening = self._opening(config, postprocess) if first else None
        except BaseException:
            self.attachment.close(1.0)
            raise
        folder = spool_folder(config)
        self._setting = "this log_path" if config.delivery.spool_dir is None else "this spool_dir"
        self.hello = identity.hello(place, config.run_id, self.attachment.known, folder)
        self.handed = Handed()
        self.spool = Spool(
            folder,
            self.hello,
            cap_bytes=config.delivery.spool_cap_mb << 20,
            fsync=config.delivery.fsync,
        )
        endpoint = self.attachment.endpoint
        self.link = Link(
            endpoint.connect if endpoint else grpc_connector(self.attachment.contact),
            self.hello,
            self.spool,
            self.handed,
            heartbeat=self._heartbeat,
            open=None if opening is None else lambda: opening,
            postprocess=postprocess if first else None,
            heartbeat_s=config.timing.heartbeat_s,
            orphans=folder,
        )
        self.spooler = Spooler(self.spool, self.handed, self.link.wake)
        self.fetcher = Fetcher(
            self._sink,
            process=place.process_index,
            process_count=place.process_count,
            host=place.host,
            pending_steps=config.delivery.pending_steps,
            max_payload=config.delivery.max_payload_mb << 20,
        )
        self._closed = threading.Lock()
        self._over = self._told_over = False
        self.link.start()
        self.spooler.start()
        self.fetcher.start()
        if self._textlog is not None:
            self._textlog.install()

    def tell(self, body: Body, *, step: int = 0, epoch: int = 0) -> None:
        """Hands an event, a log line or a config over."""
        draft = body_draft(body, time.time(), step, epoch)
        self.spooler.put(self.handed.ticket(), [draft])

    @contextlib.contextmanager
    def guarded(self, call: str, step: Any, so: str = "the call was not logged") -> Iterator[None]:
        """After start-up nothing of ours may raise into a training step.

        Each error is told once, and counted.
        """
        if self._over:
            self._tell_over(call)
        try:
            yield
        except Exception as error:
            self._failed += 1
            text = said_error(error)
            if (call, text) in self._errors or len(self._errors) >= _ERRORS_TOLD:
                return
            self._errors.add((call, text))
            _log.debug("%s failed", call, exc_info=True)
            where = call if step is None else f"{call} at step {said(step)}"
            with contextlib.suppress(Exception):
                event = Event("log_error", f"{self._who}: {where}: {text}; {so}")
                self.tell(event, step=self.progress.step)

    def _tell_over(self, call: str) -> None:
        if not self._told_over:
            self._told_over = True
            _shown.warning("%s after close: nothing is logged any more; make a new Logger", call)

    def flush(self, timeout: float) -> bool:
        """Waits until everything handed in is in the journal; whether it is."""
        deadline = time.monotonic() + timeout
        if not self.fetcher.drain(timeout):
            return False
        seq = self.spooler.flush(max(0.0, deadline - time.monotonic()))
        return seq is not None and self.link.wait_acked(seq, max(0.0, deadline - time.monotonic()))

    def finalize(self, status: str, timeout: float) -> Verdict:
        """Flushes, says that this process is done, and waits for the verdict."""
        if self._over:
            self._tell_over("finalize")
            return self.link.verdict(0.0) or Verdict(status, final=False)
        deadline = time.monotonic() + timeout
        self.flush(timeout)
        self.link.finalize(status, self.spool.last_seq)
        verdict = self.link.verdict(max(0.0, deadline - time.monotonic()))
        verdict = verdict or Verdict(status, final=False)
        return verdict if verdict.final else self._left(verdict, timeout)

    def _left(self, verdict: Verdict, timeout: float) -> Verdict:
        """Says what was not delivered when `finalize` gave up waiting."""
        waiting = self.spooler.waiting + self.fetcher.pending
        count = self.spool.last_seq - self.spool.acked + waiting
        if count:
            _shown.warning(
                "%s: finalize: %d records are not delivered after %g s; %s",
                self._who,
                count,
                timeout,
                self._kept(waiting),
            )
        return dataclasses.replace(verdict, undelivered=count)

    def _kept(self, waiting: int) -> str:
        folder = self.spool.folder
        if folder is None:
            return "they are in memory only (no log_path) and end with this process"
        text = f"they are kept in {folder} and delivered at the next start with {self._setting}"
        return f"{text}; {waiting} of them are not on the disk yet" if waiting else text

    def stats(self) -> dict[str, Any]:
        """The counts of all parts."""
        return {
            **self.fetcher.stats(),
            **self.spooler.stats(),
            **self.link.stats(),
            "last_seq": self.spool.last_seq,
            "failed_calls": self._failed,
            "lines_not_shown": 0 if self._textlog is None else self._textlog.not_shown,
        }

    def close(self, timeout: float, status: str) -> bool:
        """Hands everything on, says goodbye, joins all threads; safe twice.

        Returns:
            Whether everything was delivered; what was not stays in the spool.
        """
        if not self._closed.acquire(blocking=False):
            return True
        self._over = True
        if self._textlog is not None:
            self._textlog.remove()
        deadline = time.monotonic() + timeout
        fetched = self.fetcher.close(timeout)
        spooled = self.spooler.close(max(0.1, deadline - time.monotonic()))
        delivered = self.link.close(max(0.1, deadline - time.monotonic()), status)
        if self.spooler.ended:  # else a write is still stuck in it
            self.spool.close()
        self.attachment.close(max(1.0, deadline - time.monotonic()))
        return fetched and spooled and delivered

    def _opening(self, config: LoggerConfig, postprocess: Postprocess | None) -> pb.Open:
        alone = self.attachment.endpoint is not None and self.place.process_count == 1
        tools = [] if alone else config.log_tools  # alone: they were made here
        return identity.opening(config, tools, postprocess is not None)

    def _text_log(self, config: LoggerConfig) -> TextLog | None:
        """Without a run folder Python's logging is left alone."""
        if config.log_path is None:
            return None
        rank, progress = self.place.process_index, self.progress
        level = env.log_level() if rank == 0 else None
        return TextLog(
            rank,
            self.place.host,
            lambda draft: self.spooler.put(None, [draft]),
            lambda: progress.step,
            level,
        )

    def _sink(self, ticket: int, drafts: Sequence[Draft], found: Found | None) -> None:
        try:
            if found is not None:
                self._on_found(found)
            self.spooler.put(ticket, drafts)
        except Exception:
            self.handed.done(ticket)  # else no later step would ever count as handed in
            raise

    def _heartbeat(self) -> pb.Heartbeat:
        at = self.progress
        return pb.Heartbeat(
            step=at.step, mode=at.mode, phase=at.phase, pending=self.fetcher.pending
        )
