"""A run that cannot be opened for a reason that nobody expected: refused, by name, once."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit_peers import Ear, Voice, job

from podlog.coordinator import run as run_module
from podlog.coordinator.coordinator import Coordinator
from podlog.coordinator.fence import Claim
from podlog.coordinator.hooks import Hooks
from podlog.coordinator.local import LocalSession
from podlog.proto import podlog_pb2 as pb
from podlog.proto.errors import RefusedError


class Asked:
    """A coordinator of one process, which waits for its `Open`."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.coordinator = Coordinator(job(1), hooks=Hooks(failed=self.failed.append))
        self.coordinator.start()
        self.ear = Ear()
        self.session = LocalSession(self.coordinator, self.ear)

    def open(self, log_path: str) -> Exception | None:
        self.session.send(pb.WorkerMessage(hello=Voice().hello))
        self.ear.wait("welcome")
        self.session.send(pb.WorkerMessage(open=pb.Open(log_path=log_path)))
        return self.ear.wait_end(5)


@pytest.fixture
def asked() -> Iterator[Asked]:
    made = Asked()
    yield made
    made.coordinator.close(5)
    made.session.close()
    made.session.join(5)


def test_a_path_that_no_system_takes(asked: Asked, tmp_path: Path) -> None:
    """Told to process 0 and the launcher; then the coordinator has nothing to do."""
    error = asked.open(str(tmp_path / "a\0b"))
    assert isinstance(error, RefusedError)
    (failed,) = asked.failed
    assert failed.startswith("ValueError: ")
    assert "embedded null" in failed  # Python 3.13 words it otherwise
    mailbox, waits = asked.coordinator._mailbox, []
    real = mailbox.next
    mailbox.next = lambda timeout: waits.append(timeout) or real(timeout)  # type: ignore[method-assign,func-returns-value]
    asked.coordinator.post(lambda: None)
    deadline = time.monotonic() + 5
    while len(waits) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert waits[-1] > 1.0


def test_a_run_that_raises_when_it_is_begun(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Journal and folder are free again."""

    def odd(*_: object) -> None:
        raise KeyError("odd")

    monkeypatch.setattr(run_module, "recall_rows", odd)
    error = asked.open(str(tmp_path))
    assert isinstance(error, RefusedError)
    assert asked.failed == ["KeyError: 'odd'"]
    fence = Claim(tmp_path, job_id="job-2", takeover_s=1.0).poll(time.monotonic(), time.time())
    assert fence is not None
    fence.release()
