"""The spool: numbers without holes, kept until acknowledged, read back as written."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import body_draft, decode_block, read_schema
from podlog.proto.logfile import read_frames, read_header
from podlog.proto.records import Draft, Dtype, Gap, Kind, LogLine, Metric, Op, Record, Schema
from podlog.worker.spool import Spool

HELLO = pb.Hello(process=3, incarnation=0xC0FFEE, host="h", restores=2)


def _draft(step: int, *keys: str, mode: str = "train") -> Draft:
    metrics = tuple(Metric(key, Op.NUMBER, (Dtype.F8,)) for key in keys or ("loss",))
    return Draft(Schema(Kind.STEP, mode, metrics), step, 0, 0, 1.5, (float(step),) * len(metrics))


def _log(text: str) -> Draft:
    return body_draft(LogLine(20, "app", text), 2.5)


def _records(spool: Spool, after: int = 0, max_bytes: int = 1 << 20) -> list[Record]:
    records: list[Record] = []
    while blocks := spool.read(after, max_bytes):
        for block in blocks:
            schema = read_schema(spool.schema(block.schema_id))
            records += decode_block(block, {block.schema_id: schema})
        after = records[-1].seq
    return records


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "spool" if request.param == "disk" else None


def test_records_come_back_as_written(folder: Path | None) -> None:
    """Numbers from 1 in order of appending, with process, life and values."""
    spool = Spool(folder, HELLO)
    drafts = [_draft(1), _draft(2), _log("hello"), _draft(3, "a", "b"), _draft(4)]
    assert spool.append(drafts[:3]) == 3
    assert spool.append(drafts[3:]) == 5

    records = _records(spool)
    assert [r.seq for r in records] == [1, 2, 3, 4, 5]
    assert [r.draft for r in records] == drafts
    assert {(r.process, r.incarnation, r.restores) for r in records} == {(3, 0xC0FFEE, 2)}
    spool.close()


def test_neighbours_of_one_schema_share_a_block(folder: Path | None) -> None:
    """A hundred steps of the same metrics travel together, a log line ends the block."""
    spool = Spool(folder, HELLO)
    spool.append([*(_draft(i) for i in range(100)), _log("x"), _draft(100)])
    assert [len(b.step) for b in spool.read(0, 1 << 20)] == [100, 1, 1]
    spool.close()


def test_a_large_run_is_split(folder: Path | None) -> None:
    """No block grows far beyond 64 KiB, whatever was appended at once."""
    spool = Spool(folder, HELLO)
    spool.append([_log("x" * 1000) for _ in range(500)])
    blocks = spool.read(0, 10 << 20)
    assert len(blocks) > 5
    assert max(b.ByteSize() for b in blocks) < 80 << 10
    spool.close()


def test_reading_takes_what_fits_but_at_least_one(folder: Path | None) -> None:
    """A block larger than the limit is given alone."""
    spool = Spool(folder, HELLO)
    for i in range(3):
        spool.append([_log(f"{i}" * 5000)])
    assert [b.first_seq for b in spool.read(0, 10)] == [1]
    assert [b.first_seq for b in spool.read(0, 12_000)] == [1, 2]
    assert [b.first_seq for b in spool.read(2, 12_000)] == [3]
    assert spool.read(3, 12_000) == []
    spool.close()


def test_reading_from_inside_a_block_begins_with_that_block(folder: Path | None) -> None:
    """An ack in the middle of a block resends all of it; duplicates are dropped by number."""
    spool = Spool(folder, HELLO)
    spool.append([_draft(i) for i in range(10)])
    assert [b.first_seq for b in spool.read(4, 100)] == [1]
    spool.close()


def test_acknowledged_segments_go_and_the_rest_stays(tmp_path: Path) -> None:
    """Only whole segments below the ack are deleted; closing leaves what is not acked."""
    spool = Spool(tmp_path, HELLO, segment_bytes=400)
    for i in range(30):
        spool.append([_draft(i)])
    names = sorted(p.name for p in tmp_path.iterdir())
    assert len(names) > 3
    assert names[0] == "3-0000000000c0ffee.000001"

    spool.ack(20)
    assert [r.seq for r in _records(spool, 20)] == list(range(21, 31))
    assert 0 < len(list(tmp_path.iterdir())) < len(names)
    spool.close()
    assert list(tmp_path.iterdir())


def test_nothing_is_left_when_all_is_acknowledged(tmp_path: Path) -> None:
    """A finished run has no spool folder."""
    spool = Spool(tmp_path / "spool", HELLO)
    spool.append([_draft(1)])
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
    drafts = [_draft(i, mode="train" if i % 2 else "val") for i in range(12)]
    for draft in drafts:
        spool.append([draft])
    spool.identify("job-1")
    spool.append([_draft(12)])

    seen: list[Draft] = []
    jobs = []
    for path in sorted(tmp_path.iterdir()):
        hello = pb.Hello.FromString(read_header(path))
        assert (hello.process, hello.incarnation) == (3, 0xC0FFEE)
        schemas = {}
        for _, frame in read_frames(path):
            message = pb.WorkerMessage.FromString(frame)
            jobs += [message.hello.job_id] if message.HasField("hello") else []
            schemas |= {s.id: read_schema(s) for s in message.batch.schemas}
            for block in message.batch.blocks:
                seen += [r.draft for r in decode_block(block, schemas)]
        jobs += [hello.job_id] if hello.job_id else []
    assert seen == [*drafts, _draft(12)]
    assert jobs == ["job-1"]
    spool.close()


def test_a_refusing_disk_loses_nothing_that_is_given_again(tmp_path: Path) -> None:
    """While the folder cannot be made, append raises and numbers nothing; later it goes on."""
    blocked = tmp_path / "spool"
    blocked.write_text("in the way")
    spool = Spool(blocked, HELLO)
    with pytest.raises(OSError):
        spool.append([_draft(1)])
    assert spool.last_seq == 0

    blocked.unlink()
    assert spool.append([_draft(1)]) == 1
    assert [r.draft.step for r in _records(spool)] == [1]
    spool.close()


def test_a_damaged_frame_is_skipped_and_declared(tmp_path: Path) -> None:
    """What cannot be read back is reported once as a gap; the records behind it still come."""
    spool = Spool(tmp_path, HELLO, segment_bytes=200)
    gaps: list[Gap] = []
    spool.on_gap = gaps.append
    spool.append([_draft(1)])
    spool.append([_draft(2, "other")])
    spool.append([_draft(3, "third")])
    first = min(tmp_path.iterdir())
    with first.open("r+b") as file:
        file.seek(-3, os.SEEK_END)
        file.write(b"???")
    seqs = [r.seq for r in _records(spool)]
    lost = {seq for gap in gaps for seq in range(gap.first, gap.last + 1)}
    assert lost
    assert sorted({*seqs, *lost}) == [1, 2, 3]
    assert not lost & set(seqs)
    assert [r.seq for r in _records(spool)] == seqs
    assert len(gaps) == 1

    spool.append([_draft(4)])
    assert [r.seq for r in _records(spool, 3)] == [4]
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
            drafts = [_draft(made + i, "a" if i % 5 else "b") for i in range(number)]
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
    behind = [r.seq for r in _records(spool, acked)]
    assert [seq for seq in behind if seq > acked] == list(range(acked + 1, made + 1))
