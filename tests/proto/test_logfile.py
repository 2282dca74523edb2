"""The framed log file: whole frames come back, torn tails do not, writers hold a lock."""

import errno
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podlog.proto import logfile
from podlog.proto.errors import WireError
from podlog.proto.logfile import FRAME_BYTES, LogFile, read_frames, read_header, recover

PAYLOADS = [b"first", b"", b"\0" * 100, bytes(range(256)) * 40]


def _written(path: Path, payloads: list[bytes], header: bytes = b"header") -> list[int]:
    file = LogFile.create(path, header)
    offsets = [file.append(payload) for payload in payloads]
    file.close()
    return offsets


def test_frames_come_back_in_order_with_their_offsets(tmp_path: Path) -> None:
    """What was appended is read back; an offset is where reading can go on."""
    path = tmp_path / "log"
    offsets = _written(path, PAYLOADS)

    assert read_header(path) == b"header"
    assert list(read_frames(path)) == list(zip(offsets, PAYLOADS, strict=True))
    assert [p for _, p in read_frames(path, offsets[2])] == PAYLOADS[2:]
    end = offsets[-1] + FRAME_BYTES + len(PAYLOADS[-1])
    assert end == path.stat().st_size
    assert list(read_frames(path, end)) == []


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
    """A reader sees what is there and goes on from its offset later."""
    path = tmp_path / "log"
    file = LogFile.create(path, b"h")
    file.append(b"one")
    ((offset, payload),) = read_frames(path)
    after = offset + FRAME_BYTES + len(payload)
    assert list(read_frames(path, after)) == []
    file.append(b"two")
    assert [p for _, p in read_frames(path, after)] == [b"two"]
    file.close()


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    payloads=st.lists(st.binary(max_size=40), max_size=8),
    keep=st.floats(0, 1),
    tail=st.binary(max_size=30),
)
def test_any_cut_and_any_tail_keep_the_whole_frames_before_it(
    tmp_path: Path, payloads: list[bytes], keep: float, tail: bytes
) -> None:
    """A file cut anywhere and continued with anything recovers to its whole frames."""
    path = tmp_path / "log"
    path.unlink(missing_ok=True)
    offsets = _written(path, payloads)
    ends = [o + FRAME_BYTES + len(p) for o, p in zip(offsets, payloads, strict=True)]
    begin = len(logfile.MAGIC) + FRAME_BYTES + len(b"header")
    cut_at = begin + int((path.stat().st_size - begin) * keep)
    whole = [p for p, end in zip(payloads, ends, strict=True) if end <= cut_at]
    data = path.read_bytes()
    path.write_bytes(data[:cut_at] + tail)
    if data.startswith(data[:cut_at] + tail):  # the tail happens to be the right bytes
        return

    found = recover(path)

    assert [p for _, p in read_frames(path)][: len(whole)] == whole
    assert found.header == b"header"
    assert found.size == path.stat().st_size
    assert found.size + found.cut == cut_at + len(tail)
    assert recover(path).cut == 0


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_anywhere_ends_the_file_before_it(tmp_path: Path, bit: int) -> None:
    """Damage in length, checksum or payload is never read as data."""
    path = tmp_path / "log"
    offsets = _written(path, [b"good", b"damaged", b"behind"])
    data = path.read_bytes()
    for at in range(offsets[1], offsets[2]):
        damaged = bytearray(data)
        damaged[at] ^= 1 << bit
        path.write_bytes(damaged)
        assert [p for _, p in read_frames(path)] == [b"good"], at


def test_zeros_are_no_frames(tmp_path: Path) -> None:
    """A tail of zeros, as file systems leave after a crash, is torn."""
    path = tmp_path / "log"
    _written(path, [b"a"])
    with path.open("ab") as file:
        file.write(b"\0" * 64)
    assert [p for _, p in read_frames(path)] == [b"a"]
    assert recover(path).cut == 64


def test_a_claimed_length_does_not_take_memory(tmp_path: Path) -> None:
    """A damaged length of 4 GiB is not asked for."""
    path = tmp_path / "log"
    offsets = _written(path, [b"a", b"b"])
    data = bytearray(path.read_bytes())
    data[offsets[1] : offsets[1] + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(list(read_frames(path))) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("content", [b"", b"PODLOG1\n", b"something else, and long enough"])
def test_what_is_no_log_file_is_said(tmp_path: Path, content: bytes) -> None:
    """Foreign files and ones without a whole header are refused and left alone."""
    path = tmp_path / "log"
    path.write_bytes(content)
    for read in (read_header, recover, lambda p: list(read_frames(p))):
        with pytest.raises(WireError, match="log"):
            read(path)
    assert path.read_bytes() == content


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    """`create` refuses a path that is taken and leaves it as it was."""
    path = tmp_path / "log"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        LogFile.create(path, b"h")
    assert path.read_text() == "mine"


def test_a_living_writer_keeps_others_from_recovering(tmp_path: Path) -> None:
    """`recover` refuses a file whose writer lives, and takes it once it is closed."""
    path = tmp_path / "log"
    file = LogFile.create(path, b"h")
    assert file.locked
    file.append(b"a")
    with pytest.raises(BlockingIOError):
        recover(path)
    file.close()
    assert recover(path) == (b"h", file.size, 0)


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
    assert [p for _, p in read_frames(path)] == [b"fits", b"fits too"]


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
