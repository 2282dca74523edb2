"""Waiting for what another thread or process does."""

import threading
import time
from collections.abc import Callable


def until(ready: Callable[[], object], timeout: float = 15.0) -> None:
    """Waits for `ready()`, at most `timeout` seconds; then the test has failed."""
    deadline = time.monotonic() + timeout
    while not ready():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
