"""How the job stands, as one message: what `podlog watch` shows."""

from collections.abc import Iterable

from ..proto import podlog_pb2 as pb
from ..proto.control import Setup
from ..proto.records import Verdict
from .core.clock import Clock
from .core.member import Member, State
from .core.slow import Slowness
from .feeds import Standing
from .messages import verdict_message
from .run import Run
from .streams import Stream

_GOES_ON = frozenset({State.RUNNING, State.STALLED, State.DISCONNECTED})
"""States of processes whose steps count for the global step."""


def of_run(run: Run, setup: Setup, *, rows: int, now: float, wall: float) -> pb.Snapshot:
    """The view of an open run; on the state thread.

    Args:
        run: the run.
        setup: the job.
        rows: given out so far.
        now: monotonic seconds.
        wall: seconds since the epoch.
    """
    opened = run.opened
    snapshot = pb.Snapshot(
        run_id=opened.run_id,
        log_path="" if opened.log_path is None else str(opened.log_path),
        job_id=setup.job_id,
        attempt=run.attempt,
        time=wall,
        started=setup.started,
        tools=tool_views(run.feeds.standings()),
        verdict=verdict_message(run.fate.verdict()).verdict,
        rows=rows,
        findings=[slow.text for slow in run.slow.found()],
        stop=run.stop.line,
    )
    members = run.members.all()
    steps = {m.process: _step(m, run.rows.clock) for m in members}
    known = [steps[m.process] for m in members if m.state in _GOES_ON]
    known = known or [steps[m.process] for m in members if m.incarnation]
    if known:
        snapshot.step_min, snapshot.step_max = min(known), max(known)
    snapshot.members.extend(
        _member_view(m, steps[m.process], snapshot.step_max, run.slow, now) for m in members
    )
    return snapshot


def of_lobby(setup: Setup, streams: Iterable[Stream], wall: float) -> pb.Snapshot:
    """The view of a job whose run process 0 has not opened yet."""
    here = {stream.hello.process: stream.hello for stream in streams}
    views = []
    for process in range(setup.process_count):
        there = process in here
        host = here[process].host if there else ""
        reason = "waits for process 0 to open the run" if there else ""
        views.append(
            pb.MemberView(
                process=process, host=host, state="joining", reason=reason, connected=there
            )
        )
    return pb.Snapshot(
        job_id=setup.job_id,
        time=wall,
        started=setup.started,
        members=views,
        verdict=unfinished(range(setup.process_count)),
    )


def unfinished(waiting_for: Iterable[int]) -> pb.Verdict:
    """The verdict of a job of which nothing is known yet."""
    return verdict_message(Verdict("unfinished", False, tuple(waiting_for))).verdict


def tool_views(tools: Iterable[Standing]) -> list[pb.ToolView]:
    """The tools of a view."""
    return [
        pb.ToolView(name=t.name, behind=t.behind, problem=t.problem, skipped=t.skipped)
        for t in tools
    ]


def _member_view(
    member: Member, step: int, front: int, slow: Slowness, now: float
) -> pb.MemberView:
    beat = member.beat
    since = 0.0 if member.beat_at is None else now - member.beat_at
    goes_on = member.state in _GOES_ON
    return pb.MemberView(
        process=member.process,
        host=member.host,
        state=member.state.value,
        status=member.status,
        reason=member.reason,
        step=step,
        lag=max(0, front - step) if goes_on else 0,
        mode=beat.mode,
        phase=beat.phase,
        step_s=beat.step_seconds,
        idle_s=beat.idle + since,
        backlog=beat.backlog,
        pending=beat.pending,
        nans=beat.nans,
        skew_s=-beat.offset if beat.round_trip else 0.0,
        heard_s=max(0.0, now - member.heard) if member.heard else 0.0,
        connected=member.connected,
        data_s=slow.seconds(member.process),
    )


def _step(member: Member, clock: Clock) -> int:
    """The last step handed in: what it sends with records is newer than its last heartbeat."""
    return max(member.beat.step, clock.step(member.process))
