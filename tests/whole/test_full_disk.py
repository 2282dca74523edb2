"""A spool's disk that fills and is freed: what was lost is exactly what the audit says."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_disks import small_disk

from podlog.cluster import jobs
from podlog.cluster.sidecar import Sidecar
from podlog.coordinator import cli
from podlog.proto.config import DeliveryConfig, LoggerConfig, SecurityConfig, TimingConfig
from podlog.worker import Logger, Text

CALLS = 1600
CALL = "x" * 60_000


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    with small_disk(tmp_path / "small", "16m") as folder:
        yield folder


def test_the_audit_names_what_a_full_disk_cost(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """90 MB of calls meet 64 MiB of memory; made is stored and declared lost, with its cause."""
    setup = jobs.new_job(SecurityConfig(), 1)
    monkeypatch.setenv("PODLOG_TOKEN", setup.token)
    monkeypatch.setenv("PODLOG_CERT", setup.cert.decode())
    sidecar = Sidecar.start(setup)
    ballast = small / "ballast"
    ballast.write_bytes(b"x" * (15 << 20))
    config = LoggerConfig(
        log_path=tmp_path / "run",
        coordinator="external",
        delivery=DeliveryConfig(spool_dir=small),
        timing=TimingConfig(finalize_timeout_s=50),
    )
    address = f"127.0.0.1:{sidecar.ready(30)}"
    logger = Logger(config, process_index=0, process_count=1, coordinator_address=address)
    try:
        sidecar_is_away(sidecar)
        longest = 0.0
        for step in range(CALLS):
            began = time.perf_counter()
            logger.log_host_metrics({"note": Text(CALL), "step": float(step)}, step, mode="train")
            longest = max(longest, time.perf_counter() - began)
        assert longest < 5.0, "a call waited for the disk"
        deadline = time.monotonic() + 20
        while not logger.stats()["spool_dropped"]:
            assert time.monotonic() < deadline, logger.stats()
        ballast.unlink()
        sidecar_is_back(sidecar)
        assert logger.finalize("success").final
        dropped = logger.stats()["spool_dropped"]
    finally:
        sidecar_is_back(sidecar)
        logger.close()
        assert sidecar.wait(60)

    found = cli.audit(tmp_path / "run")
    (life,) = found.lives
    assert found.ok
    assert sum(loss.last - loss.first + 1 for loss in life.lost) == dropped > 0
    assert life.made == life.stored + dropped
    assert all("the disk did not take" in loss.cause for loss in life.lost)
    cli.export(tmp_path / "run", "jsonl", out=tmp_path / "rows")
    steps = [json.loads(line)["step"] for line in (tmp_path / "rows").read_text().splitlines()]
    assert len(steps) == len(set(steps)) == CALLS - dropped


def sidecar_is_away(sidecar: Sidecar) -> None:
    """Stopped, so that nothing leaves the spool."""
    subprocess.run(["kill", "-STOP", str(sidecar.pid)], check=True)


def sidecar_is_back(sidecar: Sidecar) -> None:
    """It goes on."""
    subprocess.run(["kill", "-CONT", str(sidecar.pid)], check=False)
