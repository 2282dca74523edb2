"""Who is not served and what is not opened; each by a message that names both."""

from pathlib import Path

import pytest
from kit_peers import Make, Voice

from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.config import LoggerConfig, TimingConfig
from podlog.proto.errors import JournalError, RefusedError, WireError


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"protocol": 2}, "protocol 2"),
        ({"run_id": "other"}, "other"),
        ({"job_id": "job-2"}, "job-2"),
        ({"process": 4}, "4"),
        ({"process_count": 3}, "3 processes"),
    ],
)
def test_a_foreign_process_is_refused_by_name(
    make: Make, change: dict[str, int], word: str
) -> None:
    """It hears why, for good, and changes nothing."""
    endpoint = make()
    voice = Voice()
    for name, value in change.items():
        setattr(voice.hello, name, value)
    voice.greet(endpoint.connect)
    error = voice.ear.wait_end()
    assert isinstance(error, RefusedError)
    assert word in str(error)


def test_another_version_is_warned_about(make: Make) -> None:
    """It is welcome, with a warning that names both versions."""
    endpoint = make()
    voice = Voice()
    voice.hello.podlog_version = "9.9"
    voice.connect(endpoint.connect)
    (warning,) = voice.ear.all("welcome")[0].warnings
    assert "9.9" in warning


def test_a_broken_batch_ends_that_stream_only(make: Make) -> None:
    """What came before it is stored; the same process may connect again."""
    endpoint = make()
    voice = Voice().connect(endpoint.connect)
    voice.log(1)
    voice.acked()
    voice.send(batch=pb.Batch(blocks=[pb.Block(process=0, incarnation=1000, first_seq=2)]))
    assert isinstance(voice.ear.wait_end(), WireError)
    voice.connect(endpoint.connect)
    voice.log(2)
    voice.acked()


def test_an_unlike_open_is_refused(make: Make, tmp_path: Path) -> None:
    """One coordinator serves one run in one folder."""
    endpoint = make(LoggerConfig(log_path=tmp_path / "a"))
    voice = Voice().connect(endpoint.connect)
    voice.send(open=pb.Open(log_path=str(tmp_path / "b")))
    error = voice.ear.wait_end()
    assert isinstance(error, RefusedError)
    assert str(tmp_path / "b") in str(error)
    assert not (tmp_path / "b").exists()


def test_start_raises_what_is_wrong_with_folder_run_or_tool(make: Make, tmp_path: Path) -> None:
    """A held folder, another run's journal and a tool's own error come out of `start`."""
    first = make(LoggerConfig(log_path=tmp_path, run_id="one"))
    with pytest.raises(JournalError, match="held by the coordinator of job job-1"):
        make(LoggerConfig(log_path=tmp_path, timing=TimingConfig(takeover_s=1.0)))
    assert first.close(10)
    with pytest.raises(JournalError, match="'one', not of 'two'"):
        make(LoggerConfig(log_path=tmp_path, run_id="two"))
    with pytest.raises(TypeError):
        make(LoggerConfig(), [FileLoggerConfig()])
    assert make(LoggerConfig(log_path=tmp_path)).run_id == "one"
