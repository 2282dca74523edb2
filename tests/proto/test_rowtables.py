"""Numbers that all processes of a row hold travel as tables; broken tables are WireErrors."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.proto import podlog_pb2 as pb
from podlog.proto.errors import WireError
from podlog.proto.records import Kind
from podlog.proto.rowcodec import encode_row, read_row
from podlog.proto.rows import Row, RowKey, Spread, Value

NUMBERS = st.floats(allow_nan=False) | st.integers(-(2**70), 2**70)
PROCESSES = (0, 2, 5)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """A row of three processes; some keys are held by fewer, some by none."""
    metrics: dict[str, Value] = {}
    spreads, per_process = {}, {}
    for i in range(draw(st.integers(0, 6))):
        key = f"k{i}"
        holders = draw(st.sampled_from([PROCESSES, PROCESSES, PROCESSES, (0, 5), (5, 0, 2)]))
        held: dict[int, Value] = {process: draw(NUMBERS) for process in holders}
        if draw(st.integers(0, 9)):
            metrics[key] = 1.5
        spreads[key] = Spread(draw(NUMBERS), draw(NUMBERS), holders[0], holders[-1], holders)
        per_process[key] = held
    row = Row(RowKey(1, "train", 3, Kind.STEP, 0), 0, 0, 0.0, metrics, processes=PROCESSES)
    return dataclasses.replace(row, spreads=spreads, per_process=per_process)


def over_the_wire(row: Row) -> Row:
    return read_row(pb.Row.FromString(encode_row(row).SerializeToString()))


@settings(deadline=None, max_examples=150)
@given(rows())
def test_a_row_comes_back_whatever_fits_its_tables(row: Row) -> None:
    """Values, their types and the order of keys survive, in a table or beside it."""
    back = over_the_wire(row)
    assert repr(back) == repr(row)


def test_what_all_hold_as_floats_lies_in_the_tables() -> None:
    """Nothing is said a key and process at a time that the tables can say."""
    held: dict[int, Value] = {p: p + 0.5 for p in PROCESSES}
    row = Row(
        RowKey(1, "train", 3, Kind.STEP, 0),
        0,
        0,
        0.0,
        {"loss": 2.0, "step": 7},
        processes=PROCESSES,
        spreads={
            "loss": Spread(0.5, 5.5, 0, 5, PROCESSES),
            "step": Spread(7, 7, 0, 0, PROCESSES),
        },
        per_process={"loss": held},
    )
    message = encode_row(row)
    assert list(message.number_table.values) == [0.5, 2.5, 5.5]
    assert [spread.key for spread in message.spreads] == ["step"]
    assert not message.per_process
    assert over_the_wire(row) == row


@pytest.mark.parametrize(
    "broken",
    [
        pb.Row(number_table=pb.NumberTable(keys=[0], values=[1.0])),
        pb.Row(number_table=pb.NumberTable(keys=[9], values=[1.0, 2.0])),
        pb.Row(spread_table=pb.SpreadTable(keys=[0], min=[1.0])),
        pb.Row(
            spread_table=pb.SpreadTable(
                keys=[9], min=[1.0], max=[1.0], min_process=[0], max_process=[0]
            )
        ),
    ],
)
def test_a_broken_table_is_a_wire_error(broken: pb.Row) -> None:
    """Wrong lengths and keys that are not there are refused."""
    whole = pb.Row(kind=pb.STEP, processes=[0, 1], key_order=["loss"])
    whole.MergeFrom(broken)
    with pytest.raises(WireError, match="table"):
        read_row(whole)
