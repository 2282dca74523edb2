"""Workers and coordinator on hosts of their own: links are cut, flap, addresses change.

One test does it all at once, since what passes is time.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_lab import Lab
from kit_net import Net, address


@pytest.fixture
def net() -> Iterator[Net]:
    net = Net()
    yield net
    net.close()


@pytest.mark.timeout(240)
def test_links_are_cut_flap_and_change_their_address(tmp_path: Path, net: Net) -> None:
    """Twenty seconds without a word, ten flaps, a new address: all is there once, steps go on."""
    _bad_days(tmp_path, net, down=20.0, heartbeat_s=1.0, row_timeout_s=5.0)


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_a_minute_without_a_word(tmp_path: Path, net: Net) -> None:
    """The same with the periods that users have."""
    _bad_days(tmp_path, net, down=60.0, heartbeat_s=5.0, row_timeout_s=30.0)


def _bad_days(folder: Path, net: Net, *, down: float, **timing: float) -> None:
    lab = Lab(folder, 4, bind=address(1), on=net.command(1), finalize_timeout_s=60.0, **timing)
    try:
        for number in (1, 2, 3, 4):
            lab.worker(f"{address(1)}:{lab.port}", net.command(number))
        cuts = [(1.0, lambda: net.cut(2)), (1.0 + down, lambda: net.mend(2))]
        flaps = [(2.0 + down * i / 10, lambda: net.cut(3)) for i in range(10)]
        mends = [(2.0 + down * (i + 0.5) / 10, lambda: net.mend(3)) for i in range(10)]
        moves = [(down / 3, lambda: net.readdress(4, 44))]
        lab.walk(down + 4, [*cuts, *flaps, *mends, *moves])
        lab.wait(lambda stats: all(s["connected"] and s["acked"] for s in stats), 40)
        connects = [walker.ask("stats")["connects"] for walker in lab.walkers]
        assert connects[0] == 1 and connects[1] >= 2 and connects[3] >= 2, connects
        lab.walk(0.0, until=lab.steady)
        lab.finish()
        lab.check()
    finally:
        lab.close()
