"""Members of a job in one line, for tests of the pure core."""

from podlog.coordinator.core.beat import Beat
from podlog.coordinator.core.member import Change
from podlog.coordinator.core.members import Members
from podlog.coordinator.core.stopmessages import Stopped
from podlog.coordinator.core.verdict import verdict
from podlog.proto.config import TimingConfig

LOST_AFTER = 30.0
GLOO = "ValueError: UNKNOWN: Gloo all-reduce failed: Connection closed by peer"


def members(count: int, *, joined: bool = True, **timing: float) -> Members:
    """`count` processes on hosts of their own, which joined at 0."""
    found = Members(range(count), TimingConfig(**{"lost_after_s": LOST_AFTER} | timing), 0.0)
    for process in range(count if joined else 0):
        join(found, process, 0.0)
    return found


def join(found: Members, process: int, now: float, life: int = 0) -> list[Change]:
    """A process is connected, in its first or in a later life."""
    changes = found.joined(process, f"host{process}", 100 + process + 10 * life, now)
    return changes + found.link(process, True, now)


def states(found: Members) -> list[str]:
    """How they stand, by index."""
    return [m.state.value for m in found.all()]


def steps(changes: list[Change]) -> list[tuple[int, str]]:
    """Who came to which state."""
    return [(c.process, c.after.value) for c in changes]


def judged(found: Members, received: int | None = None, stopped: str = "") -> tuple[str, bool, str]:
    """Status, finality and root cause of the verdict; `stopped` says what for all stopped."""
    agreed = Stopped(stopped, 1, "'loss' is NaN at step 5", 7) if stopped else None
    result = verdict(found.all(), signal=received, stopped=agreed)
    return result.status, result.final, result.root_cause


def end(found: Members, now: float = 1000.0) -> tuple[str, str]:
    """Everything is over: status and root cause of the final verdict."""
    found.all_ended(now)
    for member in found.all():
        if member.connected:
            found.link(member.process, False, now)
    status, final, cause = judged(found)
    assert final
    return status, cause


def beat(step: int = 1, idle: float = 0.0, longest: float = 1.0, **more: object) -> Beat:
    """A heartbeat out of mode train."""
    return Beat(**{"step": step, "idle": idle, "longest": longest, "mode": "train"} | more)  # type: ignore[arg-type]
