"""`podlog exec` on scripts that make no Logger: who it is, start, stop, exit status."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kit_exec import Hosts
from kit_until import until

from podlog.cluster import env
from podlog.cluster.cli import app
from podlog.cluster.exec import Task, place, run
from podlog.cluster.hosting import Host, Hosting
from podlog.cluster.tending import Tending
from podlog.proto.config import SecurityConfig
from podlog.proto.errors import ConfigError

Start = Callable[..., Hosts]

UP = """
import os, signal, sys, time
index = os.environ["SLURM_PROCID"]
open(f"up-{index}.new", "w").write(str(os.getpid()))
os.rename(f"up-{index}.new", f"up-{index}")
"""


def _slurm(monkeypatch: pytest.MonkeyPatch, index: int, count: int) -> None:
    values = env.child(env.Environment(), index, count, 1, None, {})
    for name in ("JOB_ID", "STEP_NODELIST", "NTASKS", "PROCID", "LOCALID"):
        monkeypatch.setenv(f"SLURM_{name}", values[f"SLURM_{name}"])


def test_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options count before the cluster's variables; without both it is a job of one."""
    assert place(Task(["x"])) == (0, 1)
    assert place(Task(["x"], process_index=1, process_count=3)) == (1, 3)
    _slurm(monkeypatch, 2, 4)
    assert place(Task(["x"])) == (2, 4)
    assert place(Task(["x"], process_index=0)) == (0, 4)
    assert place(Task(["x"], process_count=8)) == (2, 8)
    with pytest.raises(ConfigError, match="index 2 is not below the number of processes, 2"):
        place(Task(["x"], process_count=2))


def test_half_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the cluster does not say must be given; the message says how."""
    with pytest.raises(ConfigError, match="--process-count"):
        place(Task(["x"], process_index=1))
    with pytest.raises(ConfigError, match="--process-index"):
        place(Task(["x"], process_count=2))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "h")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    with pytest.raises(ConfigError, match=r"Kubernetes .* how many .*--process-count"):
        place(Task(["x"]))
    assert place(Task(["x"], process_count=2)) == (1, 2)


@pytest.mark.parametrize("index", [0, 1])
def test_a_coordinator_that_cannot_be_checked(monkeypatch: pytest.MonkeyPatch, index: int) -> None:
    """An address without token or certificate is refused before anything starts."""
    task = Task(["x"], process_index=index, process_count=2)
    monkeypatch.setenv(env.COORDINATOR, "127.0.0.1:1")
    with pytest.raises(ConfigError, match=env.TOKEN):
        run(task)
    monkeypatch.setenv(env.TOKEN, "secret")
    with pytest.raises(ConfigError, match=f"{env.CERT}.*--no-tls"):
        run(task)
    if index == 0:
        monkeypatch.setenv(env.COORDINATOR, "nonsense")
        with pytest.raises(ConfigError, match="host:port"):
            run(Task(["x"], security=SecurityConfig(tls=False)))


def test_a_job_of_one(hosts: Start) -> None:
    """The process gets its arguments, its cluster's variables and the coordinator's contact."""
    job = hosts(
        """
        import os
        from podlog.cluster import env
        told = env.read()
        assert told.contact().address.startswith("127.0.0.1:"), told
        assert told.cert and told.job_id and told.publish and not told.pipe
        assert told.log_path.is_absolute() and told.run_id == "name"
        assert os.environ["SLURM_JOB_ID"] == "1"
        """,
        1, "--log-path", "run", "--run-id", "name",
    )  # fmt: skip
    assert job.wait() == [0], job.said()
    assert "Traceback" not in job.said()
    assert not job.alive()


def test_unknown_program(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that is not there is wrong usage."""
    with pytest.raises(SystemExit) as ended:
        app(["exec", "--", "no-such-program"])
    assert ended.value.code == 2
    assert "no-such-program" in capsys.readouterr().err


def test_the_others_without_a_word_of_the_coordinator(hosts: Start) -> None:
    """No Logger says where it is: each launcher has its own process's exit status, and says so."""
    job = hosts(UP + "sys.exit(3 * (index == '1'))", 2)
    assert job.wait() == [0, 1], job.said()
    assert "process 1 ended with exit code 3" in job.output(1)
    assert "nobody said where the coordinator is" in job.output(1)


def test_a_contact_file_joins_launchers_without_any_logger(hosts: Start, tmp_path: Path) -> None:
    """A process that is killed before it made a Logger: all are stopped, all say the same."""
    contact = tmp_path / "contact"
    job = hosts(
        UP + "time.sleep(60)", 3, "--grace", "1", "--log-path", str(tmp_path / "run"),
        env={env.CONTACT: str(contact)},
    )  # fmt: skip
    pids = [job.pid(index) for index in range(3)]
    until(contact.exists)
    assert contact.stat().st_mode & 0o777 == 0o600
    os.kill(pids[2], signal.SIGKILL)
    assert job.wait() == [70, 70, 70], job.said()
    for index in range(3):
        assert "process 2" in job.output(index)
    assert not job.alive()
    assert not contact.exists()


def test_signals_are_passed_on(hosts: Start) -> None:
    """What the launcher gets its process gets; the status says which it was."""
    job = hosts(
        "import signal, sys\nsignal.signal(signal.SIGINT, lambda *_: sys.exit(0))\n"
        + UP
        + "signal.pause()"
    )
    job.pid(0)
    job.launchers[0].send_signal(signal.SIGINT)
    assert job.wait() == [130], job.said()


def test_a_deaf_process_is_killed(hosts: Start) -> None:
    """SIGTERM is followed by SIGKILL after the grace."""
    job = hosts(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + UP + "time.sleep(60)",
        1, "--grace", "0.5",
    )  # fmt: skip
    job.pid(0)
    job.launchers[0].terminate()
    assert job.wait() == [75], job.said()


def test_a_signal_to_one_launcher_ends_all(hosts: Start, tmp_path: Path) -> None:
    """One machine is taken away, and its process does not stop by itself: nobody waits for it."""
    contact = tmp_path / "contact"
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    job = hosts(deaf + UP + "time.sleep(60)", 2, "--grace", "0.5", env={env.CONTACT: str(contact)})
    for index in range(2):
        job.pid(index)
    until(contact.exists)
    job.launchers[1].terminate()
    assert job.wait() == [75, 75], job.said()
    assert "its launcher received SIGTERM" in job.output(0)


def test_a_contact_file_in_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others could not find the coordinator: nothing is started."""
    monkeypatch.setenv(env.CONTACT, str(tmp_path / "none" / "contact"))
    assert run(Task([sys.executable, "-c", "open('ran', 'w')"])) == 1
    assert not Path("ran").exists()


def test_nobody_else_reaches_the_coordinator_of_a_job_of_one(tmp_path: Path) -> None:
    """It listens where its one process is; that of more, for all."""
    for processes, bind in ((1, "127.0.0.1"), (2, "0.0.0.0")):
        host = Host(Hosting(processes), env.Environment(), tmp_path, Tending(1.0))
        assert host._setup.bind == bind
        host.close()
        assert host.wait(20)


def test_a_killed_launcher_leaves_nothing(hosts: Start) -> None:
    """Its process is gone at once, its coordinator when it has settled."""
    job = hosts(UP + "time.sleep(60)", 2)
    pids = [job.pid(index) for index in range(2)]
    for index, launcher in enumerate(job.launchers):
        launcher.kill()
        until(lambda: pids[index] not in {p.pid for p in job.alive()})  # noqa: B023
    until(lambda: not job.alive())
