"""What the coordinator says to a worker, and whom it says nothing but no."""

import importlib.metadata
import math
import time
from pathlib import Path

from ..proto import podlog_pb2 as pb
from ..proto.config import TimingConfig
from ..proto.control import Setup
from ..proto.errors import RefusedError, WireError
from ..proto.records import Event, Verdict
from ..proto.session import PROTOCOL
from .core.beat import Beat
from .opening import OpenRun
from .streams import Stream

VERSION = importlib.metadata.version("podlog")
SEND_INTERVAL_S = 0.2
MOST_TRACE = 64 << 10
_MOST = (1 << 63) - 1


def check_numbers(hello: pb.Hello) -> None:
    """Raises `WireError` for a Hello with numbers that no worker has and no journal holds."""
    times = (hello.started, hello.job_started, hello.pid_started)
    if not hello.incarnation or not all(map(math.isfinite, times)) or hello.acked > _MOST:
        raise WireError(f"process {hello.process}: a Hello with impossible numbers")


def check_hello(hello: pb.Hello, setup: Setup) -> None:
    """Lets a process in that can belong to the job.

    Raises:
        RefusedError: it cannot.
        WireError: no worker says that.
    """
    check_numbers(hello)
    who = f"process {hello.process} on {hello.host or 'an unnamed host'}"
    if hello.protocol != PROTOCOL:
        raise RefusedError(
            f"{who} speaks protocol {hello.protocol} (podlog {hello.podlog_version}), this "
            f"coordinator {PROTOCOL} (podlog {VERSION}): install one version everywhere"
        )
    if hello.job_id and hello.job_id != setup.job_id:
        raise RefusedError(
            f"{who} belongs to job {hello.job_id}, this coordinator to job {setup.job_id}"
        )
    if hello.process >= setup.process_count or hello.process_count != setup.process_count:
        raise RefusedError(
            f"{who} is one of {hello.process_count} processes, "
            f"but this coordinator's job has {setup.process_count}"
        )


def check_run(stream: Stream, run: OpenRun) -> None:
    """Raises `RefusedError` for a process that logs another run."""
    asked = stream.hello.run_id
    if asked and asked != run.run_id:
        raise RefusedError(
            f"{stream.name} logs run {asked!r}, but this coordinator holds run "
            f"{run.run_id!r} in {run.log_path}"
        )


def check_open(message: pb.Open, run: OpenRun) -> None:
    """Raises `RefusedError` for an `Open` of another run than the one that is open."""
    here = run.log_path
    try:
        there = Path(message.log_path).resolve() if message.log_path else None
    except (ValueError, OSError, RuntimeError) as error:
        raise RefusedError(f"process 0 opens {message.log_path[:200]!r}: {error}") from error
    same_place = there == (here.resolve() if here is not None else None)
    if message.run_id not in ("", run.run_id) or not same_place:
        raise RefusedError(
            f"process 0 opens run {message.run_id!r} in {there}, but this "
            f"coordinator holds run {run.run_id!r} in {here}"
        )


def welcome(
    stream: Stream, setup: Setup, timing: TimingConfig | None, ack: int
) -> pb.CoordinatorMessage:
    """The answer to a Hello; without `timing` the worker keeps its own."""
    hello = stream.hello
    warnings: list[str] = []
    if hello.podlog_version != VERSION:
        warnings.append(
            f"{stream.name} runs podlog {hello.podlog_version}, its coordinator podlog {VERSION}"
        )
    return pb.CoordinatorMessage(
        welcome=pb.Welcome(
            incarnation=hello.incarnation,
            ack=ack,
            podlog_version=VERSION,
            job_id=setup.job_id,
            job_started=setup.started,
            send_interval_s=min(5.0, SEND_INTERVAL_S * max(1.0, setup.process_count / 256)),
            heartbeat_s=0.0 if timing is None else timing.heartbeat_s,
            warnings=warnings,
        )
    )


def one_line(text: str, most: int = 500) -> str:
    """What a worker said, fit for one line of ``output.log``."""
    return " ".join(text.split())[:most]


def one_status(text: str) -> str:
    """The status that a worker gave, fit for a line of a verdict."""
    return one_line(text, 40)


def failed_event(said: pb.Failed, stream: Stream) -> Event:
    """What a worker tells of a failure, for ``output.log`` and with its traceback."""
    status, error = one_status(said.status), one_line(said.error)
    text = f"{stream.name}: {status} ({error or 'no error was told'}) at step {said.step}"
    fields = {"status": status, "error": error, "trace": said.trace[:MOST_TRACE]}
    fields["step"] = str(said.step)
    return Event("failed", text, host=stream.hello.host, fields=fields)


def read_beat(said: pb.Heartbeat) -> Beat:
    """What a heartbeat says of its process; times that are none are 0."""
    return Beat(
        step=said.step,
        gate=said.gate,
        mode=said.mode,
        phase=said.phase,
        idle=_finite(said.idle_s),
        longest=_finite(said.longest_s),
        quiet=said.quiet,
        training=said.training,
        entered=dict(said.entered),
        steps=said.steps,
        phase_seconds={phase: _finite(spent) for phase, spent in said.phase_s.items()},
        step_seconds=_finite(said.step_s),
        offset=_finite(said.offset_s),
        round_trip=_finite(said.round_trip_s),
        backlog=said.backlog,
        pending=said.pending,
        nans=said.nans,
        last=one_line(said.last, 100),
        calls=said.calls,
    )


def _finite(seconds: float) -> float:
    return seconds if math.isfinite(seconds) else 0.0


def heartbeat_reply(heartbeat: pb.Heartbeat) -> pb.CoordinatorMessage:
    """The answer to a heartbeat."""
    now = time.time()
    reply = pb.HeartbeatReply(sent=heartbeat.sent, received=now, replied=now)
    return pb.CoordinatorMessage(heartbeat_reply=reply)


def opened_message(run: OpenRun, attempt: int) -> pb.CoordinatorMessage:
    """Which run it is, and the number of the worker's attempt."""
    log_path = "" if run.log_path is None else str(run.log_path)
    opened = pb.Opened(run_id=run.run_id, log_path=log_path, attempt=attempt)
    return pb.CoordinatorMessage(opened=opened)


def verdict_message(verdict: Verdict) -> pb.CoordinatorMessage:
    """How the chapter stands or ended."""
    return pb.CoordinatorMessage(
        verdict=pb.Verdict(
            status=verdict.status,
            final=verdict.final,
            waiting_for=verdict.waiting_for,
            root_cause=verdict.root_cause,
            chapter=verdict.chapter,
        )
    )
