"""Case 13: stop() never returns when the sink cannot be reached."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kit_proxy import Faults, Proxy

from podlog.proto.config import LoggerConfig, SecurityConfig, TimingConfig
from podlog.worker import Logger


@pytest.fixture(params=["black hole", "refused"])
def sink(request: pytest.FixtureRequest) -> Iterator[str]:
    """An address at which nobody ever answers, one way or another."""
    hole = request.param == "black hole"
    proxy = Proxy(9, Faults(refuse=not hole, mute=hole))
    yield f"127.0.0.1:{proxy.port}"
    proxy.close()


def test_finalize_returns_by_its_deadline(
    sink: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_pod: Callable[..., Any],
) -> None:
    """It says how much is undelivered, keeps it, and the next start delivers it."""
    monkeypatch.setenv("PODLOG_TOKEN", "ab" * 32)
    logger = Logger(
        LoggerConfig(
            log_path=tmp_path / "run",
            security=SecurityConfig(tls=False),
            timing=TimingConfig(finalize_timeout_s=1.5),
        ),
        process_index=0,
        process_count=1,
        coordinator_address=sink,
    )
    for step in range(50):
        logger.log_host_metrics({"old": step}, step, mode="train")
    start = time.monotonic()
    verdict = logger.finalize("success")
    assert time.monotonic() - start < 3.0
    assert (verdict.final, verdict.undelivered) == (False, logger.stats()["made"])
    assert verdict.undelivered >= 50

    start = time.monotonic()
    logger.close()
    assert time.monotonic() - start < 4.0
    assert list((tmp_path / "run" / "spool").iterdir())

    pod = make_pod(1)
    pod[0].log_host_metrics({"new": 1}, 1, mode="train")
    assert pod.finish()[0].final
    rows = pod.rows("train")
    assert [row["old"] for row in rows if row.get("old") is not None] == list(range(50))
    assert [row["new"] for row in rows if row.get("new") is not None] == [1]
    assert not list((tmp_path / "run").glob("spool/*"))
