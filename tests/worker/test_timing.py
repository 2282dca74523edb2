"""The mode stack, epoch numbers and step times."""

from podlog.worker.timing import Timing


def test_modes_nest_and_the_outer_epoch_comes_back():
    """After a nested epoch with another number, mode and epoch are the outer ones."""
    timing = Timing()
    assert (timing.mode, timing.epoch, timing.mode_stack) == ("default", 0, [])
    timing.start_epoch("train", 3, 10, 0.0)
    timing.start_epoch("val", 99, 12, 5.0)
    assert (timing.mode, timing.epoch, timing.mode_stack) == ("val", 99, ["train", "val"])
    ended = timing.end_epoch(7.5)
    assert ended is not None
    assert (ended.mode, ended.epoch, ended.seconds) == ("val", 99, 2.5)
    assert (timing.mode, timing.epoch) == ("train", 3)


def test_the_last_epoch_stays_when_none_runs():
    """Host metrics after an epoch still carry its number."""
    timing = Timing()
    timing.start_epoch("train", 4, 0, 0.0)
    timing.end_epoch(1.0)
    assert (timing.mode, timing.epoch) == ("default", 4)
    assert timing.end_epoch(2.0) is None


def test_step_time_is_a_mean_since_the_last_reference():
    """start_epoch and each logging step are references."""
    timing = Timing()
    timing.start_epoch("train", 1, 0, 100.0)
    timing.seen(5, 103.0)
    assert timing.logged(10, 105.0) == 0.5
    assert timing.logged(20, 106.0) == 0.1


def test_validation_is_in_no_step_time():
    """end_epoch clears the reference; the next step of any kind sets it."""
    timing = Timing()
    timing.start_epoch("train", 1, 0, 0.0)
    timing.logged(10, 1.0)
    timing.start_epoch("val", 1, 10, 1.0)
    timing.end_epoch(50.0)
    timing.seen(15, 51.0)
    assert timing.logged(20, 52.0) == 0.2
    timing.start_epoch("val", 1, 20, 52.0)
    timing.end_epoch(60.0)
    assert timing.logged(21, 61.0) is None
    assert timing.logged(22, 61.5) == 0.5


def test_no_step_time_without_steps():
    """Without a reference, at its own step, or going back there is none, never a negative one."""
    timing = Timing()
    assert timing.logged(10, 1.0) is None
    assert timing.logged(10, 2.0) is None
    assert timing.logged(5, 3.0) is None
    assert timing.logged(6, 4.0) == 1.0
