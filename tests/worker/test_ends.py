"""Real processes that end badly: who reports it, how soon, and with what; see also `test_exit`."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit_ends import begin
from kit_listener import Listener
from kit_peers import Voice
from kit_server import Net
from kit_spools import replayed

from podlog.proto import podlog_pb2 as pb
from podlog.proto.control import Setup
from podlog.proto.records import Kind, Record
from podlog.proto.spoolfile import orphans

Begin = Callable[[str], "subprocess.Popen[str]"]

STUCK = """
from podlog.proto.control import Setup
from podlog.proto.records import Kind
from podlog.worker.fetch import PendingCall
class Never:
    "Values that their device never gives, as those of a collective whose peer is gone."
    def fetch(self): threading.Event().wait()
def stick(logger):
    pipeline = logger._pipeline
    ticket = pipeline.handed.ticket()
    at = dict(kind=Kind.STEP, mode="train", step=1, epoch=1, time=time.time())
    pipeline.fetcher.submit(PendingCall(ticket=ticket, packed=Never(), **at))
"""


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


@pytest.fixture
def start(listener: Listener, tmp_path: Path) -> Iterator[Begin]:
    begun: list[subprocess.Popen[str]] = []

    def begins(script: str) -> "subprocess.Popen[str]":
        begun.append(begin(listener.address, "any", tmp_path, script))
        return begun[-1]

    yield begins
    for process in begun:
        process.kill()
        process.communicate()


def _line(process: "subprocess.Popen[str]") -> str:
    """The next line that the script itself printed, not Python's logging."""
    assert process.stdout is not None
    return next(line.rstrip() for line in process.stdout if "[R1]" not in line)


def test_an_exception_is_reported_at_once_though_values_are_stuck(
    listener: Listener, start: Begin
) -> None:
    """Before anything is flushed; then the traceback, then Goodbye, within the bound for values."""
    process = start(
        STUCK
        + """
logger = make(finalize_timeout_s=30.0)
logger.on_training_start()
logger.start_epoch(1, 5)
stick(logger)
logger.log_host_metrics({"a": 1.0}, 5)
print(time.monotonic(), flush=True)
raise ValueError("boom")
"""
    )
    at = float(_line(process))
    came, _, failed = listener.wait("failed")
    assert came - at < 2.0
    assert (failed.status, failed.error, failed.step) == ("failure", "ValueError: boom", 5)
    assert failed.trace.endswith("ValueError: boom\n")
    said, _, goodbye = listener.wait("goodbye")
    assert (goodbye.status, goodbye.error) == ("failure", "ValueError: boom")
    assert 4.0 < said - at < 15.0
    process.wait(20)
    assert process.returncode == 1
    assert "ValueError: boom" in process.communicate()[1]


@pytest.mark.parametrize(
    ("end", "status", "error", "code"),
    [
        ("sys.exit(3)", "failure", "exit code 3", 3),
        ("os.kill(os.getpid(), 2); time.sleep(30)", "interrupted", "KeyboardInterrupt", -2),
        ("with logger: raise OSError('disk')", "failure", "OSError: disk", 1),
    ],
)
def test_each_bad_end_is_told_before_goodbye(
    listener: Listener, start: Begin, end: str, status: str, error: str, code: int
) -> None:
    """And the process's own exit status stays."""
    process = start(f"logger = make()\nlogger.flush(20)\n{end}\n")
    assert process.wait(30) == code
    (_, _, failed), (_, _, goodbye) = listener.wait("failed"), listener.wait("goodbye")
    assert (failed.status, failed.error) == (status, error)
    assert (goodbye.status, goodbye.error) == (status, error)
    kinds = [message.WhichOneof("body") for _, _, message in listener.heard]
    assert kinds.index("failed") < kinds.index("goodbye")


def test_an_exit_that_was_caught_is_none(listener: Listener, start: Begin) -> None:
    """The loop went on and ended well."""
    process = start("""
logger = make(finalize_timeout_s=1.0)
try: sys.exit(3)
except SystemExit: pass
logger.finalize()
""")
    assert process.wait(30) == 0
    assert listener.wait("goodbye")[2].status == ""
    assert listener.all("failed") == []


def test_a_failure_is_told_on_each_connection_until_the_verdict(
    listener: Listener, start: Begin
) -> None:
    """`finalize` inside ``except`` carries the error; at its deadline it names who is missing."""
    process = start("""
logger = make(finalize_timeout_s=25.0)
def fail(text):
    try: raise RuntimeError(text)
    except RuntimeError: return logger.finalize("error")
print(fail("first"), flush=True)
print(logger.finalize(), logger.verdict.chapter, flush=True)
""")
    listener.wait("failed")
    _, stream, said = listener.wait("finalize")
    assert (said.status, said.error) == ("failure", "RuntimeError: first")
    listener.drop()
    _, second, failed = listener.wait("failed", 2)
    assert second != stream and failed.error == "RuntimeError: first"
    listener.wait("finalize", 2)
    listener.say(verdict=pb.Verdict(status="failure", waiting_for=[0], chapter=1))
    listener.say(verdict=pb.Verdict(status="failure", final=True, root_cause="why", chapter=1))
    assert "final=True" in _line(process)

    _, third, success = listener.wait("finalize", 3)
    assert success.error == ""
    listener.drop()
    _, fourth, _ = listener.wait("finalize", 4)
    assert third == second != fourth
    listener.say(verdict=pb.Verdict(status="success", waiting_for=[0], chapter=2))
    listener.say(verdict=pb.Verdict(status="success", final=True, chapter=2))
    assert _line(process).endswith(" 2")
    assert process.wait(30) == 0
    assert len(listener.all("failed")) == 2


