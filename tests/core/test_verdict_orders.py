"""The same ends, heard of in any order, are one verdict."""

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from kit_members import GLOO, members

from podlog.coordinator.core.signs import HARD
from podlog.coordinator.core.verdict import verdict
from podlog.proto.records import Verdict

COUNT = 3
chance = st.randoms(use_true_random=False)

ENDS = {
    "well": (("goodbye", "success"), ("exit", 0, None)),
    "nan": (("finalize", "nan"), ("goodbye", ""), ("exit", 0, None)),
    "collective": (("failed", "failure", GLOO), ("break",), ("exit", 1, None)),
    "collective, stopped": (("failed", "failure", GLOO), ("exit", None, 15, False)),
    "aborted": (("break",), ("exit", None, 6)),
    "interrupted": (
        ("failed", "interrupted", "KeyboardInterrupt"),
        ("goodbye", ""),
        ("exit", None, 2),
    ),
    "boom": (("failed", "failure", "ValueError: boom"), ("exit", 1, None)),
    "boom, stopped": (("failed", "failure", "ValueError: boom"), ("exit", None, 9, False)),
    "killed": (("break",), ("exit", None, 9)),
    "exit code": (("exit", 3, None), ("break",)),
    "missed": (("missed",), ("goodbye", "nan"), ("exit", 0, None)),
    "no finalize": (("goodbye", ""), ("exit", 0, None)),
}
CAUSES = {"boom", "boom, stopped", "killed", "exit code", "missed", "no finalize"}
RUNTIME = {"collective", "collective, stopped", "aborted"}


def play(ends: tuple[str, ...], order: list[int]) -> Verdict:
    """Each process's events in their order, among each other in any; all within two seconds."""
    found = members(COUNT)
    left = [list(ENDS[end]) for end in ends]
    for place, process in enumerate(order):
        now = 1.0 + place / len(order)
        match left[process].pop(0):
            case ("failed", status, error):
                found.failed(process, status, error, now)
            case ("missed",):
                found.missed(process, "missed stop step 7 (it was at 9)", now)
            case ("break",):
                found.link(process, False, now)
            case ("finalize", status):
                found.finalized(process, status, now)
            case ("goodbye", status):
                found.goodbye(process, status, now)
            case ("exit", code, signal, *caused):
                found.exited(process, code, signal, not caused, now)
    found.all_ended(3.0)
    for process in range(COUNT):
        found.link(process, False, 3.0)
    return verdict(found.all())


@settings(deadline=None, max_examples=300)
@given(st.tuples(*[st.sampled_from(sorted(ENDS))] * COUNT), chance, chance)
def test_only_competing_causes_depend_on_the_order(
    ends: tuple[str, ...], one: random.Random, other: random.Random
) -> None:
    """The same ends in two orders of arrival give one status, and one cause if there is but one."""
    orders = []
    for rng in (one, other):
        order = [process for process, end in enumerate(ends) for _ in ENDS[end]]
        rng.shuffle(order)
        orders.append(order)
    first, second = (play(ends, order) for order in orders)
    assert first.final
    assert second.final
    causes = [process for process, end in enumerate(ends) if end in CAUSES]
    if "interrupted" in ends and "boom, stopped" in ends:
        return  # whether it raised by itself or at the launcher's signal is told by the order
    explained = "interrupted" in ends or sum(end in RUNTIME for end in ends) <= 1
    if len(causes) == 1 or (not causes and explained):
        assert first.status == second.status
        assert first.root_cause.split(";")[0] == second.root_cause.split(";")[0]
    else:
        assert {first.status, second.status} <= HARD


def test_every_order_of_a_kill_and_what_follows_from_it() -> None:
    """All interleavings of one killed process and two whose collectives fail."""
    ends = ("collective", "killed", "aborted")
    order = [process for process, end in enumerate(ends) for _ in ENDS[end]]
    for permutation in set(itertools.permutations(order)):
        found = play(ends, list(permutation))
        assert found.root_cause == (
            "process 1 on host1: lost (it was ended by SIGKILL); 2 others failed as a consequence"
        )
