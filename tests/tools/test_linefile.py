"""The append-only file of whole records."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.coordinator.tools.linefile import LineFile


def test_a_torn_record_is_cut_when_the_file_is_opened(tmp_path: Path) -> None:
    """What a crash left half written is gone; whole records stay."""
    path = tmp_path / "a"
    path.write_bytes(b"one\ntwo\nthr")
    file = LineFile(path)
    file.append(b"four\n", 1)
    file.close()
    assert path.read_bytes() == b"one\ntwo\nfour\n"
    assert file.count == 3


def test_quoted_newlines_belong_to_their_record(tmp_path: Path) -> None:
    """A CSV cell may hold line breaks; a torn one is cut as a whole, once the file is used."""
    path = tmp_path / "a"
    found = b'"x\ny",1\nz,"""\n""\n"\n"torn\nstill torn\n'
    path.write_bytes(found)
    file = LineFile(path, quoted=True)
    assert (file.count, path.read_bytes()) == (2, found)
    file.keep(2)
    file.close()
    assert list(file.records()) == [b'"x\ny",1\n', b'z,"""\n""\n"\n']
    assert path.read_bytes() == b"".join(file.records())


@given(st.lists(st.binary(max_size=5), max_size=8), st.integers(0, 9))
@settings(deadline=None)
def test_keep_is_a_prefix(
    tmp_path_factory: pytest.TempPathFactory, texts: list[bytes], n: int
) -> None:
    """Keeping n records leaves the first n, also of a file that was closed."""
    records = [text.replace(b"\n", b"") + b"\n" for text in texts]
    path = tmp_path_factory.mktemp("keep") / "a"
    file = LineFile(path)
    for record in records:
        file.append(record, 1)
    file.close()
    file.keep(n)
    file.append(b"end\n", 1)
    file.close()
    assert path.read_bytes() == b"".join([*records[:n], b"end\n"])


def test_replace_leaves_the_old_file_if_it_fails(tmp_path: Path) -> None:
    """A rewrite that breaks half-way changes nothing, and the next one works."""

    def broken() -> Iterator[bytes]:
        yield b"half\n"
        raise RuntimeError

    file = LineFile(tmp_path / "a")
    file.append(b"old\n", 1)
    with pytest.raises(RuntimeError):
        file.replace(broken())
    file.append(b"more\n", 1)
    file.replace([b"new\n", *file.records()])
    assert file.count == 3
    file.close()
    assert (tmp_path / "a").read_bytes() == b"new\nold\nmore\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """The disk is full beyond `size` bytes a file."""
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)


def test_a_full_disk_leaves_no_part_of_an_append(tmp_path: Path) -> None:
    """An append that fits only partly raises and is taken back; the next one is whole."""
    file = LineFile(tmp_path / "a")
    file.append(b"0123456789\n", 1)
    with file_size_limit(20), pytest.raises(OSError, match="too large"):
        file.append(b"abcdefghijklmno\n", 1)
    assert (tmp_path / "a").read_bytes() == b"0123456789\n"
    file.append(b"b\n", 1)
    file.close()
    assert file.count == 2
    assert (tmp_path / "a").read_bytes() == b"0123456789\nb\n"
