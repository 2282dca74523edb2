"""Drafts: order, overriding, digests, call numbers and occurrences."""

import crc32c
import numpy as np

from podlog.proto.codec import read_schema, schema_message
from podlog.proto.records import Dtype, Kind, Op
from podlog.worker.columns import array_state, state
from podlog.worker.drafts import Occurrences, build, epoch_states, step_states
from podlog.worker.states import value_states


def test_values_follow_the_schema():
    """Columns come metric by metric; of two states of one key the later counts."""
    states = [
        state("b", Op.MEAN, (1.0, 2)),
        state("epoch", Op.NUMBER, (9.0,)),
        *step_states(3, 0.5),
    ]
    draft = build(Kind.STEP, "train", 10, 0, 3, 1.5, states)
    assert [(m.key, m.op) for m in draft.schema.metrics] == [
        ("b", Op.MEAN),
        ("epoch", Op.SINGLE),
        ("step_time", Op.MAX),
    ]
    assert draft.values == (1.0, 2, 3, 1, 0.5)
    assert draft.schema.columns() == (Dtype.F8, Dtype.I8, Dtype.I8, Dtype.I8, Dtype.F8)
    assert (draft.schema.mode, draft.step, draft.epoch, draft.time) == ("train", 10, 3, 1.5)


def test_extras_of_steps_and_epochs():
    """The epoch is single, step_time a maximum and absent if unknown, epoch_time single."""
    assert [s.metric.key for s in step_states(1, None)] == ["epoch"]
    (seconds,) = epoch_states(2)
    assert (seconds.metric.op, seconds.columns) == (Op.SINGLE, (2.0, 1))


def test_only_the_lowest_holder_sends_the_payload():
    """Other holders send the checksum of the same bytes; scalars come from everyone."""
    states = [
        array_state("big", Op.CONCAT, (np.arange(5.0),), (1, 2)),
        state("loss", Op.MEAN, (1.0, 1), (1, 2)),
        array_state("own", Op.CONCAT, (np.arange(2),)),
    ]
    lowest = build(Kind.STEP, "train", 1, 0, 0, 0.0, states, process=1)
    other = build(Kind.STEP, "train", 1, 0, 0, 0.0, states, process=2)
    assert lowest.values == tuple(c for s in states for c in s.columns)
    assert other.values == (crc32c.crc32c(lowest.values[0]), *lowest.values[1:])
    assert [m.digest for m in other.schema.metrics] == [True, False, False]
    assert other.schema.metrics[0].dtypes == (Dtype.I8,)


def test_modes_that_utf8_cannot_hold():
    """A lone surrogate in a mode is escaped."""
    assert build(Kind.HOST, "\ud800", 1, 0, 0, 0.0, []).schema.mode == "\\ud800"


def test_calls_and_keys_are_counted_apart():
    """Call numbers count calls of a kind at (mode, step), occurrences count keys there."""
    seen = Occurrences()
    assert [seen.call(Kind.HOST, "train", 5) for _ in range(3)] == [0, 1, 2]
    assert seen.call(Kind.STEP, "train", 5) == 0
    assert seen.call(Kind.HOST, "val", 5) == 0
    assert seen.keys("train", 5, ["a"]) == {"a": 0}
    assert seen.keys("train", 5, ["a", "b"]) == {"a": 1, "b": 0}
    assert seen.keys("train", 6, ["a"]) == {"a": 0}


def test_occurrences_make_no_schemas():
    """Thousands of calls at one step share one schema; what was never seen costs nothing."""
    states = [state("a", Op.NUMBER, (1,)), state("b", Op.NUMBER, (1,))]
    made = [build(Kind.HOST, "m", 1, n, 0, 0.0, states, seen={"a": n, "b": 0}) for n in range(2000)]
    assert len({draft.schema for draft in made}) == 1
    assert made[0].occurrences == ()
    assert made[7].occurrences == (7, 0)


def test_only_the_latest_places_are_remembered():
    """Memory is bounded: the place that was used longest ago is forgotten."""
    seen = Occurrences(capacity=2)
    for step in (1, 2, 1, 3):
        seen.call(Kind.STEP, "train", step)
    assert seen.call(Kind.STEP, "train", 1) == 2
    assert seen.call(Kind.STEP, "train", 2) == 0


def test_equal_schemas_are_one_object():
    """Steps of a run share their schema, so that comparing and finding it costs nothing."""
    states, _ = value_states({"loss": 1.0, "lr": 2}, {})
    first = build(Kind.STEP, "train", 1, 0, 0, 0.0, states)
    other = build(Kind.STEP, "train", 1, 0, 0, 0.0, value_states({"a": 1, "b": 2}, {})[0])
    again = build(Kind.STEP, "train", 2, 0, 0, 0.0, value_states({"loss": 3.0, "lr": 4}, {})[0])
    assert again.schema is first.schema
    assert again.schema != other.schema
    assert read_schema(schema_message(first.schema)) is first.schema
