"""What holds rows back on their way to the tools, with time passed in."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.coordinator.showing import FLAG, Showing
from podlog.proto.records import Kind
from podlog.proto.rows import Row, RowKey


def row(number: int, kind: Kind = Kind.STEP, **metrics: float) -> Row:
    key = RowKey(1, "train", number, kind, 0)
    return Row(key, 0, 0, 0.0, metrics or {"loss": float(number)}, id=number)


def showing(*, limit_s: float = 5.0) -> Showing:
    made = Showing(limit_s)
    made.wanted = made.connected = True
    return made


def released(found: Sequence[tuple[Row, bool]]) -> list[tuple[int, bool]]:
    return [(row.id, FLAG in row.flags) for row, _ in found]


def test_without_a_function_rows_pass_at_once() -> None:
    """Nothing is asked, nothing held, nothing changed."""
    made = Showing()
    made.connected = True
    made.add(row(1), 0.0)
    assert made.questions(0.0) == []
    assert made.release(0.0) == [(row(1), False)]
    assert made.before() is None


def test_own_keys_are_hidden_and_come_back_behind_the_answer() -> None:
    """Also where the function adds a key, and where it drops one."""
    made = showing()
    made.add(row(1, loss=1.0, epoch=2, acc=0.5, step_time=0.1), 0.0)
    assert made.questions(0.0) == [(1, {"loss": 1.0, "acc": 0.5})]
    made.answer(1, {"ppl": 3.0, "loss": 9.0})
    ((shown, changed),) = made.release(0.0)
    assert changed
    assert list((shown.shown or {}).items()) == [
        ("loss", 9.0),
        ("ppl", 3.0),
        ("epoch", 2),
        ("step_time", 0.1),
    ]


def test_later_rows_wait_behind_an_unanswered_one() -> None:
    """Host rows and answered rows too; cursors must stay below the first held one."""
    made = showing()
    for number, kind in ((1, Kind.STEP), (2, Kind.HOST), (3, Kind.EPOCH)):
        made.add(row(number, kind), 0.0)
    assert [number for number, _ in made.questions(0.0)] == [1, 3]
    made.answer(3, {"loss": 0.0})
    assert made.release(1.0) == []
    assert made.before() == 1
    made.answer(1, None)
    assert released(made.release(1.0)) == [(1, True), (2, False), (3, False)]


def test_a_silent_process_0_costs_each_row_at_most_the_limit() -> None:
    """The time of the second begins when it is the first in line."""
    made = showing(limit_s=5.0)
    for number in (1, 2):
        made.add(row(number), 0.0)
    made.questions(0.0)
    assert made.next_deadline() == 5.0
    assert released(made.release(4.9)) == []
    assert released(made.release(5.0)) == [(1, True)]
    assert made.next_deadline() == 10.0
    made.answer(2, {"loss": 1.0})
    assert released(made.release(9.0)) == [(2, False)]
    made.answer(1, {"loss": 1.0})
    assert made.next_deadline() is None


def test_a_disconnected_process_0_holds_nothing_back() -> None:
    """What was asked and what was not goes as merged, flagged."""
    made = showing()
    made.add(row(1), 0.0)
    made.questions(0.0)
    made.add(row(2), 0.0)
    made.disconnected()
    assert made.questions(0.0) == []
    assert released(made.release(0.0)) == [(1, True), (2, True)]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(["add", "host", "answer", "fail", "wait"]), max_size=60))
def test_rows_leave_in_order_and_none_is_lost(script: list[str]) -> None:
    """Whatever is answered when: ids ascend, and after a cut connection all are out."""
    made, now, number = showing(), 0.0, 0
    asked: list[int] = []
    out: list[int] = []
    for what in script:
        if what in ("add", "host"):
            number += 1
            made.add(row(number, Kind.HOST if what == "host" else Kind.STEP), now)
        elif what == "wait":
            now += 3.0
        elif asked:
            made.answer(asked.pop(), {"loss": 0.0} if what == "answer" else None)
        asked += [found for found, _ in made.questions(now)]
        out += [row.id for row, _ in made.release(now)]
        held = made.before()
        assert held is None or held == len(out) + 1
    made.disconnected()
    out += [row.id for row, _ in made.release(now)]
    assert out == list(range(1, number + 1))


def test_who_stays_silent_holds_nothing_back_until_it_answers() -> None:
    """Two rows in vain are enough: those behind them do not wait one by one."""
    made = showing(limit_s=5.0)
    for number in range(1, 200):
        made.add(row(number), 0.0)
    made.questions(0.0)
    assert released(made.release(5.0)) == [(1, True)]
    assert len(made.release(10.0)) == 198
    for now, number, asked in ((11.0, 200, 1), (12.0, 201, 0), (16.0, 202, 1)):
        made.add(row(number), now)
        assert len(made.questions(now)) == asked
        assert released(made.release(now)) == [(number, True)]
    made.answer(202, {"loss": 1.0})
    made.add(row(203), 17.0)
    assert len(made.questions(17.0)) == 1
    assert made.release(17.0) == []
