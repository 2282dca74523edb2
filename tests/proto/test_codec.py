"""Records, schemas and payload bodies survive the wire; anything else is a WireError."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import (
    CONFIG_SCHEMA,
    Body,
    body_draft,
    decode_block,
    encode_block,
    pack_array,
    read_schema,
    record_body,
    safe_text,
    schema_id,
    schema_message,
    unpack_array,
)
from podlog.proto.errors import WireError
from podlog.proto.records import (
    OP_COLUMNS,
    Draft,
    Dtype,
    Event,
    Gap,
    Kind,
    LogLine,
    Metric,
    Op,
    Record,
    RunConfig,
    Schema,
    State,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
COLUMNS: dict[Dtype, st.SearchStrategy[Any]] = {
    Dtype.F8: st.floats(allow_nan=False),
    Dtype.I8: st.integers(-(2**63), 2**63 - 1),
    Dtype.BOOL: st.booleans(),
    Dtype.BYTES: st.binary(max_size=5),
}


@st.composite
def _metrics(draw: st.DrawFn) -> Metric:
    op = draw(st.sampled_from(list(Op)))
    dtypes = tuple(draw(st.sampled_from(list(Dtype))) for _ in range(OP_COLUMNS[op]))
    replicas = tuple(draw(st.lists(st.integers(0, 5000), max_size=3)))
    return Metric(draw(TEXT), op, dtypes, replicas, draw(st.booleans()))


SCHEMAS = st.builds(
    Schema, st.sampled_from(list(Kind)), TEXT, st.lists(_metrics(), max_size=4).map(tuple)
)


@st.composite
def _drafts(draw: st.DrawFn) -> list[Draft]:
    schema = draw(SCHEMAS)
    draft = st.builds(
        Draft,
        st.just(schema),
        COLUMNS[Dtype.I8],
        st.integers(0, 9),
        st.integers(-3, 9),
        st.floats(0, 1e10),
        st.tuples(*(COLUMNS[dtype] for dtype in schema.columns())),
        st.just(()) | st.tuples(*(st.integers(0, 9) for _ in schema.metrics)).filter(any),
    )
    return draw(st.lists(draft, min_size=1, max_size=4))


@settings(deadline=None, max_examples=80)
@given(_drafts(), st.integers(1, 2**62))
def test_any_block_comes_back(drafts: list[Draft], first_seq: int) -> None:
    """Records keep every column with its type, and are numbered from first_seq."""
    schema = drafts[0].schema
    block = pb.Block.FromString(
        encode_block(3, 2**64 - 1, 2, first_seq, drafts).SerializeToString()
    )
    records = decode_block(block, {schema_id(schema): schema})
    assert records == [
        Record(3, 2**64 - 1, 2, first_seq + i, draft) for i, draft in enumerate(drafts)
    ]
    for record, draft in zip(records, drafts, strict=True):
        assert list(map(type, record.draft.values)) == list(map(type, draft.values))


@settings(deadline=None, max_examples=80)
@given(SCHEMAS)
def test_any_schema_comes_back_and_its_id_is_its_content(schema: Schema) -> None:
    """A schema's id is the same for the same content, in any process."""
    message = pb.Schema.FromString(schema_message(schema).SerializeToString())
    assert read_schema(message) == schema
    assert message.id == schema_id(schema)


def test_states_split_a_records_values_by_metric() -> None:
    """Each state gets its own columns, in the schema's order."""
    mean = Metric("a", Op.MEAN, (Dtype.F8, Dtype.I8))
    text = Metric("b", Op.TEXT, (Dtype.BYTES,))
    draft = Draft(Schema(Kind.STEP, "train", (mean, text)), 1, 0, 0, 0.0, (1.5, 2, b"x"))
    states = list(Record(0, 1, 0, 1, draft).states())
    assert states == [State(mean, (1.5, 2)), State(text, (b"x",))]


def test_nan_keeps_its_bits() -> None:
    """A NaN column arrives as a NaN."""
    schema = Schema(Kind.STEP, "train", (Metric("a", Op.SUM, (Dtype.F8,)),))
    block = encode_block(0, 1, 0, 1, [Draft(schema, 1, 0, 0, 0.0, (math.nan,))])
    (record,) = decode_block(block, {schema_id(schema): schema})
    assert repr(record.draft.values) == "(nan,)"


