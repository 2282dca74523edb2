"""State files of a run, and files that say where a coordinator is, with anything in them.

Each command that reads them says in one line which file it is and what to do.
"""

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from podlog.cluster.cli import main
from podlog.cluster.credentials import read_token
from podlog.cluster.env import Environment
from podlog.cluster.watchsource import contact_of
from podlog.coordinator.fencefile import Holder, holder
from podlog.coordinator.journal import Journal
from podlog.proto.alive import boot_id
from podlog.proto.config import SecurityConfig
from podlog.proto.contact import Contact
from podlog.proto.errors import ConfigError

GOOD = dataclasses.asdict(Holder("far", 5, "a", time.time() + 100, boot_id(), 1.0, "id"))
NO_NUMBERS: list[Any] = ["text", None, [], {}, True, float("nan"), 10**400]


def _with(**values: Any) -> bytes:
    return json.dumps(GOOD | values).encode()


DAMAGED = {
    "empty": b"",
    "binary": b"\xff\xfe\x00",
    "list": b"[]",
    "null": b"null",
    "torn": _with()[:-5],
    "nothing": b"{}",
    "deep": b"[" * 100_000,
    "more": _with(more=1),
    "pid -1": _with(pid=-1),
    **{f"{name} {value!r:.6}": _with(**{name: value})
       for name in ("expires", "pid", "started") for value in NO_NUMBERS},
    **{f"{name} a number": _with(**{name: 5}) for name in ("host", "job_id", "boot", "id")},
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with a journal."""
    journal = Journal(tmp_path / "journal.sqlite")
    journal.set_meta("job", "a")
    journal.close()
    return tmp_path


def _typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, list[str]]:
    """Exit status of a `podlog` command, and its lines on stderr."""
    monkeypatch.setattr(sys, "argv", ["podlog", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_who_holds_a_run_is_not_guessed(
    run: Path,
    data: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A live run must not seem to be lost: nothing is told, but where the damage is."""
    path = run / "coordinator.json"
    path.write_bytes(data)
    assert holder(run) is None  # it keeps no coordinator out
    for words in (["watch", str(run), "--once"], ["audit", str(run)], ["export", str(run)]):
        status, lines = _typed(monkeypatch, capsys, *words)
        assert (status, len(lines)) == (1, 1)
        assert lines[0].startswith(f"podlog: {path} is damaged")
        assert "delete that file" in lines[0]


def test_one_that_cannot_be_read_is_told(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The system says why."""
    path = run / "coordinator.json"
    path.mkdir()
    status, lines = _typed(monkeypatch, capsys, "watch", str(run), "--once")
    assert (status, lines) == (1, [f"podlog: {path} cannot be read (Is a directory)"])


def test_files_that_say_where_a_coordinator_is_hold_anything(tmp_path: Path) -> None:
    """A binary file where a text should be: as if it were not there, or one clear line."""
    path = tmp_path / "file"
    path.write_bytes(b"\xff\xfe\x00")
    assert Environment(contact_file=path).contact() is None
    with pytest.raises(ConfigError, match="file holds no text"):
        contact_of("127.0.0.1:1", path, None)
    with pytest.raises(ConfigError, match=r"token_file .*file holds no token"):
        read_token(SecurityConfig(token_file=path))


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"", b"x" * 10_000])
def test_what_says_where_the_journal_lies(
    run: Path,
    data: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its name is in the line, with what to do."""
    (run / "journal.dir").write_bytes(data)
    for words in (["watch", str(run), "--once"], ["audit", str(run)], ["export", str(run)]):
        status, lines = _typed(monkeypatch, capsys, *words)
        assert (status, len(lines)) == (1, 1)
        assert f"{run / 'journal.dir'} names no folder" in lines[0]


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"started": 1e999}', b"\xff", b"null"])
def test_a_contact_of_another_kind_is_left_alone(tmp_path: Path, data: bytes) -> None:
    """At the end of a job, in a shared folder."""
    path = tmp_path / "contact"
    path.write_bytes(data)
    Contact.withdraw(path, "a")
    assert path.exists()