def test_finalize_names_whom_it_waited_for(listener: Listener, start: Begin) -> None:
    """At the deadline, though a value is stuck: Finalize is said before it."""
    process = start(
        STUCK
        + """
logger = make(finalize_timeout_s=3.0)
stick(logger)
began = time.monotonic()
print(logger.finalize("failure"), time.monotonic() - began < 6.0, flush=True)
os._exit(0)
"""
    )
    listener.wait("finalize")
    listener.say(verdict=pb.Verdict(status="failure", waiting_for=[0]))
    text = process.communicate(timeout=30)[0]
    assert "waiting_for=(0,)" in text and text.rstrip().endswith("True")


def test_peers_are_heard_of_and_clocks_measured(listener: Listener, start: Begin) -> None:
    """`on_peer_failure` blocks for ever: heartbeats, stacks and the end go on as before."""
    listener.heartbeat_s, listener.ahead = 0.2, 300.0
    process = start("""
def peer(event):
    os.write(1, (event.text + "\\n").encode())
    threading.Event().wait()
logger = make(on_peer_failure=peer)
sys.stdin.readline()
logger.close()
""")
    listener.wait("heartbeat")
    asked = time.monotonic()
    listener.say(first_sign=pb.FirstSign(process=0, host="h", status="lost", reason="gone"))
    assert _line(process) == "process 0 on h: lost (gone)"
    assert time.monotonic() - asked < 2.0
    listener.say(stack_request=pb.StackRequest(reason="stalled"))
    assert "podlog-peer" in listener.wait("stacks")[2].text
    count = len(listener.all("heartbeat"))
    beat = listener.wait("heartbeat", count + 3)[2]
    assert beat.offset_s == pytest.approx(300.0, abs=0.02)
    assert 0.0 < beat.round_trip_s < 0.5
    process.communicate("\n", timeout=30)
    assert process.returncode == 0
    listener.wait("goodbye")


def test_an_abort_keeps_what_was_logged(listener: Listener, start: Begin, tmp_path: Path) -> None:
    """Exit status 76, whatever the training thread does; every record lies in the spool."""
    listener.acks = False
    process = start("""
logger = make(abort=True)
for step in range(100): logger.log_host_metrics({"a": float(step)}, step)
print("logged", flush=True)
threading.Event().wait()
""")
    listener.wait("heartbeat")
    assert _line(process) == "logged"
    listener.say(first_sign=pb.FirstSign(process=0, host="h", status="failure"))
    assert process.wait(10) == 76
    (orphan,) = orphans(tmp_path / "spool")
    kept = replayed(orphan.batches(0))
    orphan.release()
    assert [r.draft.step for r in kept if isinstance(r, Record) and r.kind is Kind.HOST] == list(
        range(100)
    )


def test_stops_are_asked_for_and_answered_at_once(listener: Listener, start: Begin) -> None:
    """No interval is waited for; on each connection what is open is asked for again."""
    process = start("""
logger = make(finalize_timeout_s=1.0)
logger.on_training_start()
logger.flush(20)
print(time.monotonic(), flush=True)
logger.request_stop("enough")
sys.stdin.readline()
""")
    at = float(_line(process))
    came, _, asked = listener.wait("stop_request")
    assert came - at < 2.0
    assert (asked.stop, asked.nans, asked.kind, asked.training) == (True, False, "request", 1)
    began, answers = time.monotonic(), len(listener.all("stop_answer"))
    listener.say(stop_proposal=pb.StopProposal(id=3, stop=True, kind="request"))
    came, _, answer = listener.wait("stop_answer", answers + 1)
    assert came - began < 2.0
    assert (answer.id, answer.gate, answer.training) == (3, -1, 1)
    listener.drop()
    assert listener.wait("stop_request", 2)[2] == asked
    process.communicate("\n", timeout=30)
    assert process.returncode == 0


def test_the_coordinator_tells_the_others_within_two_seconds(tmp_path: Path) -> None:
    """A real one: the error's text goes from this process's hook to its peers."""
    net = Net(Setup("job", 1.0, "t" * 64, process_count=2))
    try:
        first = Voice(0, 2).connect(net.connector())
        net.open(first, None)
        process = begin(
            net.address,
            net.setup.token,
            tmp_path,
            """
logger = make()
logger.flush(20)
print(time.monotonic(), flush=True)
raise ValueError("boom")
""",
        )
        at = float(_line(process))
        sign = first.ear.wait("first_sign", timeout=20)
        assert time.monotonic() - at < 2.0
        assert (sign.process, sign.status, sign.reason) == (1, "failure", "ValueError: boom")
        assert process.wait(30) == 1
        process.communicate()
        first.close()
    finally:
        net.endpoint.close(5.0)
