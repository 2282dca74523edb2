"""The manifests to copy: what they start is understood, what they promise fits together."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from kit_tree import ROOT, project

from podlog.cluster.cli import app
from podlog.cluster.outcome import EXIT_STATUS

FOLDER = ROOT / "cluster" / "manifests"
SLURM, TPU_VM = FOLDER / "slurm.sbatch", FOLDER / "tpu-vm.sh"
JOBSETS = [FOLDER / "gke-tpu.yaml", FOLDER / "gke-gpu.yaml"]
SETTLES_S = 30
"""What podlog needs from killing its process to its own end, at most."""

JOBSET_KEYS = {
    "": {"failurePolicy", "network", "replicatedJobs", "successPolicy", "suspend"},
    "failurePolicy": {"maxRestarts", "restartStrategy", "rules"},
    "network": {"enableDNSHostnames", "publishNotReadyAddresses", "subdomain"},
}
"""Those of jobset.x-k8s.io/v1alpha2, but for what these manifests do not use."""


def _jobset(path: Path) -> dict[str, Any]:
    (found,) = [doc for doc in yaml.safe_load_all(path.read_text()) if doc["kind"] == "JobSet"]
    return dict(found["spec"])


def _job(path: Path) -> dict[str, Any]:
    (replicated,) = _jobset(path)["replicatedJobs"]
    return dict(replicated["template"]["spec"])


def _commands(path: Path) -> list[str]:
    """The `podlog exec` of a manifest, as words."""
    if path in JOBSETS:
        (container,) = _job(path)["template"]["spec"]["containers"]
        return [*container["command"], *container["args"]]
    text = path.read_text().replace("\\\n", " ")
    (line,) = re.findall(r"(podlog exec .*) \|\| status", text)
    return shlex.split(line.replace('"$index"', "3").replace('"$count"', "4"))


def _options(path: Path) -> dict[str, Any]:
    podlog, name, *arguments = _commands(path)
    assert podlog == "podlog"
    with typer.main.get_command(app).commands[name].make_context(name, arguments) as context:  # type: ignore[attr-defined]
        return dict(context.params)


@pytest.mark.parametrize("path", [SLURM, TPU_VM, *JOBSETS], ids=lambda path: path.name)
def test_each_starts_its_processes_through_podlog_exec(path: Path) -> None:
    """Options that exist, a log_path, and a command that a reader replaces by theirs."""
    options = _options(path)
    assert options["command"] == ["python", "train.py"]
    assert options["log_path"] is not None
    assert "CHANGE" in path.read_text()


def test_every_manifest_is_tested() -> None:
    """One that is added gets its tests."""
    assert sorted(FOLDER.iterdir()) == sorted([SLURM, TPU_VM, *JOBSETS])


@pytest.mark.parametrize("path", [SLURM, TPU_VM], ids=lambda path: path.name)
def test_scripts_parse(path: Path) -> None:
    """Bash takes them, and what the TPU VM's script sends to the machines."""
    texts = [path.read_text(), *re.findall(r"<<'END' .*?\n(.*?)\nEND\n", path.read_text(), re.S)]
    assert len(texts) == (2 if path is TPU_VM else 1)
    for text in texts:
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", JOBSETS, ids=lambda path: path.name)
def test_a_jobset_fits_together(path: Path) -> None:
    """All pods start again or none; the grace ends before Kubernetes kills; the count is one."""
    spec, job = _jobset(path), _job(path)
    assert spec.keys() <= JOBSET_KEYS[""]
    for name in ("failurePolicy", "network"):
        assert spec.get(name, {}).keys() <= JOBSET_KEYS[name]
    assert spec["failurePolicy"]["maxRestarts"] > 0
    assert job["completionMode"] == "Indexed"
    assert job["parallelism"] == job["completions"]
    assert job["backoffLimit"] == 0
    pod = job["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    options = _options(path)
    assert pod["terminationGracePeriodSeconds"] >= options["grace"] + SETTLES_S
    assert options["process_count"] in (None, job["parallelism"])
    (container,) = pod["containers"]
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}
    shared = [m["mountPath"] for m in container["volumeMounts"] if m["name"] == "shared"]
    assert str(options["log_path"]).startswith(f"{shared[0]}/")


@pytest.mark.parametrize("path", JOBSETS, ids=lambda path: path.name)
def test_what_would_come_again_is_not_started_again(path: Path) -> None:
    """Wrong usage and NaN end the JobSet; what may be over next time does not."""
    (rule,) = _jobset(path)["failurePolicy"]["rules"]
    assert (rule["action"], rule["onJobFailureReasons"]) == ("FailJobSet", ["PodFailurePolicy"])
    (final,) = _job(path)["podFailurePolicy"]["rules"]
    assert final["action"] == "FailJob"
    assert final["onExitCodes"]["operator"] == "In"
    assert final["onExitCodes"]["values"] == [2, EXIT_STATUS["nan"]]
    assert final["onExitCodes"]["containerName"] == "train"


