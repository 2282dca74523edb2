"""The schedule of `podlog chaos`, its witness, and its command."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from podlog.cluster import witness
from podlog.cluster.chaosplan import Plan, schedule
from podlog.cluster.cli import app
from podlog.cluster.witness import Life, Witness
from podlog.proto.errors import ConfigError


def test_a_seed_repeats_the_schedule() -> None:
    """The same kills for the same seed, others for another one; each kind equally often."""
    plan = Plan(seconds=30.0, seed=7, kills=100)
    kills = schedule(plan)
    assert kills == schedule(plan)
    assert kills != schedule(Plan(seconds=30.0, seed=8, kills=100))
    assert [kill.kind for kill in kills].count("worker") == 50
    assert sorted(kill.at for kill in kills) == [kill.at for kill in kills]
    assert kills[0].at >= 0 and kills[-1].at <= 30.0
    assert 5 < sum(kill.early for kill in kills) < 40
    assert len(schedule(Plan(seconds=12.0))) == 12


def test_process_counts_of_later_lives() -> None:
    """They are taken in turn; without them the count stays."""
    plan = Plan(processes=4, then=(2, 8))
    assert [plan.count(job) for job in range(1, 6)] == [4, 2, 8, 2, 8]
    assert Plan(processes=3).count(9) == 3


def test_what_cannot_be_asked_for() -> None:
    """Unknown victims and jobs without processes are refused with the choice."""
    with pytest.raises(ConfigError, match="cannot kill cat: choose of worker, coordinator, job"):
        Plan(kill=("worker", "cat"))
    with pytest.raises(ConfigError, match="at least one process"):
        Plan(then=(0,))


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--kill", "nobody"], "cannot kill nobody"), (["--then", "2;8"], "numbers with commas")],
)
def test_usage(options: list[str], message: str) -> None:
    """Bad values end the command before anything is started."""
    result = CliRunner().invoke(app, ["chaos", *options])
    assert result.exit_code != 0
    assert message in str(result.exception)


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    """Nothing of somebody else's is written over."""
    (tmp_path / "mine").touch()
    result = CliRunner().invoke(app, ["chaos", "--log-path", str(tmp_path)])
    assert "is not empty" in str(result.exception)


def test_a_witness_keeps_every_life(tmp_path: Path) -> None:
    """Each life has its own place; what was written last counts."""
    path = tmp_path / "witness"
    for number in (1, 2, 3):
        with Witness(path) as seen:
            assert len(seen.before) == number - 1
            for seq in range(1, 20 + number):
                seen.write(Life(number, 1, 1, seq, seq, seq, 0, 0))
    assert [(life.incarnation, life.seq, life.writes) for life in witness.lives(path)] == [
        (number, 19 + number, 19 + number) for number in (1, 2, 3)
    ]


def test_a_torn_half_does_not_count(tmp_path: Path) -> None:
    """A kill in the middle of a write leaves the write before it."""
    path = tmp_path / "witness"
    with Witness(path) as seen:
        seen.write(Life(5, 1, 1, 1, 1))
        seen.write(Life(5, 1, 1, 2, 2))
    data = bytearray(path.read_bytes())
    at = data.index((2).to_bytes(8, "little") * 2)
    data[at] ^= 0xFF
    path.write_bytes(data)
    assert [life.seq for life in witness.lives(path)] == [1]


def test_not_a_witness(tmp_path: Path) -> None:
    """Another file is not taken for one; none is no life."""
    (tmp_path / "other").write_bytes(b"something else")
    with pytest.raises(ValueError, match="not a witness"):
        witness.lives(tmp_path / "other")
    assert witness.lives(tmp_path / "none") == []


WRITER = """
import sys
from pathlib import Path
from podlog.cluster.witness import Life, Witness
with Witness(Path(sys.argv[1])) as seen:
    seq = 0
    while True:
        seq += 1
        seen.write(Life(1, 1, 1, seq, seq, seq, seq, seq))
        if seq == 100:
            print("up", flush=True)
"""


def test_killed_while_it_writes(tmp_path: Path) -> None:
    """Whenever SIGKILL comes, what was written last or the time before is there."""
    path = tmp_path / "witness"
    for number in range(1, 6):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            os.kill(writer.pid, signal.SIGKILL)
        lives = witness.lives(path)
        assert len(lives) == number
        last = lives[-1]
        assert last.seq == last.step == last.serial == last.writes >= 99
