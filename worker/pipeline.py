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
from collections.abc import Callable, Sequence
from typing import Any

from ..cluster import discover, env, pod
from ..cluster.pod import Place
from ..proto import podlog_pb2 as pb
from ..proto.codec import Body, body_draft, safe_text
from ..proto.config import LoggerConfig
from ..proto.records import Draft, Event, Verdict
from ..proto.spoolfolder import spool_folder
from . import identity
from .ending import Ending
from .fate import Fate
from .fetch import Fetcher, Found
from .gate import Gate
from .handed import Handed
from .leftover import Leftover
from .link import Link
from .mishaps import Mishaps
from .peers import Peers
from .phases import Phases
from .preempt import Preemption
from .spool import Spool
from .spooler import Spooler
from .stacks import dump
from .textlog import TextLog
from .transport import grpc_connector

_shown = logging.getLogger("podlog")

_STUCK_S = 5.0
"""How long a process that failed waits for values on its device: a peer may be gone."""

_RESERVE_S = 1.0
"""Of finalize's time, kept for an answer where not all can be delivered."""

Postprocess = Callable[[dict[str, Any]], dict[str, Any]]


class Pipeline:
    """All threads of one Logger and the parts between them. Thread-safe.

    Args:
        config: the Logger's config, `log_path` settled.
        place: which process this is.
        ordinal: how many Loggers this process made before.
        coordinator_address: as the Logger's argument.
        postprocess: the Logger's ``metric_postprocess_fn``, or None.
        gate: told of what is not finite, and of what the link hears of stops.
        on_peer_failure: as the Logger's argument.

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
        gate: Gate,
        on_peer_failure: Callable[[Event], None] | None = None,
    ) -> None:
        self.place = place
        self.progress = Phases()
        self._gate = gate
        self._who = safe_text(f"process {place.process_index} ({place.host})")
        self._mishaps = Mishaps(self._who, self._told)
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
        aborts = config.fate.abort_on_peer_failure
        self._peers = Peers(place.process_index, on_peer_failure, self._save if aborts else None)
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
            fate=Fate(
                gate,
                on_sign=self._peers.told,
                stacks=lambda: dump(self.progress.thread),
            ),
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
        self._hurry = False
        gate.wake = self.link.poke
        gate.at = lambda: self.progress.step
        gate.holding = lambda: self.progress.ours("")
        if place.process_count > 1:
            self._peers.start()
        self.link.start()
        self.spooler.start()
        self.fetcher.start()
        self._preemption = Preemption(
            lambda kind, why: gate.request(kind, why, self.progress.step),
            pod.preempted if place.process_index == 0 and place.process_count > 1 else None,
            self._peers.failed,
        ).begin(sigterm=config.fate.sigterm)
        if self._textlog is not None:
            self._textlog.install()

    def tell(self, body: Body, *, step: int = 0, epoch: int = 0) -> None:
        """Hands an event, a log line or a config over."""
        draft = body_draft(body, time.time(), step, epoch)
        self.spooler.put(self.handed.ticket(), [draft])

    def _told(self, event: Event) -> None:
        self.tell(event, step=self.progress.step)

    def guarded(
        self, call: str, step: Any, so: str = "the call was not logged"
    ) -> contextlib.AbstractContextManager[None]:
        """After start-up nothing of ours may raise into a training step."""
        return self._mishaps.guarded(call, step, so)

    def flush(self, timeout: float) -> bool:
        """Waits until everything handed in is in the journal; whether it is."""
        deadline = time.monotonic() + timeout
        if not self.fetcher.drain(self._patience(timeout)):
            return False
        seq = self.spooler.flush(max(0.0, deadline - time.monotonic()))
        return seq is not None and self.link.wait_acked(seq, max(0.0, deadline - time.monotonic()))

    def failed(self, ending: Ending) -> None:
        """Tells at once how the training ended, unless it ended well."""
        known, self._hurry = self._hurry, ending.failed
        if ending.failed:
            report = pb.Failed(
                status=ending.status,
                error=ending.error,
                trace=ending.trace,
                step=self.progress.step,
            )
            self.link.failed(report)
            if ending.error and not known:
                _shown.error("training ended by %s", ending.error)

    def _patience(self, timeout: float) -> float:
        """How long to wait for values of a device."""
        return min(_STUCK_S, timeout) if self._hurry else timeout

    def finalize(self, ending: Ending, timeout: float) -> Verdict:
        """Flushes, says that this process is done, and waits for the verdict."""
        if self._mishaps.check_over("finalize"):
            return self.link.newest or Verdict("unfinished", final=False)
        deadline = time.monotonic() + timeout
        self.failed(ending)
        self.flush(timeout - min(_RESERVE_S, timeout / 4))
        ending = self._gate.ending(ending)
        self.link.finalize(ending.status, self.spool.last_seq, ending.error)
        verdict = self.link.verdict(max(0.0, deadline - time.monotonic()))
        verdict = verdict or Verdict("unfinished", final=False)
        if verdict.final:
            return verdict
        waiting = self.spooler.waiting + self.fetcher.pending
        left = Leftover(self.spool.last_seq - self.spool.acked + waiting, waiting)
        if left.total:
            where = left.where(self.spool.folder, self._setting)
            text = "%s: finalize: %d records are not delivered after %g s; %s"
            _shown.warning(text, self._who, left.total, timeout, where)
        return dataclasses.replace(verdict, undelivered=left.total)

    def stats(self) -> dict[str, Any]:
        """The counts of all parts."""
        return {
            **self.fetcher.stats(),
            **self.spooler.stats(),
            **self.link.stats(),
            "last_seq": self.spool.last_seq,
            "failed_calls": self._mishaps.failed,
            "lines_not_shown": 0 if self._textlog is None else self._textlog.not_shown,
        }

    def _save(self, timeout: float) -> None:
        """Brings what was logged to the spool, as far as it goes."""
        deadline = time.monotonic() + timeout
        self.fetcher.drain(timeout / 2)
        self.spooler.flush(max(0.1, deadline - time.monotonic()))

    def close(self, timeout: float, ending: Ending) -> bool:
        """Hands everything on, says goodbye, joins all threads; safe twice.

        Returns:
            Whether everything was delivered; what was not stays in the spool.
        """
        if not self._closed.acquire(blocking=False):
            return True
        self._mishaps.over = True
        self._preemption.close()
        if ending.failed:
            self.failed(ending)
        self._peers.close()
        if self._textlog is not None:
            self._textlog.remove()
        deadline = time.monotonic() + timeout
        fetched = self.fetcher.close(self._patience(timeout))
        spooled = self.spooler.close(max(0.1, deadline - time.monotonic()))
        left = max(0.1, deadline - time.monotonic())
        delivered = self.link.close(left, ending.status, ending.error)
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
                self._gate.found(found)
            self.spooler.put(ticket, drafts)
        except Exception:
            self.handed.done(ticket)  # else no later step would ever count as handed in
            raise

    def _heartbeat(self) -> pb.Heartbeat:
        fetched = self.fetcher.stats()
        beat = pb.Heartbeat(pending=fetched["pending"], nans=fetched["not_finite"])
        self.progress.fill(beat, time.monotonic())
        beat.gate, beat.training = self._gate.last_gate, self._gate.training
        return beat
