"""Which thread's calls tell where the training is."""

import threading
from collections.abc import Callable

from kit_phases import At


def test_other_threads() -> None:
    """A thread that goes on reporting does not hide that the training thread is silent."""
    at = At()

    def report() -> None:
        at.phases.touch("log_host_metrics")
        with at.phases.within("upload", "phase"), at.phases.ours("flush"):
            assert (at.beat().phase, at.beat().quiet) == ("", False)

    at.enter("train")
    at.step(1, 1.0)
    at.now += 60.0
    _in_thread(report)
    beat = at.beat()
    assert (beat.idle_s, beat.last) == (60.0, "log_step")
    at.phases.touch("should_stop")
    assert (at.beat().idle_s, at.beat().last) == (0.0, "should_stop")


def test_training_in_another_thread() -> None:
    """The thread that runs the loop is the training thread, not the one that made the Logger."""
    at = At()
    done: list[int] = []

    def train() -> None:
        at.enter("train")
        at.step(1, 1.0)
        with at.phases.within("data"):
            assert at.beat().phase == "data"
        done.append(threading.get_ident())

    _in_thread(train)
    assert at.phases.thread == done[0]
    at.phases.touch("should_stop")
    assert at.beat().last == "log_step"


def _in_thread(call: Callable[[], None]) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
