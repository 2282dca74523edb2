"""Bad TCP between workers and coordinator: slow, sliced, reset, half-open.

One job, a process behind each proxy, since what passes is time.
"""

from pathlib import Path

import pytest
from kit_lab import Lab
from kit_proxy import Faults, Proxy

pytestmark = pytest.mark.alone


@pytest.mark.timeout(240)
def test_slow_sliced_reset_and_half_open(tmp_path: Path) -> None:
    """Steps take as long as without a network; on return all is there once, in order."""
    lab = Lab(tmp_path, 4, finalize_timeout_s=60.0, heartbeat_s=1.0, row_timeout_s=5.0)
    proxies: list[Proxy] = []
    try:
        slow = Faults(delay=(0.2, 0.1), rate=50_000)
        sliced = Faults(slice=7)
        reset = Faults(reset_after=(8_000, 30_000))
        half = Faults()
        for faults, payload in ((slow, 800), (sliced, 10), (reset, 200), (half, 10)):
            proxies.append(Proxy(lab.port, faults))
            lab.worker(f"127.0.0.1:{proxies[-1].port}", payload=payload)
        lab.walk(2.0, until=lambda: proxies[3].connections)
        for direction in ("deaf_down", "deaf_up"):
            before = proxies[3].connections
            setattr(half, direction, True)
            lab.walk(1.0, until=lambda before=before: proxies[3].connections > before)
            setattr(half, direction, False)
        lab.walk(8.0, until=lambda: proxies[2].resets > 2 and lab.steady())
        connects = [walker.ask("stats")["connects"] for walker in lab.walkers]
        assert connects[0] == 1, "a slow network is not a dead one"
        assert connects[2] > 2 and connects[3] > 2
        lab.finish()
        lab.check()
    finally:
        lab.close()
        for proxy in proxies:
            proxy.close()
