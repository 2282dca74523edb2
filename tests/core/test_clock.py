"""When rows close, scripted: who is waited for, until when, and in which order."""

from kit_scene import TIMEOUT, Scene, members, seen

from podlog.proto.records import Kind
from podlog.proto.rows import RowKey

# ----------------------------------------------------------------- whom rows wait for


def test_a_row_closes_when_everybody_is_in_it():
    """It closes with the last record, and is complete."""
    scene = Scene(2)
    scene.log(1, 10)
    assert scene.due() == []
    scene.log(0, 10)
    (closing,) = scene.due()
    assert closing.key == RowKey(1, "train", 10, Kind.STEP, 0)
    assert members(closing) == (0, 1)
    assert (closing.revision, closing.late, closing.complete) == (0, False, True)
    assert (closing.missing, closing.absent) == ((), ())


def test_one_process_gets_its_rows_in_the_order_of_its_calls():
    """Of one process every call is a row at once, kinds and steps as they were called."""
    scene = Scene(1)
    scene.host(0, 1, "a")
    scene.log(0, 1)
    scene.host(0, 1, "a", n=1, occurrence=1)
    scene.host(0, 2, "a")
    scene.log(0, 1, kind=Kind.EPOCH)
    assert [(c.key.kind, c.key.step, c.key.n) for c in scene.due()] == [
        (Kind.HOST, 1, 0),
        (Kind.STEP, 1, 0),
        (Kind.HOST, 1, 1),
        (Kind.HOST, 2, 0),
        (Kind.EPOCH, 1, 0),
    ]


def test_a_process_past_the_row_is_not_waited_for():
    """A greater step handed in, logged or not, lets the row go; it is named as missing."""
    scene = Scene(2)
    scene.log(0, 10)
    scene.at(1, 10)
    assert scene.due() == []
    scene.at(1, 11)
    (closing,) = scene.due()
    assert (members(closing), closing.missing, closing.complete) == ((0,), (1,), True)


def test_a_process_new_to_a_mode_is_past_it_by_any_step():
    """Without a record of a (mode, kind) a process is past it at a greater step anywhere."""
    scene = Scene(2)
    scene.host(0, 10, "a", mode="val")
    scene.at(1, 10)
    assert scene.due() == []
    scene.at(1, 11)
    assert scene.rows() == [(10, (0,))]


def test_host_rows_are_past_by_steps_of_the_mode():
    """A greater ``log_step`` of the mode lets a host row go, also of who logged some before."""
    scene = Scene(2)
    for process in (0, 1):
        scene.host(process, 1, "a")
    assert scene.rows() == [(1, (0, 1))]
    scene.host(0, 2, "a")
    scene.at(1, 2)
    assert scene.due() == []
    scene.at(1, 3)
    assert scene.rows() == [(2, (0,))]


def test_leaving_a_mode_lets_only_rows_up_to_there_go():
    """Who left a mode at a step may enter it again at a greater one: that row waits."""
    scene = Scene(2)
    scene.log(1, 100)
    scene.at(1, 100, left=True)
    scene.log(0, 100)
    scene.log(0, 100, n=1)
    scene.log(0, 101)
    assert scene.rows() == [(100, (0, 1)), (100, (0,))]
    scene.at(1, 100, left=True)
    assert scene.due() == []
    scene.log(1, 101)
    assert scene.rows() == [(101, (0, 1))]


def test_leaving_counts_from_where_it_was_said_not_from_where_the_process_is_now():
    """One message may say "left val at 113" and "handed in train 120": val at 120 still waits."""
    scene = Scene(2)
    for process in (0, 1):
        scene.log(process, 113, kind=Kind.EPOCH, mode="val")
    assert scene.rows() == [(113, (0, 1))]
    scene.log(0, 120, kind=Kind.EPOCH, mode="val")
    scene.at(1, 120)
    scene.clock.progress(1, 1, "val", Kind.EPOCH, 113, True, scene.now)
    assert scene.due() == []
    scene.log(1, 120, kind=Kind.EPOCH, mode="val")
    assert scene.rows() == [(120, (0, 1))]


def test_who_left_and_moved_on_elsewhere_is_past():
    """A process outside a mode is past a row once it is at a greater step in another mode."""
    scene = Scene(2)
    for process in (0, 1):
        scene.clock.progress(process, 1, "val", Kind.EPOCH, 5, True, scene.now)
    scene.log(0, 10, kind=Kind.EPOCH, mode="val")
    scene.at(1, 10)
    assert scene.due() == []
    scene.at(1, 11)
    assert scene.rows() == [(10, (0,))]


def test_goodbye_ends_the_wait_and_is_not_missing():
    """Nobody waits for, or misses, who said goodbye."""
    scene = Scene(2)
    scene.log(0, 10)
    scene.clock.leave(1, scene.now)
    (closing,) = scene.due()
    assert (closing.missing, closing.complete) == ((), True)


def test_the_lost_are_missing_and_may_come_back():
    """A row without a lost process closes, names it, and keeps its records."""
    scene = Scene(2)
    scene.log(0, 10)
    scene.clock.leave(1, scene.now, lost=True)
    (closing,) = scene.due()
    assert (closing.missing, closing.complete) == ((1,), False)
    scene.clock.join(1, scene.now, incarnation=1001)
    scene.log(1, 10)
    (closing,) = scene.due()
    assert seen([closing]) == [(10, 0, 1, (1,), True)]
    assert (closing.missing, closing.complete) == ((), True)


