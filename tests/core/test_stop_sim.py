"""The stop agreement under 20,000 histories: orders, delays, losses, restarts, joiners."""

import pytest
from kit_stopcheck import check
from kit_stoploop import T
from kit_stops import Pod

SEEDS = 20_000
PARTS = 20


def _run(seed: int, hold_s: float = T) -> tuple[Pod, list[str]]:
    pod = Pod(seed, hold_s)
    pod.run()
    return pod, check(pod)


@pytest.mark.parametrize("part", range(PARTS))
def test_there_is_one_stop_step_and_every_split_is_named(part: int) -> None:
    """Whoever answered and hears in less than half of the timeout stops where the others do.

    No hold outlasts its deadline (asserted at each hold); who missed the step is
    named within 2 s of its connecting again.
    """
    seeds = range(part, SEEDS, PARTS)
    wrong = {seed: found for seed in seeds if (found := _run(seed)[1])}
    assert wrong == {}


def test_the_histories_are_rich() -> None:
    """They hold decisions, withdrawals, holds and splits: nothing is proven by silence."""
    pods = [_run(seed)[0] for seed in range(300)]
    assert sum(len(pod.decided) for pod in pods) > 150
    assert sum(pod.in_time for pod in pods) > 400
    assert sum(pod.withdrawn for pod in pods) > 50
    assert sum(pod.holds for pod in pods) > 300
    assert sum(len(pod.splits) for pod in pods) > 2


def test_the_simulation_finds_what_it_looks_for() -> None:
    """With holds far shorter than they must be, processes do split, and that is seen."""
    assert sum(bool(_run(seed, T / 5)[1]) for seed in range(150)) > 10
