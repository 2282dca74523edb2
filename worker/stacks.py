"""The stacks of all threads as text, without touching a disk."""

import sys
import threading
from pathlib import Path
from types import FrameType

from ..proto import podlog_pb2 as pb

MOST_BYTES = 256 << 10
"""How long the text may be."""

_MOST_FRAMES = 100
_OURS = "podlog."
_STANDARD = (str(Path(threading.__file__).parent), "<frozen")
_INSTALLED = ("site-packages", "dist-packages")


def dump(thread: int) -> pb.Stacks:
    """The stacks of all threads of this process; callable from any of them.

    Args:
        thread: identifier of the training thread, which comes first.

    Returns:
        The text, at most `MOST_BYTES`, and as `frame` the line where the
        training thread is: its innermost frame that podlog did not call.
    """
    frames = sys._current_frames()
    names = {t.ident: t.name for t in threading.enumerate()}
    order = sorted(frames, key=lambda ident: (ident != thread, names.get(ident, ""), ident))
    parts = [_thread(frames[i], names.get(i, "?"), training=i == thread) for i in order]
    text = "\n".join(parts).encode("utf-8", "backslashreplace")
    if len(text) > MOST_BYTES:
        text = text[: MOST_BYTES - 20] + b"\n... (cut here)\n"
    at = frames.get(thread)
    frame = "the training thread has ended" if at is None else _line(_caller(at))
    return pb.Stacks(
        text=text.decode("utf-8", "ignore"),
        frame=frame.encode("utf-8", "backslashreplace").decode(),
    )


def _thread(frame: FrameType, name: str, *, training: bool) -> str:
    """One thread, the innermost frame last, as in a traceback."""
    outwards = _outwards(frame)
    left = len(outwards) - _MOST_FRAMES
    lines = [f"thread {name}{' (the training thread)' if training else ''}:"]
    lines += [f"  ... {left} frames more"] if left > 0 else []
    lines += [f"  {_line(at)}" for at in reversed(outwards[:_MOST_FRAMES])]
    return "\n".join(lines) + "\n"


def _outwards(frame: FrameType | None) -> list[FrameType]:
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


def _caller(frame: FrameType) -> FrameType:
    """The innermost frame that is not podlog's nor the library's below podlog."""
    found = None
    library = True
    for at in _outwards(frame):
        if _is_ours(at):
            found = None if library else found
        else:
            library = library and _is_library(at.f_code.co_filename)
            found = found or at
    return found or frame


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith(_OURS)


def _is_library(path: str) -> bool:
    return path.startswith(_STANDARD) or any(part in path for part in _INSTALLED)


def _line(frame: FrameType) -> str:
    code = frame.f_code
    return f"{code.co_filename}:{frame.f_lineno} in {code.co_qualname}"
