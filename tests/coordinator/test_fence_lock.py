"""A lock that somebody deletes."""

import time
from pathlib import Path

import pytest
from kit_fence import claim, take


@pytest.mark.parametrize("first", [False, True])
def test_a_deleted_lock_is_taken_again(tmp_path: Path, first: bool) -> None:
    """Who holds the run keeps it, unless another had it before that was seen: one has it."""
    fence = take(tmp_path, "a")
    for name in ("coordinator.lock", "coordinator.json"):
        (tmp_path / name).unlink()
    if first:
        other = take(tmp_path, "b")
        fence.keep()
        assert fence.lost
        fence.release()
        assert not other.lost
        other.release()
        return
    fence.keep()
    assert not fence.lost
    assert claim(tmp_path, "b").poll(0.0, time.time()) is None
    fence.release()
    take(tmp_path, "b").release()
