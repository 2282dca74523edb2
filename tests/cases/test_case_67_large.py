"""Case 67: what is over 4 MB is rejected without a word, and the shipper is stuck for good.

Here 20 MB of text, image, dict and traceback arrive through real gRPC, and what follows flows.
"""

import contextlib
import json
import logging
import sqlite3
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from podlog.worker import Image, Text

MB = 1_000_000


def logged(pod: Any) -> None:
    """The next record arrives."""
    pod.each(lambda logger: logger.log_host_metrics({"next": 1.0}, 2, mode="train"))
    assert pod.each(lambda logger: logger.flush(30)) == [True, True]


def events(pod: Any) -> list[str]:
    """The names of what the journal was told."""
    with contextlib.closing(sqlite3.connect(pod.folder / "journal.sqlite")) as journal:
        return [name for (name,) in journal.execute("SELECT name FROM events")]


@pytest.mark.timeout(120)
def test_large_values_arrive_whole_and_the_next_ones_too(make_pod: Callable[..., Any]) -> None:
    """Text and pixels of 20 MB from two processes at once, into the journal and the JSONL file."""
    pod = make_pod(2)
    text = "x" * (20 * MB)
    pixels = np.random.default_rng(0).integers(0, 256, (2600, 2600, 3), dtype=np.uint8)
    pod[0].log_host_metrics({"text": Text(text)}, 1, mode="train")
    pod[1].log_host_metrics({"image": Image(pixels)}, 1, mode="train")
    assert pod.each(lambda logger: logger.flush(60)) == [True, True]
    logged(pod)
    assert [v.status for v in pod.finish()] == ["success"] * 2
    rows = pod.rows("train")
    found = next(row["text"] for row in rows if "text" in row)
    assert text in json.dumps(found)
    assert any("image" in row for row in rows)
    assert [row["next"] for row in rows if "next" in row] == [1.0]
    assert not any("metric_error" in line for line in events(pod))


@pytest.mark.timeout(120)
def test_a_large_config_and_a_large_traceback(make_pod: Callable[..., Any]) -> None:
    """The dict is stored whole; the line of the log is cut and says so."""
    pod = make_pod(2)
    pod[0].log_config({"table": {f"key{i}": "v" * 1000 for i in range(20_000)}})
    try:
        raise RuntimeError("y" * (20 * MB))
    except RuntimeError:
        logging.getLogger("train").exception("it broke")
    logged(pod)
    assert [v.status for v in pod.finish()] == ["success"] * 2
    assert "it broke" in pod.log
    assert len(pod.log) < MB
    config = json.loads((pod.folder / "file_logs" / "config.json").read_text())
    assert "key19999" in json.dumps(config)


@pytest.mark.timeout(120)
def test_what_is_larger_than_allowed_is_refused_at_the_call(make_pod: Callable[..., Any]) -> None:
    """Also where single values are allowed, but a call's are together too large for one record."""
    pod = make_pod(2)
    half = Text("z" * (40 * MB))
    pod[0].log_host_metrics({"a": half, "b": half, "c": 1.0}, 1, mode="train")
    pod[1].log_host_metrics({"a": Text("z" * (70 * MB))}, 1, mode="train")
    pod[0].log_config({"huge": "v" * (90 * MB)})
    logged(pod)
    assert [v.status for v in pod.finish()] == ["success"] * 2
    rows = pod.rows("train")
    assert any(row.get("c") == 1.0 and "a" in row and "b" not in row for row in rows)
    assert events(pod).count("metric_error") == 2
    assert pod.log.count("max_payload_mb") == 3
