"""What a coordinator and the process that started it say to each other.

One JSON object a line: down the coordinator's stdin come `Setup` first, then
`Signalled`, `ProcessExit` and `AllEnded` from a launcher; end of file says that the parent
is gone. Up its stdout come `Ready` (or `Failed`), then `Opened`,
`ConsoleLine`, `FirstSign` and last `Ended`.
"""

import base64
import dataclasses
import json
import typing
from typing import Any

from .errors import WireError

JOURNAL_GONE = 74
"""Exit code of a coordinator whose journal was deleted: another one begins a new journal."""

ABORTED = 76
"""Exit code of a process that ended itself because another one had failed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Setup:
    """Everything a coordinator must know before it listens.

    `open` is the serialized `pb.Open` that one before it, which died, had
    served (see `Opened`): the run is opened at once, without process 0.
    `log_path` and `run_id` are the launcher's: where the verdict of a job is
    kept whose process 0 never came to open a run; "": nowhere.
    `visited`: each other process has a launcher of its own, which must hear the verdict.
    """

    job_id: str
    started: float
    token: str = dataclasses.field(repr=False)
    process_count: int
    cert: bytes = dataclasses.field(default=b"", repr=False)
    key: bytes = dataclasses.field(default=b"", repr=False)
    bind: str = "127.0.0.1"
    port: int = 0
    launched: bool = False
    open: bytes = dataclasses.field(default=b"", repr=False)
    log_path: str = ""
    run_id: str = ""
    visited: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class ProcessExit:
    """The launcher's word on one process: exit code, or the signal that ended it.

    `caused` is false where the launcher itself ended it: never a root cause.
    `received` is what the launcher itself had received by then, if it did: the
    first sign, which must be known before the last process's end makes a verdict.
    `out_of_memory`: the kernel killed it for want of memory.
    """

    process: int
    pid: int
    code: int | None = None
    signal: int | None = None
    caused: bool = True
    received: int | None = None
    out_of_memory: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Signalled:
    """The launcher received a signal, which it passes on: the first sign of all.

    The coordinator says it back once it counts: what the signal brings about in the
    processes may reach it sooner than this would.
    """

    signal: int


@dataclasses.dataclass(frozen=True, slots=True)
class AllEnded:
    """Every process of the job has ended: settle and end.

    `signal` is what the launcher itself received, if it did. `unwatched`: the
    launcher is gone, and nobody has seen how they ended.
    """

    signal: int | None = None
    unwatched: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Ready:
    """The coordinator listens."""

    port: int


@dataclasses.dataclass(frozen=True, slots=True)
class Failed:
    """The coordinator cannot start; the message says what to do."""

    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """Process 0 opened the run.

    `open` is its serialized `pb.Open`: the parent keeps it in memory and gives
    it to a coordinator that it starts again.
    """

    run_id: str
    log_path: str
    attempt: int
    open: bytes = dataclasses.field(default=b"", repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class ConsoleLine:
    """A line for the terminal."""

    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class FirstSign:
    """A process failed, ended or was lost, and it was the first: the job will not succeed.

    Told once for each process that becomes the first; hard signs only, never a
    mere broken connection.
    """

    process: int
    status: str
    reason: str
    host: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """The coordinator has settled; its last line."""

    status: str
    root_cause: str = ""
    rows: int = 0


Notice = (
    Setup
    | Signalled
    | ProcessExit
    | AllEnded
    | Ready
    | Failed
    | Opened
    | ConsoleLine
    | FirstSign
    | Ended
)

_TYPES: dict[str, type[Notice]] = {kind.__name__: kind for kind in typing.get_args(Notice)}


def dump(notice: Notice) -> bytes:
    """The line of a notice, with its newline."""
    values = {
        name: {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
        for name, value in dataclasses.asdict(notice).items()
    }
    return json.dumps({"type": type(notice).__name__} | values).encode() + b"\n"


def load(line: bytes) -> Notice:
    """The notice in a line.

    Raises:
        WireError: not one of ours.
    """
    try:
        values = json.loads(line)
        kind = _TYPES[values.pop("type")]
        fields: dict[str, Any] = {
            name: base64.b64decode(value["base64"]) if isinstance(value, dict) else value
            for name, value in values.items()
        }
        return kind(**fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WireError(f"not a control line: {line[:80]!r} ({error})") from error