def test_slurm_leaves_time_to_stop() -> None:
    """SIGTERM comes earlier than podlog's grace and its settling need; JAX gets a task a GPU."""
    given = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)$", SLURM.read_text(), re.M))
    assert int(given["signal"].removeprefix("TERM@")) >= _options(SLURM)["grace"] + SETTLES_S
    assert given["ntasks-per-node"] == given["gpus-per-node"]
    lines = SLURM.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    assert not any(line.startswith("#SBATCH") for line in lines[first:])


SRUN = """
while [[ $1 == -* ]]; do shift; done
for i in 0 1; do
  SLURM_STEP_NODELIST=here SLURM_NTASKS=2 SLURM_PROCID=$i SLURM_LOCALID=$i "$@" & pids+=($!)
done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=$?; done
exit $status
"""
GCLOUD = """
echo "$@" > gcloud.asked
while [[ $1 != --command ]]; do shift; done
for i in 0 1; do WORKER=$i bash -c "$2" & pids+=($!); done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=$?; done
exit $status
"""
CURL = """
case "${@: -1}" in
  */agent-worker-number) echo "$WORKER" ;;
  */worker-network-endpoints) echo "a:1:10.0.0.1,b:1:10.0.0.2" ;;
  *) exit 22 ;;
esac
"""
PYTHON = f'exec "{sys.executable}" "$@"'
PODLOG = f'exec "{sys.executable}" -m podlog.cluster.cli "$@"'
SCONTROL = 'echo "$@" > scontrol.asked'


def _dry(folder: Path, stand_ins: dict[str, str], script: list[str], **more: str) -> int:
    """Runs a script where stand-ins take the cluster's commands; its exit status."""
    bin_ = folder / "bin"
    bin_.mkdir()
    for name, text in ({"podlog": PODLOG, "python": PYTHON} | stand_ins).items():
        (bin_ / name).write_text(f"#!/bin/bash\n{text}\n")
        (bin_ / name).chmod(0o755)
    values = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "HOME": str(folder), **more}
    with (folder / "out").open("wb") as out:
        command = ["bash", *script]
        return subprocess.run(
            command, cwd=folder, env=values, stdout=out, stderr=subprocess.STDOUT
        ).returncode


def test_slurm_dry_run(tmp_path: Path) -> None:
    """A task that is killed ends the other, and the job goes back into the queue."""
    (tmp_path / "train.py").write_text(
        "import os, signal, time\n"
        "if os.environ['SLURM_PROCID'] == '1': os.kill(os.getpid(), signal.SIGKILL)\n"
        "time.sleep(60)\n"
    )
    stand_ins = {"srun": SRUN, "scontrol": SCONTROL}
    job = {"SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "train", "SLURMD_NODENAME": "localhost"}
    job["SLURM_CPUS_PER_TASK"] = "8"
    status = _dry(tmp_path, stand_ins, [str(SLURM)], **job)
    said = (tmp_path / "out").read_text()
    assert status == EXIT_STATUS["lost"], said
    assert "process 1" in said and "SIGKILL" in said
    assert (tmp_path / "scontrol.asked").read_text() == "requeue 77\n"
    assert not (tmp_path / "runs" / "train" / "contact-77.json").exists()


def test_tpu_vm_dry_run(tmp_path: Path) -> None:
    """Each machine learns its place of the metadata server; both end well."""
    (tmp_path / "train.py").write_text("open(f'ran-{__import__(\"os\").getpid()}', 'w')\n")
    status = _dry(tmp_path, {"gcloud": GCLOUD, "curl": CURL}, [str(TPU_VM), "mine", "us-x"])
    said = (tmp_path / "out").read_text()
    assert status == 0, said
    assert len(list(tmp_path.glob("ran-*"))) == 2
    asked = (tmp_path / "gcloud.asked").read_text()
    assert asked.startswith("compute tpus tpu-vm ssh mine --zone us-x --worker=all --command")


def test_each_is_in_the_wheel() -> None:
    """Whoever has no clone has them too."""
    patterns = project()["tool"]["setuptools"]["package-data"]["podlog.cluster"]
    wanted = {path for pattern in patterns for path in (ROOT / "cluster").glob(pattern)}
    assert set(FOLDER.iterdir()) <= wanted


def test_the_command_lists_and_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with a line that says what it is, and as it stands; an unknown name names the known."""
    files = sorted(FOLDER.iterdir())
    assert app(["manifests"], standalone_mode=False) is None
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == [path.name for path in files]
    assert all("job on" in line.lower() for line in listed)
    for path in files:
        app(["manifests", path.name], standalone_mode=False)
        assert capsys.readouterr().out == path.read_text()
    with pytest.raises(SystemExit) as ended:
        app(["manifests", "none"])
    assert ended.value.code == 2
    assert "slurm.sbatch" in capsys.readouterr().err
