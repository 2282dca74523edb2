"""The framed log file: appended whole or not at all, locked while its writer lives."""

import errno
import fcntl
import os
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import pytest

from podlog.proto.logfile import LogFile
from podlog.proto.pieces import pieces

PAYLOADS = [b"first", b"", b"\0" * 100, bytes(range(256)) * 40]


def _payloads(path: Path) -> list[bytes | None]:
    with path.open("rb") as file:
        return [piece.payload for piece in pieces(file)]


def _locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_size_counts_whole_frames(tmp_path: Path) -> None:
    """`size` is the file's length after each append."""
    file = LogFile.create(tmp_path / "log", b"")
    for payload in PAYLOADS:
        file.append(payload)
        assert file.size == (tmp_path / "log").stat().st_size
    file.sync()
    file.close()
    file.close()


def test_a_live_file_is_read_while_it_grows(tmp_path: Path) -> None:
    """A reader sees what is there."""
    path = tmp_path / "log"
    file = LogFile.create(path, b"h")
    file.append(b"one")
    assert _payloads(path) == [b"h", b"one"]
    file.append(b"two")
    assert _payloads(path) == [b"h", b"one", b"two"]
    file.close()


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    """`create` refuses a path that is taken and leaves it as it was."""
    path = tmp_path / "log"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        LogFile.create(path, b"h")
    assert path.read_text() == "mine"


def test_the_lock_lasts_until_it_is_closed(tmp_path: Path) -> None:
    """Whoever finds the file can tell whether its writer lives."""
    file = LogFile.create(tmp_path / "log", b"h")
    assert file.locked
    assert _locked(tmp_path / "log")
    file.close()
    assert not _locked(tmp_path / "log")


def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    """The lock goes with the process that made the file, and not before."""
    path = tmp_path / "log"
    file = LogFile.create(path, b"h")
    ready, told = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX, once loaded, warns of every fork
        pid = os.fork()
    if pid == 0:
        os.close(told)
        os.read(ready, 1)  # until the parent is through
        os._exit(0)
    os.close(ready)
    assert _locked(path)
    file.close()
    deadline = time.monotonic() + 10
    while (held := _locked(path)) and time.monotonic() < deadline:
        time.sleep(0.01)  # the child may not have run yet
    os.close(told)
    assert not held
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_deleted_file_takes_no_more_but_can_be_read(tmp_path: Path) -> None:
    """What nobody would ever find is not written."""
    file = LogFile.create(tmp_path / "log", b"h")
    file.append(b"one")
    (tmp_path / "log").unlink()
    with pytest.raises(FileNotFoundError, match="deleted"):
        file.append(b"two")
    with os.fdopen(file.open_read(), "rb") as again:
        assert [piece.payload for piece in pieces(again)] == [b"h", b"one"]
    file.close()


SMALL_FILES = """
import resource, sys
from pathlib import Path
from podlog.proto.logfile import LogFile
path, limit = Path(sys.argv[1]), 4096
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
"""


def _with_small_files(path: Path, code: str) -> str:
    """Runs `code` in a process none of whose files can grow; what it printed."""
    command = [sys.executable, "-c", SMALL_FILES + textwrap.dedent(code), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_full_disk_leaves_whole_frames_and_the_next_append_works(tmp_path: Path) -> None:
    """An append that fails half-way adds nothing, and may be repeated."""
    path = tmp_path / "log"
    said = _with_small_files(
        path,
        """
        file = LogFile.create(path, b"h")
        file.append(b"fits")
        for _ in range(2):
            try:
                file.append(b"x" * limit)
            except OSError as error:
                print(error.errno)
        file.append(b"fits too")
        file.close()
        print(file.size)
        """,
    ).split()
    assert said == [str(errno.EFBIG)] * 2 + [str(path.stat().st_size)]
    assert _payloads(path) == [b"h", b"fits", b"fits too"]


def test_a_header_that_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    """`create` cleans up after itself when the disk is full."""
    said = _with_small_files(
        tmp_path / "log",
        """
        try:
            LogFile.create(path, b"h" * limit)
        except OSError as error:
            print(error.errno)
        """,
    )
    assert said == f"{errno.EFBIG}\n"
    assert list(tmp_path.iterdir()) == []
