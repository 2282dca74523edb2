"""Columns of one schema merge as single states do."""

import dataclasses
import math

from hypothesis import given, settings
from hypothesis import strategies as st
from kit_records import bits, record

from podlog.coordinator.core.merge import Merged, merge
from podlog.proto.records import OP_COLUMNS, Op, Record

HOSTS = {p: f"host{p}" for p in range(8)}


def merged(*records: Record, reduce: dict[str, str] | None = None, keep: bool = False) -> Merged:
    return merge(records, hosts=HOSTS, reduce=reduce or {}, keep=keep)


NUMBERS = [0.0, -0.0, 0.1, 1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf]
plain = st.sampled_from([Op.MEAN, Op.SUM, Op.MIN, Op.MAX, Op.SINGLE, Op.STD, Op.NUMBER, Op.COUNTER])
cell = st.sampled_from(NUMBERS) | st.floats(-1e3, 1e3) | st.integers(-(2**63), 2**63 - 1)


@st.composite
def rows_of_one_schema(draw: st.DrawFn) -> list[Record]:
    """Records of up to four processes with the same metrics, some of them replicated."""
    count = draw(st.integers(1, 4))
    metrics = []
    for i, op in enumerate(draw(st.lists(plain, min_size=1, max_size=4))):
        group = draw(st.sampled_from([(), tuple(range(count))]))
        sample = [draw(cell) for _ in range(OP_COLUMNS[op])]
        alike = bool(group) and draw(st.booleans())
        metrics.append((f"k{i}", op, group, sample, alike))
    records = []
    for p in range(count):
        states = {}
        for key, op, group, sample, alike in metrics:
            mine = sample if alike else [draw(_like(value)) for value in sample]
            states[key] = (op, tuple(mine), group)
        records.append(record(p, 1, states))
    return records


def _like(value: int | float) -> st.SearchStrategy[int | float]:
    if isinstance(value, float):
        return st.sampled_from(NUMBERS) | st.floats(-1e3, 1e3)
    return st.integers(-(2**63), 2**63 - 1)


@settings(deadline=None, max_examples=300)
@given(rows_of_one_schema())
def test_columns_of_one_schema_merge_as_single_states_do(records: list[Record]):
    """Whether the states of a row form a table changes no bit of what comes out."""
    last = dataclasses.replace(records[-1].draft.schema, mode="other")
    apart = dataclasses.replace(records[-1].draft, schema=last)
    odd = [*records[:-1], dataclasses.replace(records[-1], draft=apart)]
    table, single = merged(*records, keep=True), merged(*odd, keep=True)
    assert bits(table) == bits(single)
