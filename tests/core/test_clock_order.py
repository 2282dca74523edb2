"""Which records make which row does not depend on who is heard first."""

import collections
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from kit_records import record

from podlog.coordinator.core.clock import Clock, Closing
from podlog.coordinator.core.hostrows import host_rows
from podlog.proto.config import TimingConfig
from podlog.proto.records import Kind, Record

MODES = ("train", "val")

calls = st.lists(
    st.one_of(
        st.just("step"),
        st.just("silent step"),
        st.just("epoch"),
        st.sets(st.sampled_from("abc"), min_size=1, max_size=3).map(frozenset),
    ),
    max_size=8,
)
programs = st.lists(calls, min_size=1, max_size=4)

Message = Record | tuple[str, Kind, int]
"""A record, or a progress."""


def messages(process: int, program: list[object], rng: random.Random) -> list[Message]:
    """What a process sends that makes these calls, at steps that grow slowly."""
    sent: list[Message] = []
    counts: collections.Counter[object] = collections.Counter()
    step = 0
    for seq, call in enumerate(program, 1):
        step += rng.choice((0, 0, 1))
        mode = rng.choice(MODES)
        kind = {"step": Kind.STEP, "silent step": Kind.STEP, "epoch": Kind.EPOCH}.get(
            call if isinstance(call, str) else "", Kind.HOST
        )
        if call != "silent step":
            keys = call if kind is Kind.HOST else frozenset("x")
            n = counts[kind, mode, step]
            counts[kind, mode, step] += 1
            # one occurrence serves all keys of a record made here
            seen = max((counts[mode, step, key] for key in keys), default=0)
            for key in keys:
                counts[mode, step, key] = seen + 1
            sent.append(
                record(
                    process,
                    step,
                    dict.fromkeys(sorted(keys), 1.0),
                    kind=kind,
                    mode=mode,
                    n=n,
                    seq=seq,
                    occurrence=seen if kind is Kind.HOST else 0,
                )
            )
        if rng.random() < 0.5 or call == "silent step":
            sent.append((mode, kind, step))
    return sent


def play(sent: list[list[Message]], rng: random.Random) -> list[Closing]:
    """Everything heard in some order that keeps each process's own; all rows end complete."""
    clock = Clock(TimingConfig())
    clock.expect(range(len(sent)), 0.0)
    for process in range(len(sent)):
        clock.join(process, 0.0, incarnation=1000 + process)
    closings: list[Closing] = []
    places = [0] * len(sent)
    waiting = list(range(len(sent)))
    while waiting:
        process = rng.choice(waiting)
        if places[process] == len(sent[process]):
            clock.leave(process, 0.0)
            waiting.remove(process)
        else:
            message = sent[process][places[process]]
            places[process] += 1
            if isinstance(message, Record):
                clock.record(message, 1, 0.0)
            else:
                clock.progress(process, 1, *message, False, 0.0)
        if rng.random() < 0.3:
            closings += clock.due(0.0)
    closings += clock.due(0.0)
    incomplete = {c.key for c in closings if not c.complete}
    assert set(clock.completed()) == incomplete
    return closings


def table(closings: list[Closing]) -> dict[object, list[tuple[int, int]]]:
    return {c.key: sorted((r.process, r.seq) for r in c.records) for c in closings}


@settings(deadline=None, max_examples=300)
@given(programs, st.randoms(use_true_random=False))
def test_rows_do_not_depend_on_the_order_of_arrival(made, rng: random.Random):
    """Two runs that hear the processes in different orders give out the same rows.

    Each record is in exactly one row, none is late, rows of one (mode, kind)
    come in order.
    """
    sent = [messages(process, program, rng) for process, program in enumerate(made)]
    first, second = play(sent, random.Random(1)), play(sent, rng)
    assert table(first) == table(second)

    for closings in (first, second):
        assert not any(c.late for c in closings)
        records = [(r.process, r.seq) for c in closings for r in c.records]
        assert sorted(records) == sorted(
            (m.process, m.seq) for each in sent for m in each if isinstance(m, Record)
        )
        by_stream: dict[object, list[tuple[int, int]]] = {}
        for c in closings:
            by_stream.setdefault((c.key.mode, c.key.kind), []).append((c.key.step, c.key.n))
        assert all(keys == sorted(keys) for keys in by_stream.values())


@settings(deadline=None, max_examples=150)
@given(programs, st.randoms(use_true_random=False))
def test_host_rows_are_a_function_of_the_set(made, rng: random.Random):
    """Shuffled records group alike; no row holds two calls of one process."""
    records = [
        m
        for process, program in enumerate(made)
        for m in messages(process, program, rng)
        if isinstance(m, Record) and m.kind is Kind.HOST
    ]
    by_step: dict[tuple[str, int], list[Record]] = {}
    for each in records:
        by_step.setdefault((each.mode, each.draft.step), []).append(each)
    for together in by_step.values():
        rows = host_rows(together)
        rng.shuffle(together)
        assert host_rows(together) == rows
        assert sorted(map(id, together)) == sorted(id(r) for row in rows for r in row)
        for row in rows:
            assert len({r.process for r in row}) == len(row)
