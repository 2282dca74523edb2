"""The coordinator of a launcher: of all processes, or of process 0 and others elsewhere."""

import dataclasses
from pathlib import Path

from ..proto.config import SecurityConfig
from ..proto.contact import Contact
from ..proto.control import AllEnded, Ended, ProcessExit
from ..proto.errors import ConfigError, UnavailableError
from . import env, jobs
from .address import WILDCARD, Listening, listening
from .listener import Listener
from .outcome import UNSETTLED, tell_end
from .sidecar import Sidecar
from .tending import Tending
from .terminal import tell, tell_file

LOOPBACK = "127.0.0.1"

OUTPUT = "coordinator.log"
"""What the coordinator said before a run was open; a file of the host's folder."""

SIGNAL_S = 0.5
"""A signal is passed on after so long, though the coordinator has not said that it counts."""


@dataclasses.dataclass(frozen=True, slots=True)
class Hosting:
    """How the coordinator of a job is started that others must reach.

    Attributes:
        processes: how many processes the job has.
        host: the name under which the others reach this machine; "": the one
            that process 0's Logger learns of JAX, and all addresses listen.
        port: 0: any.
        log_path: folder for a Logger whose config has none.
        run_id: name for a run whose config has none.
        visited: each other process has a launcher of its own.
        security: TLS, and the files that override the random certificate.
    """

    processes: int
    host: str = ""
    port: int = 0
    log_path: Path | None = None
    run_id: str = ""
    visited: bool = False
    security: SecurityConfig = dataclasses.field(default_factory=SecurityConfig)


class Host:
    """A coordinator while its job goes on. Used by one thread, but for `_publish`.

    Args:
        hosting: what is asked for.
        said: what the environment says to all launchers of the job: an address, a
            token, or a file to write the contact to.
        folder: for the file that processes read, and for `OUTPUT`.
        tending: hears first signs and the verdict.

    Raises:
        ConfigError: what the environment says cannot be done.
        UnavailableError: the coordinator cannot be started.
    """

    def __init__(
        self, hosting: Hosting, said: env.Environment, folder: Path, tending: Tending
    ) -> None:
        host, port = _named(hosting, said)
        elsewhere = host or said.contact_file is not None
        others = LOOPBACK if hosting.processes == 1 else WILDCARD
        self._at = listening(host) if elsewhere else Listening(others, LOOPBACK)
        self._shared = said.contact_file
        self._file = folder / "contact"
        self._output = folder / OUTPUT
        setup = jobs.new_job(
            hosting.security,
            hosting.processes,
            token=said.token,
            bind=self._at.bind,
            launched=True,
            visited=hosting.visited,
            log_path="" if hosting.log_path is None else str(hosting.log_path),
            run_id=hosting.run_id,
        )
        self._setup = dataclasses.replace(setup, port=port)
        listener = Listener(restart=self._publish, death=tell, sign=tending.put, end=tending.put)
        self._sidecar = Sidecar.start(self._setup, output=self._output, listener=listener)
        try:
            self._publish(self._sidecar.ready())
        except OSError as error:
            self._sidecar.kill()
            raise UnavailableError(
                f"where the coordinator is cannot be written to {error.filename}: {error.strerror}"
            ) from error
        except BaseException:
            self._sidecar.kill()
            raise

    @property
    def pid(self) -> int:
        """The coordinator's process id."""
        return self._sidecar.pid

    @property
    def ended(self) -> Ended | None:
        """The coordinator's last word, whatever it is of; None: it has none."""
        return self._sidecar.ended

    @property
    def outlets(self) -> tuple[int, ...]:
        """What the wrapped process inherits: nothing, it is told where the coordinator is."""
        return ()

    def started(self) -> None:
        """The wrapped process runs."""

    def told(self) -> env.Environment:
        """What the wrapped process is told: the coordinator, and that it must publish it."""
        contact = Contact.from_json(self._file.read_text())
        return dataclasses.replace(
            env.Environment.naming(contact), contact_file=self._file, publish=True
        )

    def report(self, exit_: ProcessExit) -> None:
        """The wrapped process has ended."""
        self._sidecar.send(exit_)

    def signalled(self, number: int) -> None:
        """This launcher received its first signal: processes are told once that counts."""
        self._sidecar.signalled(number, SIGNAL_S)

    def wait(self, timeout: float) -> bool:
        """Waits at most `timeout` seconds until the job has settled; whether it has."""
        return self._sidecar.wait(timeout)

    def unopened(self) -> bool:
        """Whether process 0 has not opened a run; once it has ended, nobody will."""
        return self._sidecar.opened is None

    def conclude(self, received: int | None) -> bool:
        """Whoever is still there is not waited for: the coordinator settles. True: it does."""
        self._sidecar.send(AllEnded(signal=received))
        return True

    def verdict(self) -> Ended | None:
        """The coordinator's verdict; None if it was told of no run."""
        ended = self._sidecar.ended
        if self._sidecar.opened is not None:
            return ended or UNSETTLED
        return ended if ended is not None and ended.root_cause else None

    def say(self, ended: Ended) -> None:
        """Says how the job ended, and where its run is."""
        if self._sidecar.ended is None and self._sidecar.opened is None:
            tell_file(self._output)
        tell_end(self._sidecar.opened, ended)

    def close(self) -> None:
        """Lets the coordinator go: it settles; safe twice."""
        self._sidecar.release()
        Contact.withdraw(self._shared, self._setup.job_id)

    def _publish(self, port: int) -> None:
        """Where it listens now; who needs it looks at each connect."""
        contact = jobs.contact(self._setup, self._at.at(port))
        contact.save(self._file)
        if self._shared is not None:
            contact.save(self._shared)


def _named(hosting: Hosting, said: env.Environment) -> tuple[str, int]:
    """The host and port that options or the environment ask for.

    Raises:
        ConfigError: the others could not check whom they speak to.
    """
    if not said.coordinator:
        return hosting.host, hosting.port
    if not said.token:
        raise ConfigError(
            f"{env.COORDINATOR} is set but {env.TOKEN} is not: set both everywhere, or neither"
        )
    if hosting.security.tls and hosting.security.cert_file is None:
        raise ConfigError(
            f"{env.COORDINATOR} is set, and the other processes need the certificate: give "
            f"--cert-file and --key-file here and {env.CERT} there, or --no-tls, or set "
            f"{env.CONTACT} to a file that all share in place of {env.COORDINATOR}"
        )
    host, _, port = said.coordinator.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(f"{env.COORDINATOR} {said.coordinator!r} is not host:port")
    return hosting.host or host.strip("[]"), hosting.port or int(port)
