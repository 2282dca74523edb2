"""The way up to a parent that is slow, stuck or gone."""

import os
import time

from podlog.coordinator.upward import MAX_LINES, Up
from podlog.proto.control import ConsoleLine, Ended, Opened, Ready, load


def test_a_stuck_parent_holds_nobody_up_and_hears_all_but_lines() -> None:
    """Lines beyond what is kept are dropped and counted; the rest comes, in order."""
    reading, writing = os.pipe()
    up = Up(os.fdopen(writing, "wb"))
    up.tell(Ready(1))
    began = time.monotonic()
    for i in range(3 * MAX_LINES):
        up.tell(ConsoleLine(f"{i} " + "x" * 1000))
    up.tell(Opened("run", "/there", 1, b"asked"))
    up.tell(Ended("success"))
    assert time.monotonic() - began < 2.0
    assert up.dropped >= MAX_LINES
    assert not up.close(0.05)

    with os.fdopen(reading, "rb") as file:
        found = []
        while not found or not isinstance(found[-1], Ended):
            found.append(load(file.readline()))
        assert up.close(5)
    assert found[0] == Ready(1)
    lines = [n.text for n in found if isinstance(n, ConsoleLine)]
    assert lines[0].startswith("0 ")
    assert f"podlog: {up.dropped} lines were not shown" in lines[-1]
    assert Opened("run", "/there", 1, b"asked") in found


def test_a_parent_that_is_gone_is_not_waited_for() -> None:
    """Nothing raises, and the end comes at once."""
    reading, writing = os.pipe()
    up = Up(os.fdopen(writing, "wb"))
    os.close(reading)
    for _ in range(10):
        up.tell(ConsoleLine("x" * 100_000))
    up.tell(Ended("success"))
    assert up.close(5)