def test_one_not_yet_joined_is_waited_for():
    """A process that is still on its way holds rows until the time-out."""
    scene = Scene(1)
    scene.clock.expect([0, 1], scene.now)
    scene.log(0, 1)
    assert scene.due(after=TIMEOUT - 1) == []
    assert scene.rows(after=1) == [(1, (0,))]


# ------------------------------------------------------------------------- time-outs


def test_a_silent_process_is_waited_for_until_the_time_out():
    """The row closes row_timeout_s after its first record, and says when before."""
    scene = Scene(2)
    assert scene.clock.next_deadline() is None
    scene.log(0, 10)
    assert scene.clock.next_deadline() == scene.now + TIMEOUT
    assert scene.due(after=TIMEOUT - 0.1) == []
    (closing,) = scene.due(after=0.1)
    assert (members(closing), closing.missing, closing.complete) == ((0,), (1,), False)
    assert scene.clock.next_deadline() is None


def test_time_with_a_backlog_does_not_count():
    """While a process still has records to send nobody gives it up."""
    scene = Scene(2)
    scene.log(0, 10)
    assert scene.due(after=10) == []
    scene.clock.link(1, True, 500, scene.now)
    assert scene.clock.next_deadline() is None
    assert scene.due(after=1000) == []
    scene.clock.link(1, True, 0, scene.now)
    assert scene.due(after=19) == []
    assert scene.rows(after=1) == [(10, (0,))]


def test_a_cut_process_is_waited_for_from_the_cut():
    """A row waits until the process has been disconnected for the time-out."""
    scene = Scene(2)
    scene.log(0, 10)
    scene.now += 20
    scene.clock.link(1, False, 7, scene.now)
    assert scene.due(after=TIMEOUT - 1) == []
    assert scene.rows(after=1) == [(10, (0,))]


def test_after_three_rows_in_vain_nobody_waits():
    """A frozen process holds three rows; then it is absent, until it appears again."""
    scene = Scene(2)
    for step in (1, 2, 3):
        scene.log(0, step)
    assert scene.rows(after=TIMEOUT) == [(1, (0,)), (2, (0,)), (3, (0,))]
    scene.log(0, 4)
    (closing,) = scene.due()
    assert (closing.missing, closing.absent, closing.complete) == ((), (1,), False)
    scene.log(1, 4)
    assert seen(scene.due()) == [(4, 0, 1, (1,), True)]
    scene.log(0, 5)
    assert scene.due() == []


def test_a_process_that_logs_every_tenth_step_is_in_its_rows():
    """Absent from nine rows but moving on, it is waited for: its tenth is not late."""
    scene = Scene(2)
    for step in range(1, 21):
        scene.log(0, step)
        if step % 10 == 0:
            assert scene.due() == []
            scene.log(1, step)
        else:
            scene.at(1, step + 1)
        (closing,) = scene.due()
        assert members(closing) == ((0, 1) if step % 10 == 0 else (0,))
        assert closing.absent == ((1,) if step % 10 in (4, 5, 6, 7, 8, 9) else ())


# ----------------------------------------------------------------------------- order


def test_rows_are_given_out_in_order():
    """A later row that is full waits for an earlier one of its mode and kind, not of others."""
    scene = Scene(2)
    scene.log(0, 1)
    for process in (0, 1):
        scene.log(process, 1, mode="val")
    scene.log(0, 2)
    assert [(c.key.mode, c.key.step) for c in scene.due()] == [("val", 1)]
    scene.log(1, 1)
    scene.log(1, 2)
    assert scene.rows() == [(1, (0, 1)), (2, (0, 1))]


def test_a_second_training_starts_over_in_order():
    """Processes that go back to an older step wait for each other as before; nothing is late."""
    scene = Scene(2)
    for process in (0, 1):
        scene.log(process, 200)
        scene.at(process, 200, left=True)
    scene.due()
    scene.log(0, 1)
    scene.log(0, 2)
    assert scene.due() == []
    scene.log(1, 1)
    scene.log(1, 2)
    assert seen(scene.due()) == [(1, 0, 0, (0, 1), False), (2, 0, 0, (0, 1), False)]


def test_an_older_host_step_by_oneself_is_an_ordinary_row():
    """A process that logs a host metric of an older step gets a row of the usual kind."""
    scene = Scene(1)
    for step in (100, 95, 96, 101):
        scene.host(0, step, "a")
    assert seen(scene.due()) == [(step, 0, 0, (0,), False) for step in (100, 95, 96, 101)]


def test_a_process_that_comes_back_alone_makes_revisions():
    """A new life at older steps is no second training: what it logs again is late."""
    scene = Scene(2)
    for step in (1, 2, 3):
        for process in (0, 1):
            scene.log(process, step)
    assert len(scene.due()) == 3
    scene.clock.join(1, scene.now, incarnation=5)
    scene.log(1, 2, incarnation=5)
    (closing,) = scene.due()
    assert seen([closing]) == [(2, 0, 1, (1,), True)]
    assert closing.complete
    scene.log(1, 3, incarnation=5)
    scene.due()
    scene.log(0, 4)
    assert scene.due() == []
    scene.log(1, 4, incarnation=5)
    assert scene.rows() == [(4, (0, 1))]
