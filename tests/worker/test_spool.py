"""The spool: numbers without holes, kept until acknowledged, read back as written."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit_spools import HELLO, draft, held, line, records, without_holes

from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import decode_block, read_schema
from podlog.proto.pieces import pieces
from podlog.proto.records import Draft
from podlog.worker.spool import Spool


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "spool" if request.param == "disk" else None


def test_records_come_back_as_written(folder: Path | None) -> None:
    """Numbers from 1 in order of appending, with process, life and values."""
    spool = Spool(folder, HELLO)
    drafts = [draft(1), draft(2), line("hello"), draft(3, "a", "b"), draft(4)]
    assert spool.append(drafts[:3]) == 3
    assert spool.append(drafts[3:]) == 5

    found = records(spool)
    assert [r.seq for r in found] == [1, 2, 3, 4, 5]
    assert [r.draft for r in found] == drafts
    assert {(r.process, r.incarnation, r.restores) for r in found} == {(3, 0xC0FFEE, 2)}
    spool.close()


def test_neighbours_of_one_schema_share_a_block(folder: Path | None) -> None:
    """A hundred steps of the same metrics travel together, a log line ends the block."""
    spool = Spool(folder, HELLO)
    spool.append([*(draft(i) for i in range(100)), line("x"), draft(100)])
    assert [len(b.step) for b in spool.read(0, 1 << 20)] == [100, 1, 1]
    spool.close()


def test_a_large_run_is_split(folder: Path | None) -> None:
    """No block grows far beyond 64 KiB, whatever was appended at once."""
    spool = Spool(folder, HELLO)
    spool.append([line("x" * 1000) for _ in range(500)])
    blocks = spool.read(0, 10 << 20)
    assert len(blocks) > 5
    assert max(b.ByteSize() for b in blocks) < 80 << 10
    spool.close()


def test_reading_takes_what_fits_but_at_least_one(folder: Path | None) -> None:
    """A block larger than the limit is given alone."""
    spool = Spool(folder, HELLO)
    for i in range(3):
        spool.append([line(f"{i}" * 5000)])
    assert [b.first_seq for b in spool.read(0, 10)] == [1]
    assert [b.first_seq for b in spool.read(0, 12_000)] == [1, 2]
    assert [b.first_seq for b in spool.read(2, 12_000)] == [3]
    assert spool.read(3, 12_000) == []
    spool.close()


def test_reading_from_inside_a_block_begins_with_that_block(folder: Path | None) -> None:
    """An ack in the middle of a block resends all of it; duplicates are dropped by number."""
    spool = Spool(folder, HELLO)
    spool.append([draft(i) for i in range(10)])
    assert [b.first_seq for b in spool.read(4, 100)] == [1]
    spool.close()


def test_acknowledged_segments_go_and_the_rest_stays(tmp_path: Path) -> None:
    """Only whole segments below the ack are deleted; closing leaves what is not acked."""
    spool = Spool(tmp_path, HELLO, segment_bytes=400)
    for i in range(30):
        spool.append([draft(i)])
    names = sorted(p.name for p in tmp_path.iterdir())
    assert len(names) > 3
    assert names[0] == "3-0000000000c0ffee.000001"

    spool.ack(20)
    assert [r.seq for r in records(spool, 20)] == list(range(21, 31))
    assert 0 < len(list(tmp_path.iterdir())) < len(names)
    spool.close()
    assert list(tmp_path.iterdir())


def test_nothing_is_left_when_all_is_acknowledged(tmp_path: Path) -> None:
    """A finished run has no spool folder."""
    spool = Spool(tmp_path / "spool", HELLO)
    spool.append([draft(1)])
    spool.ack(1)
    spool.close()
    spool.close()
    assert not (tmp_path / "spool").exists()


def test_nothing_is_made_before_the_first_record(tmp_path: Path) -> None:
    """A Logger that logs nothing touches no disk."""
    spool = Spool(tmp_path / "spool", HELLO)
    assert spool.read(0, 100) == []
    spool.close()
    assert not (tmp_path / "spool").exists()


def test_a_segment_can_be_replayed_by_a_stranger(tmp_path: Path) -> None:
    """Header, schemas and blocks of each file make sense without the others."""
    spool = Spool(tmp_path, HELLO, segment_bytes=300)
    drafts = [draft(i, mode="train" if i % 2 else "val") for i in range(12)]
    for each in drafts:
        spool.append([each])
    spool.identify("job-1")
    spool.append([draft(12)])

    seen: list[Draft] = []
    jobs = []
    for path in sorted(tmp_path.iterdir()):
        with path.open("rb") as file:
            header, *frames = [piece.payload or b"" for piece in pieces(file)]
        hello = pb.Hello.FromString(header)
        assert (hello.process, hello.incarnation) == (3, 0xC0FFEE)
        schemas = {}
        for frame in frames:
            message = pb.WorkerMessage.FromString(frame)
            jobs += [message.hello.job_id] if message.HasField("hello") else []
            schemas |= {s.id: read_schema(s) for s in message.batch.schemas}
            for block in message.batch.blocks:
                seen += [r.draft for r in decode_block(block, schemas)]
        jobs += [hello.job_id] if hello.job_id else []
    assert seen == [*drafts, draft(12)]
    assert jobs == ["job-1"]
    spool.close()


def test_a_refusing_disk_loses_nothing_that_is_given_again(tmp_path: Path) -> None:
    """While the folder cannot be made, append raises and numbers nothing; later it goes on."""
    blocked = tmp_path / "spool"
    blocked.write_text("in the way")
    spool = Spool(blocked, HELLO)
    with pytest.raises(OSError):
        spool.append([draft(1)])
    assert spool.last_seq == 0

    blocked.unlink()
    assert spool.append([draft(1)]) == 1
    assert [r.draft.step for r in records(spool)] == [1]
    spool.close()


def test_records_that_could_not_be_kept_have_their_numbers(folder: Path | None) -> None:
    """They are declared lost where they would have been."""
    spool = Spool(folder, HELLO)
    spool.append([draft(1)])
    assert spool.declare(3, "the disk did not take 3 host records") == 4
    spool.append([draft(2)])
    numbers = without_holes(held(spool))
    assert [numbers[1], numbers[5]] == [draft(1), draft(2)]
    assert {numbers[i] for i in (2, 3, 4)} == {"the disk did not take 3 host records"}
    assert sorted(without_holes(held(spool, 2), 1)) == [2, 3, 4, 5]
    spool.close()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["append", "read", "ack", "again"]), st.integers(0, 30)),
        max_size=40,
    )
)
def test_reading_is_in_order_without_holes(calls: list[tuple[str, int]]) -> None:
    """Any mix of appends, reads, acks and restarts of reading gives every number behind the ack."""
    spool = Spool(None, HELLO, segment_bytes=300)
    made = at = acked = 0
    for call, number in calls:
        if call == "append":
            drafts = [draft(made + i, "a" if i % 5 else "b") for i in range(number)]
            made = spool.append(drafts) if drafts else made
        elif call == "read":
            for block in spool.read(at, number * 20):
                assert block.first_seq <= at + 1
                at = max(at, block.first_seq + len(block.step) - 1)
        elif call == "ack":
            acked = max(acked, min(number, at))
            spool.ack(acked)
        else:
            at = acked
    assert spool.last_seq == made
    behind = [r.seq for r in records(spool, acked)]
    assert [seq for seq in behind if seq > acked] == list(range(acked + 1, made + 1))
