"""Case 14: shutdown takes over a minute with the collector down and ignores its timeout."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from podlog.proto.config import TimingConfig
from podlog.worker import outage

FINALIZE_S = 1.0


@pytest.fixture(autouse=True)
def _long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The link sleeps a minute after each failed attempt, if nothing wakes it."""
    monkeypatch.setattr(outage, "_FIRST_PAUSE_S", 120.0)
    monkeypatch.setattr(outage, "_LONGEST_PAUSE_S", 120.0)


def test_the_end_does_not_wait_for_the_back_off(make_far: Callable[..., Any]) -> None:
    """The coordinator is gone: finalize and close take what was configured and no more."""
    far = make_far(1, timing=TimingConfig(finalize_timeout_s=FINALIZE_S))
    logger = far.pod[0]
    assert logger.flush(20)
    far.away(True)
    _gone(logger)
    logger.log_host_metrics({"a": 1}, 1, mode="train")
    start = time.monotonic()
    verdict = logger.finalize("success")
    assert time.monotonic() - start < FINALIZE_S + 1.0
    assert (verdict.final, verdict.undelivered) == (False, 1)
    start = time.monotonic()
    logger.close()
    assert time.monotonic() - start < FINALIZE_S + 2.0


def test_a_caller_that_waits_cuts_the_pause_short(make_far: Callable[..., Any]) -> None:
    """The coordinator is back while the link still sleeps: flush and close deliver at once."""
    far = make_far(1)
    logger = far.pod[0]
    assert logger.flush(20)
    for call in (lambda: logger.flush(20), logger.close):
        far.away(True)
        _gone(logger)
        logger.log_host_metrics({"a": 1}, 1, mode="train")
        far.away(False)
        start = time.monotonic()
        call()
        assert time.monotonic() - start < 15.0
        stats = logger.stats()
        assert stats["made"] == stats["acked"]


def _gone(logger: Any) -> None:
    """Waits until the link knows, and has begun to pause."""
    deadline = time.monotonic() + 10
    while logger.stats()["connected"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)
