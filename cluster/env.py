"""The environment, read in this module only.

`podlog run` describes the job to its children in ``PODLOG_*``; clusters
describe it in variables of their own, which JAX reads too.
"""

import base64
import dataclasses
import importlib.util
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from ..proto.contact import Contact
from ..proto.errors import ConfigError

_log = logging.getLogger(__name__)

COORDINATOR = "PODLOG_COORDINATOR"
CONTACT = "PODLOG_CONTACT"
TOKEN = "PODLOG_TOKEN"
CERT = "PODLOG_CERT"
JOB = "PODLOG_JOB"
STARTED = "PODLOG_STARTED"
RUN = "PODLOG_RUN"
LOG_PATH = "PODLOG_LOG_PATH"
PIPE = "PODLOG_PIPE"
PUBLISH = "PODLOG_PUBLISH"

_OURS = frozenset({COORDINATOR, CONTACT, TOKEN, CERT, JOB, STARTED, RUN, LOG_PATH, PIPE, PUBLISH})
_SLURM = (
    "SLURM_JOB_ID",
    "SLURM_STEP_NODELIST",
    "SLURM_NTASKS",
    "SLURM_PROCID",
    "SLURM_LOCALID",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Environment:
    """What the launcher says of the job; empty fields are not said.

    Attributes:
        coordinator: ``host:port`` of the coordinator.
        token: the job's token.
        cert: PEM certificate of the coordinator.
        job_id: the life of the job.
        started: wall clock when the job_id was minted.
        run_id: name of the run for a Logger whose config has none.
        log_path: folder for a Logger whose config has none.
        contact_file: where the launcher writes how to reach the present
            coordinator, which it may have started again at another port.
        pipe: name of the pipe on which the launcher waits to be told how to reach
            the coordinator (`pipe.Inlet`).
        publish: whether the Logger of process 0 tells the other processes where
            the launcher's coordinator is.
    """

    coordinator: str = ""
    token: str = dataclasses.field(default="", repr=False)
    cert: bytes = dataclasses.field(default=b"", repr=False)
    job_id: str = ""
    started: float = 0.0
    run_id: str = ""
    log_path: Path | None = None
    contact_file: Path | None = None
    pipe: str = ""
    publish: bool = False

    @classmethod
    def naming(cls, contact: Contact) -> "Environment":
        """What makes `contact` known."""
        return cls(contact.address, contact.token, contact.cert, contact.job_id, contact.started)

    def contact(self) -> Contact | None:
        """The coordinator that the launcher names, or None; its file counts before its variables.

        Raises:
            ConfigError: an address without a token.
        """
        if self.contact_file is not None:
            try:
                return Contact.from_json(self.contact_file.read_text())
            except (OSError, ValueError) as error:  # a ConfigError is one, too
                _log.debug("%s %s: %s", CONTACT, self.contact_file, error)
        if not self.coordinator:
            return None
        if not self.token:
            raise ConfigError(f"{COORDINATOR} is set but {TOKEN} is not: set both, or neither")
        return Contact(self.coordinator, self.token, self.cert, self.job_id, self.started)

    def variables(self) -> dict[str, str]:
        """The variables that `read` makes this out of."""
        values = {
            COORDINATOR: self.coordinator,
            CONTACT: "" if self.contact_file is None else str(self.contact_file),
            TOKEN: self.token,
            CERT: base64.b64encode(self.cert).decode(),
            JOB: self.job_id,
            STARTED: repr(self.started) if self.started else "",
            RUN: self.run_id,
            LOG_PATH: "" if self.log_path is None else str(self.log_path),
            PIPE: self.pipe,
            PUBLISH: "1" if self.publish else "",
        }
        return {name: value for name, value in values.items() if value}


def read(environ: Mapping[str, str] = os.environ) -> Environment:
    """What ``PODLOG_*`` says now.

    Raises:
        ConfigError: a variable that cannot be read.
    """
    log_path = environ.get(LOG_PATH)
    contact_file = environ.get(CONTACT)
    try:
        started = float(environ.get(STARTED) or 0.0)
    except ValueError as error:
        raise ConfigError(f"{STARTED} must be seconds since the epoch: {error}") from error
    return Environment(
        coordinator=environ.get(COORDINATOR, ""),
        contact_file=Path(contact_file) if contact_file else None,
        token=environ.get(TOKEN, "").strip(),
        cert=_cert(environ.get(CERT, "")),
        job_id=environ.get(JOB, ""),
        started=started,
        run_id=environ.get(RUN, ""),
        log_path=Path(log_path) if log_path else None,
        pipe=environ.get(PIPE, ""),
        publish=bool(environ.get(PUBLISH)),
    )


def log_level(environ: Mapping[str, str] = os.environ) -> int:
    """The level from which process 0 prints log records: ``LOGLEVEL``, else INFO.

    Raises:
        ConfigError: neither the name of a level nor its number.
    """
    text = environ.get("LOGLEVEL") or "INFO"
    level = logging.getLevelNamesMapping().get(text.upper(), _number(text))
    if level is None:
        raise ConfigError(f"LOGLEVEL {text!r} is not a level: use e.g. INFO, WARNING or 10")
    return level


def _cert(text: str) -> bytes:
    """A certificate given as PEM, as base64 of PEM, or as a file's path."""
    if not text or text.lstrip().startswith("-----BEGIN"):
        return text.encode()
    try:
        decoded = base64.b64decode(text, validate=True)
        if decoded.startswith(b"-----BEGIN"):
            return decoded
    except ValueError:
        pass
    try:
        return Path(text).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{CERT} is neither a PEM certificate, nor one in base64, nor a readable file "
            f"({error.strerror})"
        ) from error


