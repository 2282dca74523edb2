"""The launcher of another process than 0, where the coordinator of its job is gone already."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit_peers import job
from kit_server import Net
from kit_until import until

from podlog.cluster import attend, pipe, visiting
from podlog.cluster.env import Environment
from podlog.cluster.outcome import UNSETTLED
from podlog.cluster.tending import Tending
from podlog.cluster.visiting import Visitor
from podlog.proto.contact import Contact
from podlog.proto.control import Ended, ProcessExit

Make = Callable[[Path | None], Visitor]


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes launchers of process 1; they hang up at the end."""
    monkeypatch.setattr(visiting, "LOOK_S", 0.05)
    made: list[Visitor] = []

    def make(log_path: Path | None) -> Visitor:
        made.append(Visitor(1, Environment(), Tending(1.0), tls=False, log_path=log_path))
        return made[-1]

    yield make
    for each in made:
        each.close()
        each.close()


def _settled(folder: Path, status: str) -> Contact:
    """A job of two that has ended, and how its coordinator was reached."""
    net = Net(job(2))
    voices = net.voices(2)
    net.open(voices[0], folder)
    for voice, said in zip(voices, ("success", status), strict=True):
        voice.log(1)
        voice.finalize(said)
    for voice in voices:
        voice.goodbye()
    assert net.endpoint.wait_settled(10)
    net.endpoint.close(10)
    setup = net.setup
    return Contact(net.address, setup.token, setup.cert, setup.job_id, setup.started)


def _ended(visitor: Visitor, contact: Contact) -> None:
    """Its process said where the coordinator is, and ended well."""
    name = visitor.told().pipe
    assert pipe.tell(name, contact)
    visitor.report(ProcessExit(1, 7, code=0))


@pytest.mark.parametrize("status", ["success", "failure"])
def test_the_verdict_is_in_the_folder(
    tmp_path: Path, visitor: Make, status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the others heard is told, and nothing of a coordinator that went."""
    contact = _settled(tmp_path, status)
    mine = visitor(tmp_path)
    _ended(mine, contact)
    until(lambda: mine.wait(0.05), 10)
    found = mine.verdict()
    assert found is not None and found.status == status
    assert ("process 1" in found.root_cause) == (status == "failure")
    mine.say(found)
    assert "verdict" not in capsys.readouterr().err


def test_another_jobs_verdict_is_not_taken(
    tmp_path: Path, visitor: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run had a job before, or has one since: that one's end says nothing of ours."""
    monkeypatch.setattr(attend, "AWAY_S", 0.5)
    contact = _settled(tmp_path, "success")
    mine = visitor(tmp_path)
    _ended(mine, Contact(contact.address, contact.token, b"", "another", 0.0))
    until(lambda: mine.wait(0.05), 10)
    assert mine.verdict() == UNSETTLED


@pytest.mark.parametrize("where", ["nothing", None])
def test_without_the_folder_nothing_is_known(
    tmp_path: Path, visitor: Make, monkeypatch: pytest.MonkeyPatch, where: str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """It is not shared, or was not named: the end is not guessed."""
    monkeypatch.setattr(attend, "AWAY_S", 0.5)
    contact = _settled(tmp_path / "run", "success")
    mine = visitor(where and tmp_path / where)
    _ended(mine, contact)
    until(lambda: mine.wait(0.05), 10)
    assert mine.verdict() == UNSETTLED
    mine.say(Ended("unfinished"))
    assert "the coordinator went without a verdict" in capsys.readouterr().err
