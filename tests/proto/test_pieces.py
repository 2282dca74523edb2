"""Log files read back: whole frames come, damage is skipped and said."""

import resource
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podlog.proto.logfile import FRAME_BYTES, MAGIC, LogFile
from podlog.proto.pieces import Piece, pieces

PAYLOADS = [b"first", b"", b"\0" * 100, bytes(range(256)) * 40]


def written(path: Path, payloads: list[bytes], header: bytes = b"header") -> list[int]:
    file = LogFile.create(path, header)
    offsets = [file.append(payload) for payload in payloads]
    file.close()
    return offsets


def found(path: Path, begins: bytes = b"") -> list[Piece]:
    with path.open("rb") as file:
        return list(pieces(file, begins=begins))


def payloads(path: Path) -> list[bytes]:
    return [piece.payload for piece in found(path) if piece.payload is not None]


def test_frames_come_back_in_order_with_their_offsets(tmp_path: Path) -> None:
    """The header is the first; an offset or an end is where reading can go on."""
    path = tmp_path / "log"
    offsets = written(path, PAYLOADS)
    assert payloads(path) == [b"header", *PAYLOADS]
    assert [piece.offset for piece in found(path)] == [len(MAGIC), *offsets]
    assert found(path)[-1].end == path.stat().st_size
    with path.open("rb") as file:
        assert [p.payload for p in pieces(file, offsets[2])] == PAYLOADS[2:]
        assert [p.payload for p in pieces(file, offsets[1], offsets[3])] == PAYLOADS[1:3]
        assert list(pieces(file, path.stat().st_size)) == []


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    contents=st.lists(st.binary(max_size=40), max_size=8),
    keep=st.floats(0, 1),
    tail=st.binary(max_size=30),
)
def test_any_cut_and_any_tail_keep_the_whole_frames_before_it(
    tmp_path: Path, contents: list[bytes], keep: float, tail: bytes
) -> None:
    """A file cut anywhere and continued with anything still gives its whole frames."""
    path = tmp_path / "log"
    path.unlink(missing_ok=True)
    offsets = written(path, contents)
    ends = [o + FRAME_BYTES + len(p) for o, p in zip(offsets, contents, strict=True)]
    begin = len(MAGIC) + FRAME_BYTES + len(b"header")
    cut_at = begin + int((path.stat().st_size - begin) * keep)
    whole = [p for p, end in zip(contents, ends, strict=True) if end <= cut_at]
    path.write_bytes(path.read_bytes()[:cut_at] + tail)

    assert payloads(path)[: 1 + len(whole)] == [b"header", *whole]
    ends = [piece.end for piece in found(path)]
    assert ends[-1] == cut_at + len(tail)
    assert [piece.offset for piece in found(path)] == [len(MAGIC), *ends[:-1]]


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_anywhere_takes_its_frame_only(tmp_path: Path, bit: int) -> None:
    """Damage in length, checksum or payload is never read as data; what lies behind comes."""
    path = tmp_path / "log"
    offsets = written(path, [b"good", b"damaged", b"behind"])
    data = path.read_bytes()
    for at in range(offsets[1], offsets[2]):
        damaged = bytearray(data)
        damaged[at] ^= 1 << bit
        path.write_bytes(damaged)
        assert payloads(path) == [b"header", b"good", b"behind"], at
        assert [(p.offset, p.end) for p in found(path) if p.payload is None] == [
            (offsets[1], offsets[2])
        ]


def test_behind_damage_only_expected_frames_are_looked_for(tmp_path: Path) -> None:
    """A frame that lies in the payload of a damaged one is not taken if it begins otherwise."""
    path = tmp_path / "inner"
    written(path, [b"inner"])
    inside = path.read_bytes()
    path = tmp_path / "log"
    (offset, _) = written(path, [b"\x1a" + inside, b"\x1abehind"], b"\x0ah")
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)
    assert [p.payload for p in found(path, b"\x0a\x1a")] == [b"\x0ah", None, b"\x1abehind"]


def test_the_next_frame_is_found_over_windows(tmp_path: Path) -> None:
    """Megabytes of damage are searched piecemeal, at any distance."""
    path = tmp_path / "log"
    (offset, _) = written(path, [b"\xee" * ((2 << 20) - 3), b"behind"])
    data = bytearray(path.read_bytes())
    data[offset + 4] ^= 1
    path.write_bytes(data)
    assert payloads(path) == [b"header", b"behind"]


def test_zeros_are_no_frames(tmp_path: Path) -> None:
    """A tail of zeros, as file systems leave after a crash, is torn."""
    path = tmp_path / "log"
    written(path, [b"a"])
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"\0" * 64)
    assert found(path)[-1] == Piece(size, size + 64, None)


def test_a_claimed_length_does_not_take_memory(tmp_path: Path) -> None:
    """A damaged length of 4 GiB is not asked for."""
    path = tmp_path / "log"
    offsets = written(path, [b"a", b"b"])
    data = bytearray(path.read_bytes())
    data[offsets[1] : offsets[1] + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert payloads(path) == [b"header", b"a"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
