"""Case 40: logging arrays leaks memory, on the host or on the device."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podlog.proto.config import TimingConfig

SCRIPT = Path(__file__).with_name("scripts") / "arrays.py"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("calls", [4000, pytest.param(8000, marks=pytest.mark.soak)])
def test_memory_is_flat_over_many_calls_with_arrays(
    make_pod: Callable[..., Any], calls: int
) -> None:
    """Four times the calls take no more, within 5 %; the same arrays are alive on the device."""
    pod = make_pod(2, loggers=1, timing=TimingConfig(lost_after_s=280))
    pod[0].close()
    address = f"127.0.0.1:{pod.endpoint.port}"
    done = subprocess.run(
        [sys.executable, "-P", str(SCRIPT), address, str(pod.folder), str(calls), str(4 * calls)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    early, late = [json.loads(text) for text in done.stdout.splitlines()]
    assert late["arrays"] == early["arrays"]
    assert late["rss"] < 1.05 * early["rss"]
    assert late["dropped"] == 0
