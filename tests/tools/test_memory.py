"""`MemoryLogger`: keeps what it is given."""

import threading
from collections.abc import Callable

from podlog.coordinator.tools import MemoryLogger, MemoryLoggerConfig
from podlog.proto.records import Event, RunConfig
from podlog.proto.rows import EventItem, Row
from podlog.proto.tool import ToolContext

MakeRow = Callable[..., Row]


def test_keeps_everything(context: ToolContext, make_row: MakeRow) -> None:
    """Rows, the calls that a tool of the seed would see, configs, events, statuses."""
    tool = MemoryLoggerConfig().create(context)
    row, late = make_row(1, {"a": 1}), make_row(1, {"a": 2}, revision=1)
    event = EventItem(1, 1, 0, 1, 0.0, Event("nan", "text"))
    tool.log_run_config(RunConfig('{"x": 1}'))
    tool.setup()
    tool.write([row, late])
    tool.log_event(event)
    tool.finalize("success")
    assert tool.rows == [row, late]
    assert tool.calls == [({"a": 1}, 1, 1, "train")]
    assert (tool.configs, tool.events, tool.setups, tool.statuses) == (
        [{"x": 1}],
        [event],
        1,
        ["success"],
    )


def test_another_thread_may_wait(make_row: MakeRow) -> None:
    """Waiting ends as soon as what is waited for has come, or at the timeout."""
    tool = MemoryLogger()
    thread = threading.Thread(target=lambda: tool.write([make_row(1, {})]))
    thread.start()
    assert tool.wait_for(lambda t: len(t.rows) == 1)
    thread.join()
    assert not tool.wait_for(lambda t: len(t.rows) == 2, timeout=0.01)
