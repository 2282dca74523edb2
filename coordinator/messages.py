"""What the coordinator says to a worker, and whom it says nothing but no."""

import importlib.metadata
import time

from ..proto import podlog_pb2 as pb
from ..proto.config import TimingConfig
from ..proto.control import Setup
from ..proto.errors import RefusedError
from ..proto.records import Verdict
from ..proto.session import PROTOCOL
from .opening import OpenRun
from .streams import Stream

VERSION = importlib.metadata.version("podlog")
SEND_INTERVAL_S = 0.2


def check_hello(hello: pb.Hello, setup: Setup) -> None:
    """Raises `RefusedError` for a process that cannot belong to the job."""
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


def welcome(stream: Stream, setup: Setup, timing: TimingConfig, ack: int) -> pb.CoordinatorMessage:
    """The answer to a Hello."""
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
            send_interval_s=min(5.0, SEND_INTERVAL_S * max(1.0, setup.process_count / 256)),
            heartbeat_s=timing.heartbeat_s,
            warnings=warnings,
        )
    )


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
