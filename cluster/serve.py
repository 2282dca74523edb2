"""`podlog serve`: a coordinator by itself, for Loggers with ``coordinator="external"``.

It is started before the processes of a job, anywhere they can reach, and ends
when the job has settled. It cannot see how processes end: one that goes without
a word is lost after ``timing.lost_after_s``.
"""

import dataclasses
import queue
import shlex
import sys
import tempfile
from pathlib import Path

from ..proto.config import SecurityConfig
from ..proto.contact import Contact
from ..proto.control import AllEnded
from ..proto.errors import ConfigError, UnavailableError
from ..proto.words import signal_name, stopped_by
from . import env, jobs
from .address import listening
from .listener import Listener
from .outcome import UNSETTLED, exit_status, sign_said, tell_end
from .sidecar import Sidecar
from .terminal import signals_to, tell, tell_file


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """What `podlog serve` is asked for.

    Attributes:
        processes: how many processes the job has.
        bind: address to listen on; "": as narrow as `host` allows.
        host: the name under which workers reach this machine; "": its own.
        port: 0: any.
        contact: file to write how workers reach it, secrets included.
        log_path: folder for a Logger whose config has none.
        show_token: whether the token is printed.
        security: files that override the random token and certificate.
    """

    processes: int
    bind: str = ""
    host: str = ""
    port: int = 0
    contact: Path | None = None
    log_path: Path | None = None
    show_token: bool = False
    security: SecurityConfig = dataclasses.field(default_factory=SecurityConfig)


def serve(service: Service) -> int:
    """Serves one job to its end and returns the exit status.

    Call it on the main thread: it takes SIGINT, SIGTERM and SIGHUP meanwhile. The
    first settles what is there, a second one kills.

    Raises:
        ConfigError: nothing says how workers get the token, or a file is missing.
    """
    if not (service.contact or service.security.token_file or service.show_token):
        raise ConfigError(
            "workers need the token: write --contact FILE for them, give them --token-file, "
            "or ask for --show-token"
        )
    serving = _Serving(service)
    with tempfile.TemporaryDirectory(prefix="podlog-", ignore_cleanup_errors=True) as folder:
        try:
            return serving.run(Path(folder, "coordinator.log"))
        except UnavailableError as error:
            tell(f"cannot serve: {error}")
            return exit_status("failure")
        finally:
            serving.withdraw()


class _Serving:
    """One job while it is served; used by one thread, but for `_publish`."""

    def __init__(self, service: Service):
        self._service = service
        self._at = listening(service.host, service.bind)
        setup = jobs.new_job(service.security, service.processes, bind=self._at.bind)
        self._setup = dataclasses.replace(setup, port=service.port)
        self._received: int | None = None

    def run(self, output: Path) -> int:
        """Starts it, says how it is reached, waits until all is settled."""
        events: queue.SimpleQueue[int] = queue.SimpleQueue()
        with signals_to(events.put):
            listener = Listener(
                restart=self._publish, death=tell, sign=lambda sign: tell(sign_said(sign))
            )
            sidecar = Sidecar.start(self._setup, output=output, listener=listener)
            try:
                port = sidecar.ready()
                self._publish(port)
                self._say(self._contact(port))
                self._wait(sidecar, events)
            except BaseException:
                sidecar.kill()
                raise
        if sidecar.ended is None or sidecar.opened is None:
            tell_file(output)
        return self._report(sidecar)

    def _contact(self, port: int) -> Contact:
        return jobs.contact(self._setup, self._at.at(port))

    def _publish(self, port: int) -> None:
        if self._service.contact is not None:
            self._contact(port).save(self._service.contact.absolute())

    def withdraw(self) -> None:
        """Removes the contact, but not one that another has written there."""
        Contact.withdraw(self._service.contact, self._setup.job_id)

    def _say(self, contact: Contact) -> None:
        """How workers reach it: lines for their shell on standard output."""
        service, count = self._service, self._service.processes
        tell(f"serving a job of {count} processes at {contact.address}; in each of them:")
        lines = {env.CONTACT: service.contact and str(service.contact.absolute())}
        if service.contact is None or service.show_token:
            token = contact.token if service.show_token else ""
            told = env.Environment.naming(dataclasses.replace(contact, token=token))
            lines |= told.variables()
        if service.log_path is not None:
            lines[env.LOG_PATH] = str(service.log_path.absolute())
        text = [f"export {name}={shlex.quote(value)}" for name, value in lines.items() if value]
        if env.TOKEN not in lines and service.contact is None:
            path = shlex.quote(str(service.security.token_file))
            text.append(f'export {env.TOKEN}="$(cat {path})"')
        sys.stdout.write("\n".join(text) + "\n")
        sys.stdout.flush()

    def _wait(self, sidecar: Sidecar, events: "queue.SimpleQueue[int]") -> None:
        """Until it has settled; the first signal ends the job, a second one kills."""
        while not sidecar.wait(0.1):
            if events.empty():
                continue
            number = events.get()
            name = signal_name(number)
            if self._received is not None:
                tell(f"{name} received again: the coordinator is killed")
                sidecar.kill()
                return
            tell(f"{name} received: settling what is there")
            self._received = number
            sidecar.send(AllEnded(signal=number))

    def _report(self, sidecar: Sidecar) -> int:
        opened, ended = sidecar.opened, sidecar.ended
        if opened is None:
            tell("no Logger opened a run")
            if self._received is None:
                return exit_status("unfinished")
            return exit_status(stopped_by(self._received))
        ended = ended or UNSETTLED
        tell_end(opened, ended)
        return exit_status(ended.status)
