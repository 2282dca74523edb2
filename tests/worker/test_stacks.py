"""The stacks that a stalled process sends, and the one line that names where it is."""

import threading
from collections.abc import Callable, Iterator

import pytest

from podlog.worker import stacks


@pytest.fixture
def held() -> Iterator[Callable[[Callable[[threading.Event], None]], int]]:
    """Runs a call in a thread until the test ends; its identifier once it is in it."""
    over = threading.Event()
    threads: list[threading.Thread] = []

    def hold(call: Callable[[threading.Event], None]) -> int:
        entered = threading.Event()

        def run() -> None:
            entered.set()
            call(over)

        thread = threading.Thread(target=run, name=f"held-{len(threads)}")
        threads.append(thread)
        thread.start()
        entered.wait(10)
        assert thread.ident is not None
        return thread.ident

    yield hold
    over.set()
    for thread in threads:
        thread.join(10)


def frozen_collective(over: threading.Event) -> None:
    while not over.wait(0.01):
        pass


def deep(over: threading.Event, left: int = 300) -> None:
    if left:
        deep(over, left - 1)
    else:
        frozen_collective(over)


def test_training_thread_first(held: Callable[..., int]) -> None:
    """It comes first and is marked; all others are there too, with their names."""
    held(frozen_collective)
    ident = held(frozen_collective)
    text = stacks.dump(ident).text
    assert text.startswith("thread held-1 (the training thread):\n")
    assert text.count("(the training thread)") == 1
    assert "\nthread MainThread:\n" in text
    assert "\nthread held-0:\n" in text
    assert text.count("in frozen_collective") == 2


def test_frame(held: Callable[..., int]) -> None:
    """The line names file, line and function of the innermost frame."""
    ident = held(lambda over: frozen_collective(over))
    frame = ""
    for _ in range(1000):  # it may be between two waits
        frame = stacks.dump(ident).frame
        if "threading.py" in frame:
            break
    assert "threading.py" in frame and " in " in frame


def test_frame_below_podlog() -> None:
    """A thread that waits inside podlog is where it called podlog."""
    space = {"__name__": "podlog.worker.made_up", "threading": threading}
    exec("def wait_inside(event, known):\n    known.set()\n    event.wait(20)", space)
    known, over = threading.Event(), threading.Event()

    def my_loop() -> None:
        space["wait_inside"](over, known)  # type: ignore[operator]

    thread = threading.Thread(target=my_loop)
    thread.start()
    known.wait(10)
    assert thread.ident is not None
    dump = stacks.dump(thread.ident)
    over.set()
    thread.join(10)
    assert dump.frame.startswith(__file__)
    assert dump.frame.endswith("my_loop")
    assert "in wait_inside" in dump.text


def test_ended_thread() -> None:
    """A training thread that is gone is said to be."""
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert thread.ident is not None
    dump = stacks.dump(-1)
    assert "has ended" in dump.frame
    assert "thread MainThread:" in dump.text


def test_deep(held: Callable[..., int]) -> None:
    """A deep recursion is cut at its outer end."""
    dump = stacks.dump(held(deep))
    assert "frames more" in dump.text
    assert "in frozen_collective" in dump.text


def test_bounded(held: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    """However many threads there are, the text stays below its bound, and says that it is cut."""
    monkeypatch.setattr(stacks, "MOST_BYTES", 20_000)
    for _ in range(20):
        held(deep)
    dump = stacks.dump(threading.get_ident())
    assert len(dump.text.encode()) <= 20_000
    assert dump.text.endswith("(cut here)\n")
    assert dump.text.startswith("thread MainThread (the training thread):")