@dataclasses.dataclass(frozen=True, slots=True)
class Described:
    """The pod that the environment describes.

    Attributes:
        by: who describes it, e.g. ``"SLURM"``.
        processes: how many processes it has; None: it does not say.
        index: which of them this is; None: it does not say.
    """

    by: str
    processes: int | None
    index: int | None = None


def described(environ: Mapping[str, str] = os.environ) -> Described | None:
    """The pod described by a launcher or cluster, or None if nothing is."""
    if all(name in environ for name in _SLURM):
        index = _number(environ["SLURM_PROCID"])
        return Described("SLURM", _number(environ["SLURM_NTASKS"]), index)
    if "OMPI_COMM_WORLD_SIZE" in environ:
        index = _number(environ.get("OMPI_COMM_WORLD_RANK", ""))
        return Described("Open MPI", _number(environ["OMPI_COMM_WORLD_SIZE"]), index)
    hosts = environ.get("TPU_PROCESS_ADDRESSES") or environ.get("TPU_WORKER_HOSTNAMES")
    if hosts:
        return _slices(len(hosts.split(",")), environ)
    if "TPU_PROCESS_ADDRESSES_PATH" in environ:
        return Described("TPU", None)
    if "KUBERNETES_SERVICE_HOST" in environ and "JOB_COMPLETION_INDEX" in environ:
        return Described("Kubernetes", None, _number(environ["JOB_COMPLETION_INDEX"]))
    if "JAX_COORDINATOR_ADDRESS" in environ:
        return Described("JAX_COORDINATOR_ADDRESS", None)
    return None


def _slices(workers: int, environ: Mapping[str, str]) -> Described:
    """A pod of TPU slices with so many workers each, numbered slice by slice."""
    slices = _number(environ.get("MEGASCALE_NUM_SLICES", "1")) or 1
    worker = _number(environ.get("TPU_WORKER_ID", ""))
    before = workers * (_number(environ.get("MEGASCALE_SLICE_ID", "0")) or 0)
    return Described("TPU", workers * slices, None if worker is None else before + worker)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def child(
    job: Environment,
    index: int,
    count: int,
    port: int,
    cpu_devices: int | None,
    inherited: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """The environment of process `index` of `count` on this machine.

    A plain ``jax.distributed.initialize()`` in it joins the pod: JAX takes it
    for a SLURM task whose process 0 listens on `port` of the loopback.

    Args:
        job: what the children are told of the job.
        index: process index.
        count: number of processes.
        port: port of JAX's own coordination service.
        cpu_devices: CPU devices a process; None: the machine's accelerators.
        inherited: the launcher's own environment.
    """
    values = {
        name: value
        for name, value in inherited.items()
        if name not in _OURS and not name.startswith(("SLURM_", "OMPI_", "JAX_COORDINATOR_"))
    }
    cores = os.cpu_count() or 1
    values.setdefault("NPROC", "32")
    values.setdefault("OMP_NUM_THREADS", str(max(1, cores // count)))
    values.setdefault("PYTHONUNBUFFERED", "1")
    values |= {
        "SLURM_JOB_ID": "1",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_NTASKS": str(count),
        "SLURM_PROCID": str(index),
        "SLURM_LOCALID": str(index),
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
        "JAX_COORDINATOR_BIND_ADDRESS": f"127.0.0.1:{port}",
    }
    if cpu_devices is not None:
        values |= {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": str(cpu_devices)}
    return values | job.variables()


def wrapped(job: Environment, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of the one process that this launcher wraps, on a cluster of its own.

    Args:
        job: what the process is told of the job.
        inherited: the launcher's own environment; the cluster's description stays.
    """
    values = {name: value for name, value in inherited.items() if name not in _OURS}
    values.setdefault("PYTHONUNBUFFERED", "1")
    return values | job.variables()


def has_tpu() -> bool:
    """Whether this machine looks like a TPU VM, whose pod only JAX can ask for."""
    devices = Path("/dev")
    return importlib.util.find_spec("libtpu") is not None and (
        any(devices.glob("accel[0-9]*")) or any(devices.glob("vfio/[0-9]*"))
    )
