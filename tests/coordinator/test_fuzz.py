"""A coordinator process under fire: refused, counted, named; nothing changes, nothing grows."""

import concurrent.futures
import json
import socket
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_attack import ATTACKERS, Attack, attack
from kit_hostile import frame
from kit_peers import Voice
from kit_target import PROCESSES, Pulse, Target

from podlog.proto import podlog_pb2 as pb

MIB = 1 << 20


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    found = Target(tmp_path)
    yield found
    found.close()


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(8_000, marks=pytest.mark.timeout(120)),
        pytest.param(100_000, marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
def test_what_is_refused_changes_no_byte_of_the_journal(target: Target, frames: int) -> None:
    """Strangers, foreign runs, broken frames, noise: each ends with its status and is counted."""
    each = frames // ATTACKERS

    def all_of_it(one: Attack) -> None:
        one.strangers(each * 3 // 10)
        one.foreign(each * 2 // 10)
        one.malformed(each * 4 // 10)
        one.mutated_hellos(each // 20)
        one.noise(each // 200)

    target.quiet()
    dumped, before, base = target.dump(), target.stored(), target.rss()
    target.most = base
    with Pulse(target.good) as pulse:
        attackers = attack(target, 1, all_of_it)
    target.quiet()
    assert target.dump() == dumped
    assert target.stored() == before
    assert target.most - base < 80 * MIB
    assert sum(a.sent for a in attackers) > frames * 0.9
    assert statistics.median(pulse.took) < 0.5, pulse.took
    for kind in ("token", "refused", "malformed"):
        assert f"ipv4:127.0.0.1 ({kind})" in target.log
    assert "undone" not in target.log
    target.good.log(100, {"loss": 100.0})
    target.good.acked()
    assert target.settle().rows == 101


@pytest.mark.timeout(120)
def test_mutated_and_strange_records_disturb_nobody(target: Target) -> None:
    """Whatever of them is taken: no turn is undone, and the good worker's rows stay as they are."""
    target.quiet()
    before = target.rows("train")
    target.most = base = target.rss()

    def all_of_it(one: Attack) -> None:
        one.mutated(700)
        one.strange(2)

    with Pulse(target.good) as pulse:
        attackers = attack(target, 2, all_of_it)
    assert sum(a.sent for a in attackers) > 2800
    assert sum((a.ends for a in attackers), Counter())["INVALID_ARGUMENT"] > 100
    assert statistics.median(pulse.took) < 0.5, pulse.took
    assert target.most - base < 80 * MIB
    target.good.log(100, {"loss": 100.0})
    target.good.acked()
    target.settle()
    assert "undone" not in target.log
    assert "Traceback" not in target.log
    assert target.rows("train")[:100] == before
    lines = (target.folder / "file_logs" / "metrics_train.jsonl").read_text().splitlines()
    assert [json.loads(line)["loss"] for line in lines] == [float(i) for i in range(101)]


@pytest.mark.timeout(120)
def test_a_flood_is_held_back_and_the_others_are_served(target: Target) -> None:
    """Four streams send without end; a good worker's records are acked meanwhile."""
    target.most = base = target.rss()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        fired = pool.submit(attack, target, 3, lambda one: one.flood(3.0))
        took = []
        step = 100
        while not fired.done():
            begun = time.monotonic()
            target.good.log(step, {"loss": float(step)})
            target.good.acked(timeout=20)
            took.append(time.monotonic() - begun)
            step += 1
        attackers = fired.result()
    assert sum(a.sent for a in attackers) > 1000
    assert statistics.median(took) < 1.0, took
    assert target.most - base < 80 * MIB
    assert target.settle().rows == step


@pytest.mark.timeout(120)
def test_pieces_without_end_and_frames_too_large_are_refused(target: Target) -> None:
    """Unfinished messages are bounded for each stream and in all; all is free again afterwards."""
    target.quiet()
    before, base = target.stored(), target.rss()
    target.most = base
    one = Attack(target, 1, 4)
    for count in range(1, 4):
        one.pieces(count, 250_000)
        one.pieces(count, 250_000, last=True)
    one.pieces(90, 1_000_000)
    for size in ((1 << 20) + 100, 3 << 20, 100 << 20):
        with target.channel() as channel:
            said = [one.hello(), frame(chunk=pb.Chunk(data=bytes(size)))]
            one.say(channel, said, target.setup.token, "RESOURCE_EXHAUSTED")
    assert target.most - base < 200 * MIB
    target.quiet()
    assert target.stored() == before
    assert "(oversized)" in target.log


@pytest.mark.timeout(120)
def test_connections_that_say_nothing_are_bounded_and_let_go(target: Target) -> None:
    """Hundreds at a time: the good worker goes on, and after a while a new one is let in."""
    target.quiet()
    before, base = target.stored(), target.rss()
    target.most = base
    silent = []
    with Pulse(target.good) as pulse:
        for number in range(600):
            silent.append(socket.create_connection(target.address, timeout=10))
            if number % 3:
                silent[-1].sendall(b"\x16\x03\x01\x02"[: number % 5])
        deadline = time.monotonic() + 60
        late = Voice(1, PROCESSES)
        while True:
            late.greet(target.connector())
            try:
                late.ear.wait("welcome", timeout=20)
                break
            except AssertionError:
                assert time.monotonic() < deadline, "nobody is let in any more"
            late.close()
        late.close()
    for each in silent:
        each.close()
    assert statistics.median(pulse.took) < 0.5, pulse.took
    assert target.most - base < 80 * MIB
    target.quiet()
    assert target.stored() == before
