"""`delivery.fsync` reaches the journal too: an ack then outlives a loss of power."""

from pathlib import Path

import pytest

from podlog.coordinator.opening import open_run
from podlog.proto.config import DeliveryConfig, LoggerConfig

NORMAL, FULL = 1, 2


@pytest.mark.parametrize(("fsync", "level"), [(False, NORMAL), (True, FULL)])
def test_each_commit_waits_for_the_disk_if_asked(tmp_path: Path, fsync: bool, level: int) -> None:
    """Only then."""
    config = LoggerConfig(log_path=tmp_path, delivery=DeliveryConfig(fsync=fsync))
    opened = open_run(config, job_id="job", memory=False)
    assert opened.journal._db.execute("PRAGMA synchronous").fetchone() == (level,)
    opened.close()
