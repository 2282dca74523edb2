"""Python's logging on its way to the run's log and to stdout."""

import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from podlog.proto.codec import record_body
from podlog.proto.records import Draft, LogLine, Record
from podlog.worker.textlog import TextLog


class Shipped:
    """What was shipped, as bodies."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []

    def __call__(self, draft: Draft) -> None:
        self.drafts.append(draft)

    @property
    def lines(self) -> list[LogLine]:
        bodies = [record_body(Record(0, 1, 0, i + 1, d)) for i, d in enumerate(self.drafts)]
        return [body for body in bodies if isinstance(body, LogLine)]


@pytest.fixture
def shipped() -> Shipped:
    return Shipped()


@pytest.fixture
def textlog(shipped: Shipped) -> Iterator[TextLog]:
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.WARNING)
    log = TextLog(0, "node7", shipped, lambda: 42)
    log.install()
    yield log
    log.remove()
    root.setLevel(level)


def test_records_of_any_logger_are_shipped(textlog: TextLog, shipped: Shipped) -> None:
    """Level, logger, text and host travel, with the step and the time of the call."""
    logging.getLogger("app.data").info("read %d rows", 3)
    logging.getLogger("app").debug("not this")
    assert shipped.lines == [LogLine(logging.INFO, "app.data", "read 3 rows", "node7")]
    assert shipped.drafts[0].step == 42
    assert shipped.drafts[0].time > 1e9


@pytest.mark.parametrize(
    ("name", "ships"),
    [
        ("podlog", True),
        ("podlogger", True),
        ("grpcio", True),
        ("podlog.worker.link", False),
        ("grpc", False),
        ("grpc._channel", False),
    ],
)
def test_podlogs_own_and_grpcs_records_stay_here(
    textlog: TextLog, shipped: Shipped, name: str, ships: bool
) -> None:
    """Only the logger named exactly podlog speaks to the user."""
    logging.getLogger(name).error("text")
    assert [line.logger for line in shipped.lines] == ([name] if ships else [])


def test_a_traceback_goes_along(textlog: TextLog, shipped: Shipped) -> None:
    """logging.exception ships what it would print."""
    try:
        raise ValueError("bad batch")
    except ValueError:
        logging.getLogger("app").exception("step failed")
    message = shipped.lines[0].message
    assert message.startswith("step failed\nTraceback")
    assert message.endswith("ValueError: bad batch")


def test_a_huge_message_is_cut_with_a_note(textlog: TextLog, shipped: Shipped) -> None:
    """20 MB of text become 64 Ki characters that say how much is missing; any text travels."""
    logging.getLogger("app").warning("x" * 20_000_000)
    logging.getLogger("app").warning("lone \ud800 surrogate")
    assert len(shipped.lines[0].message) < 70_000
    assert "characters cut" in shipped.lines[0].message
    assert shipped.lines[1].message == "lone \\ud800 surrogate"


def test_logging_from_inside_shipping_ends(shipped: Shipped) -> None:
    """A ship function that logs does not call itself for ever, and one that raises harms nobody."""
    calls: list[Draft] = []

    def ship(draft: Draft) -> None:
        calls.append(draft)
        logging.getLogger("app").error("from inside")
        raise RuntimeError("no room")

    log = TextLog(0, "h", ship, lambda: 0)
    log.install()
    try:
        logging.getLogger("app").error("outside")
    finally:
        log.remove()
    assert len(calls) == 1


def test_stdout_shows_the_rank_and_follows_a_replaced_stream(
    textlog: TextLog, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line has [R0]; a later sys.stdout is used from then on."""
    logging.getLogger("app").info("first")

    class Stream:
        text = ""

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None:
            pass

    stream: Any = Stream()
    monkeypatch.setattr(sys, "stdout", stream)
    logging.getLogger("app").info("second")
    textlog.remove()
    assert "[R0] INFO app: first" in capsys.readouterr().out
    assert stream.text.endswith("[R0] INFO app: second\n")


def test_other_ranks_show_errors_only(shipped: Shipped, capsys: pytest.CaptureFixture[str]) -> None:
    """Rank 3 ships its warnings but prints only errors, unless a level is given."""
    for level, expected in ((None, ["bad"]), ("WARNING", ["careful", "bad"])):
        log = TextLog(3, "h", shipped, lambda: 0, level)
        log.install()
        logging.getLogger("app").warning("careful")
        logging.getLogger("app").error("bad")
        log.remove()
        lines = capsys.readouterr().out.splitlines()
        assert [line.split("app: ")[1] for line in lines] == expected
        assert all("[R3]" in line for line in lines)
    assert len(shipped.lines) == 4


def test_remove_leaves_logging_as_it_was(shipped: Shipped) -> None:
    """Handlers of others and the root level survive; both calls are safe twice."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    log = TextLog(0, "h", shipped, lambda: 0)
    log.install()
    log.install()
    assert len(root.handlers) == len(before[1]) + 2
    log.remove()
    log.remove()
    assert (root.level, list(root.handlers)) == before
    logging.getLogger("app").error("later")
    assert shipped.lines == []


def test_a_level_that_someone_else_set_meanwhile_stays(shipped: Shipped) -> None:
    """Only what install changed is restored."""
    root = logging.getLogger()
    before = root.level
    log = TextLog(0, "h", shipped, lambda: 0)
    log.install()
    root.setLevel(logging.CRITICAL)
    log.remove()
    assert root.level == logging.CRITICAL
    root.setLevel(before)
