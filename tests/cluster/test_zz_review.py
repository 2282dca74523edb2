import os, signal, subprocess, sys, time, textwrap, contextlib
from pathlib import Path
import psutil, pytest
from kit_exec import Hosts
from kit_until import until
from podlog.cluster import env
from podlog.cluster.children import Children
from podlog.cluster.tending import Tending
from podlog.proto.control import Ended, FirstSign, ProcessExit
from podlog.cluster.exec import Task, run
from podlog.cluster.hosting import Host, Hosting

UP = """
import os, signal, sys, time
index = os.environ["SLURM_PROCID"]
open(f"up-{index}.new", "w").write(str(os.getpid()))
os.rename(f"up-{index}.new", f"up-{index}")
"""

class Broken:
    def write(self, text): raise OSError(5, "Input/output error")
    def flush(self): raise OSError(5, "Input/output error")

def test_t1(monkeypatch):
    t = Tending(5.0)
    try:
        t.children.start(0, [sys.executable, "-c", "import signal,sys,time; signal.signal(15, lambda *_: sys.exit(0)); time.sleep(60)"], os.environ)
        time.sleep(0.5)
        monkeypatch.setattr(sys, "stderr", Broken())
        t.put(signal.SIGHUP)
        got = []
        t.watch(got.append)
        assert got[0].code == 0
    finally:
        t.close()

def test_t3(hosts, tmp_path):
    contact = tmp_path / "contact"
    job = hosts("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + UP + "time.sleep(40)", 2, "--grace", "0.5", env={env.CONTACT: str(contact)})
    [job.pid(i) for i in range(2)]
    until(contact.exists)
    time.sleep(1)
    job.launchers[1].terminate()
    assert job.wait(30) == [75, 75], job.said()
    print(job.said())

def test_t4(tmp_path):
    import queue
    q = queue.SimpleQueue()
    c = Children(q.put)
    f = tmp_path / "pid"
    code = f"""
import subprocess, sys, time
h = subprocess.Popen([sys.executable, "-c", "import signal,time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"], stdout=subprocess.PIPE)
h.stdout.readline()
open({str(f)!r}, "w").write(str(h.pid))
"""
    c.start(0, [sys.executable, "-c", code], os.environ)
    q.get(timeout=20)
    c.close()
    pid = int(f.read_text())
    try:
        p = psutil.Process(pid)
        p.wait(3)
    except psutil.NoSuchProcess:
        return

def test_t6(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(env.CONTACT, str(tmp_path / "no" / "contact"))
    assert run(Task([sys.executable, "-c", "pass"])) == 1
    print(capsys.readouterr().err)

def test_t10(tmp_path):
    from podlog.cluster import env as e
    t = Tending(1.0)
    h = Host(Hosting(1), e.Environment(), tmp_path, t)
    try:
        assert h._setup.bind == "127.0.0.1"
    finally:
        h.close(); h.wait(20)

def test_t13(tmp_path):
    (tmp_path / "s.py").write_text(textwrap.dedent("""
        import os
        from podlog.worker import Logger, LoggerConfig
        import sys
        log = Logger(LoggerConfig(log_path="run"), process_index=int(os.environ["SLURM_PROCID"]), process_count=1)
        log.finalize("success")
        log.close()
        os._exit(3)
    """))
    for mode in (["run", "-n", "1"], ["exec", "--", sys.executable]):
        done = subprocess.run([sys.executable, "-m", "podlog.cluster.cli", *mode, "s.py"], cwd=tmp_path, env={**os.environ, "JAX_PLATFORMS": "cpu", **({"SLURM_PROCID": "0"})}, capture_output=True, text=True)
        print(mode, done.returncode, done.stdout, done.stderr)
        assert done.returncode == 1

def test_t8(tmp_path):
    (tmp_path / "s.py").write_text(textwrap.dedent("""
        import os
        from podlog.worker import Logger, LoggerConfig
        from podlog.coordinator.tools.console import ConsoleLoggerConfig
        log = Logger(LoggerConfig(log_path="run", log_tools=[ConsoleLoggerConfig()]), process_index=0, process_count=1)
        log.on_training_start()
        log.start_epoch(1, step=1)
        for i in range(1, 20):
            log.log_step({"loss": 1.0})
        log.end_epoch(20)
        log.finalize("success")
    """))
    done = subprocess.run(["bash", "-c", f"{sys.executable} -m podlog.cluster.cli run -n 1 s.py | true; echo ${{PIPESTATUS[0]}}"], cwd=tmp_path, env={**os.environ, "JAX_PLATFORMS": "cpu"}, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    assert done.stdout.strip() == "0"
