"""What the environment says, read and written."""

import base64
import logging
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podlog.cluster import env
from podlog.proto.contact import Contact
from podlog.proto.errors import ConfigError

PEM = b"-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"
SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_NODELIST": "a,b",
    "SLURM_NTASKS": "16",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "3",
}
SLICES = {
    "TPU_WORKER_HOSTNAMES": "a,b,c",
    "TPU_WORKER_ID": "2",
    "MEGASCALE_NUM_SLICES": "2",
    "MEGASCALE_SLICE_ID": "1",
}


def test_nothing_said() -> None:
    """An empty environment gives empty fields, no contact, and describes no pod."""
    assert env.read({}) == env.Environment()
    assert env.read({}).contact() is None
    assert env.described({}) is None


_text = st.text(st.characters(codec="ascii", exclude_categories=("C", "Z")), max_size=20)


@settings(deadline=None, max_examples=100)
@given(
    _text,
    _text,
    st.sampled_from([b"", PEM]),
    _text,
    st.floats(0, 1e12),
    _text,
    st.none() | st.just(Path("/runs/a b")),
)
def test_round_trip(
    coordinator: str,
    token: str,
    cert: bytes,
    job: str,
    started: float,
    run: str,
    log_path: Path | None,
) -> None:
    """What `variables` writes, `read` reads back exactly."""
    said = env.Environment(coordinator, token, cert, job, started, run, log_path)
    assert env.read(said.variables()) == said


def test_certificate_forms(tmp_path: Path) -> None:
    """A certificate may be PEM, base64 of PEM, or a file."""
    file = tmp_path / "cert.pem"
    file.write_bytes(PEM)
    for text in (PEM.decode(), base64.b64encode(PEM).decode(), str(file)):
        assert env.read({env.CERT: text}).cert == PEM


def test_unreadable_certificate_names_the_variable() -> None:
    """Something that is no certificate and no file is an error that names the variable."""
    with pytest.raises(ConfigError, match=env.CERT):
        env.read({env.CERT: "no/such/file"})


def test_unreadable_start_names_the_variable() -> None:
    """A start time that is no number is an error that names the variable."""
    with pytest.raises(ConfigError, match=env.STARTED):
        env.read({env.STARTED: "yesterday"})


def test_contact_needs_a_token() -> None:
    """An address without a token is refused, naming both variables."""
    with pytest.raises(ConfigError, match=f"{env.COORDINATOR}.*{env.TOKEN}"):
        env.read({env.COORDINATOR: "h:1"}).contact()


def test_contact() -> None:
    """Address, token, certificate, job and start make a contact."""
    said = env.Environment("h:1", "secret", PEM, "job", 2.5)
    assert env.read(said.variables()).contact() == Contact("h:1", "secret", PEM, "job", 2.5)


def test_secrets_are_not_in_the_repr() -> None:
    """Neither token nor certificate shows when an environment is printed."""
    text = repr(env.Environment(token="t0ken", cert=PEM))
    assert "t0ken" not in text
    assert "CERTIFICATE" not in text


@pytest.mark.parametrize(
    ("variables", "by", "processes", "index"),
    [
        (SLURM, "SLURM", 16, 3),
        ({"OMPI_COMM_WORLD_SIZE": "4"}, "Open MPI", 4, None),
        ({"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "1"}, "Open MPI", 4, 1),
        ({"TPU_WORKER_HOSTNAMES": "a,b", "MEGASCALE_NUM_SLICES": "2"}, "TPU", 4, None),
        ({"TPU_PROCESS_ADDRESSES": "a:1,b:1,c:1", "TPU_WORKER_ID": "0"}, "TPU", 3, 0),
        (SLICES, "TPU", 6, 5),
        ({"TPU_PROCESS_ADDRESSES_PATH": "/x"}, "TPU", None, None),
        ({"KUBERNETES_SERVICE_HOST": "h", "JOB_COMPLETION_INDEX": "2"}, "Kubernetes", None, 2),
        ({"JAX_COORDINATOR_ADDRESS": "h:1"}, "JAX_COORDINATOR_ADDRESS", None, None),
    ],
)
def test_described(
    variables: dict[str, str], by: str, processes: int | None, index: int | None
) -> None:
    """Each launcher and cluster that JAX knows from the environment is recognised."""
    assert env.described(variables) == env.Described(by, processes, index)


def test_log_level() -> None:
    """``LOGLEVEL`` is a name in any case or a number; another word is refused by name."""
    assert env.log_level({}) == logging.INFO
    assert env.log_level({"LOGLEVEL": "warning"}) == logging.WARNING
    assert env.log_level({"LOGLEVEL": "15"}) == 15
    with pytest.raises(ConfigError, match="LOGLEVEL 'loud'"):
        env.log_level({"LOGLEVEL": "loud"})


def test_part_of_slurm_describes_nothing() -> None:
    """A shell inside an allocation, but outside a step, is no pod."""
    assert env.described({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}) is None


def test_child_environment() -> None:
    """A child hears of its place and its job, and not of the launcher's own cluster."""
    job = env.Environment("127.0.0.1:5", "secret", PEM, "job", 1.0, "run", Path("/runs/a"))
    outer = SLURM | {
        "OMPI_COMM_WORLD_SIZE": "2",
        "SLURM_STEP_NUM_NODES": "2",
        "PODLOG_JOB": "another",
        "NPROC": "8",
        "HOME": "/h",
    }
    child = env.child(job, 2, 4, 1234, 3, outer)
    assert env.read(child) == job
    assert env.described(child) == env.Described("SLURM", 4, 2)
    assert child["SLURM_PROCID"] == "2"
    assert child["JAX_COORDINATOR_ADDRESS"] == "127.0.0.1:1234"
    assert child["JAX_NUM_CPU_DEVICES"] == "3"
    assert child["JAX_PLATFORMS"] == "cpu"
    assert child["NPROC"] == "8"
    assert child["HOME"] == "/h"
    assert not {"OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_NODES"} & child.keys()


def test_wrapped_environment() -> None:
    """A wrapped process keeps its cluster's description, and hears of this job only."""
    job = env.Environment(pipe="5:77", publish=True, run_id="run")
    outer = SLURM | {"PODLOG_JOB": "another", "PODLOG_TOKEN": "another", "HOME": "/h"}
    inside = env.wrapped(job, outer)
    assert env.read(inside) == job
    assert env.described(inside) == env.Described("SLURM", 16, 3)
    assert inside["HOME"] == "/h"


def test_child_environment_with_accelerators() -> None:
    """Without CPU devices JAX is left to find the machine's accelerators."""
    child = env.child(env.Environment(), 0, 2, 1, None, {})
    assert "JAX_PLATFORMS" not in child
    assert child["NPROC"] == "32"


def test_the_launchers_file_counts_before_its_variables(tmp_path: Path) -> None:
    """A coordinator that was started again is found at its new port; without the file, as told."""
    path = tmp_path / "contact"
    said = env.Environment("h:1", "secret", PEM, "job", 2.0, contact_file=path)
    assert env.read(said.variables()) == said
    told = said.contact()
    assert told is not None and told.address == "h:1"
    for port in (2, 3):
        Contact(f"h:{port}", "secret", PEM, "job", 2.0).save(path)
        found = said.contact()
        assert found is not None and found.address == f"h:{port}"
        assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["contact"]
    path.write_text("half a li")
    assert said.contact() == told