def test_every_op_has_columns_and_a_number_in_the_proto() -> None:
    """Op, Kind and Dtype are the .proto's, name by name."""
    assert set(OP_COLUMNS) == set(Op)
    for ours, theirs in ((Op, pb.Op), (Kind, pb.Kind), (Dtype, pb.Dtype)):
        wire = {name: n for name, n in theirs.items() if "UNSPECIFIED" not in name}
        assert {member.name: member.value for member in ours} == wire


@pytest.mark.parametrize(
    "change",
    [
        {"id": 5},
        {"mode": "other"},
        {"kind": 99},
        {"metrics": [pb.Metric(key="k", op=99)]},
        {"metrics": [pb.Metric(key="k", op=pb.MEAN, dtypes=[pb.F8])]},
        {"metrics": [pb.Metric(key="k", op=pb.SUM, dtypes=[9])]},
    ],
)
def test_bad_schemas_are_wire_errors(change: dict[str, Any]) -> None:
    """A forged id, an unknown kind, op or dtype and wrong columns are refused."""
    message = schema_message(Schema(Kind.STEP, "train"))
    message.MergeFrom(pb.Schema(**change))
    with pytest.raises(WireError):
        read_schema(message)


@pytest.mark.parametrize(
    "change",
    [
        {"values": b"1234567"},
        {"values": b""},
        {"n": []},
        {"epoch": [1, 2]},
        {"time": []},
        {"payloads": []},
        {"payloads": [b"a", b"b"]},
        {"first_seq": 0},
        {"schema_id": 1},
    ],
)
def test_bad_blocks_are_wire_errors(change: dict[str, Any]) -> None:
    """Columns of unequal length and unknown schemas are refused, by name of the process."""
    metrics = (Metric("a", Op.SUM, (Dtype.F8,)), Metric("b", Op.TEXT, (Dtype.BYTES,)))
    schema = Schema(Kind.STEP, "train", metrics)
    block = encode_block(7, 1, 0, 1, [Draft(schema, 1, 0, 0, 0.0, (1.0, b"x"))])
    for name, value in change.items():
        block.ClearField(name)
        block.MergeFrom(pb.Block(**{name: value}))
    with pytest.raises(WireError, match="process 7"):
        decode_block(block, {schema_id(schema): schema})


@pytest.mark.parametrize(
    "body",
    [
        LogLine(20, "a.b", "ü" * 10, "host"),
        Event("nan", "NaN in loss", "train", "loss", "host", {"b": "1", "a": "2"}),
        RunConfig('{"a": 1}', b"\x80raw"),
        Gap(3, 2**60, "the spool was full"),
    ],
)
def test_bodies_come_back(body: Body) -> None:
    """Log lines, events, configs and gaps travel as one payload."""
    draft = body_draft(body, time=2.5, step=4, epoch=1)
    assert (draft.step, draft.epoch, draft.time) == (4, 1, 2.5)
    assert record_body(Record(0, 1, 0, 1, draft)) == body


@pytest.mark.parametrize(
    "draft",
    [
        Draft(CONFIG_SCHEMA, 0, 0, 0, 0.0, (b"\xff\xff\xff",)),
        Draft(Schema(Kind.STEP, "train"), 0, 0, 0, 0.0, ()),
    ],
)
def test_unreadable_bodies_are_wire_errors(draft: Draft) -> None:
    """A damaged body and a record without one name record and process."""
    with pytest.raises(WireError, match="record 5 of process 2"):
        record_body(Record(2, 1, 0, 5, draft))


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY\x01\x00", pack_array(np.arange(9))[:-1]])
def test_bad_arrays_are_wire_errors(data: bytes) -> None:
    """Bytes that are no whole .npy are refused."""
    with pytest.raises(WireError):
        unpack_array(data)


def test_pickled_arrays_are_never_loaded(tmp_path: Any) -> None:
    """An array of objects from a peer is refused: loading one could run code."""
    path = tmp_path / "objects.npy"
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(WireError):
        unpack_array(path.read_bytes())


@given(st.text(max_size=20))
def test_safe_text_is_always_utf8_and_leaves_good_text_alone(text: str) -> None:
    """Lone surrogates are escaped; all else is unchanged."""
    safe = safe_text(text)
    safe.encode()
    assert safe == text or any(0xD800 <= ord(c) <= 0xDFFF for c in text)
