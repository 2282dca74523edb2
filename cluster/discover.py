"""How a Logger finds the coordinator of its job, or starts it.

In this order: the `coordinator_address` argument; ``PODLOG_COORDINATOR``, for
the first Logger of a process; JAX's key-value store, where process 0 publishes
the coordinator it started; and in a single process a coordinator right here.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..proto.config import LoggerConfig, SecurityConfig
from ..proto.contact import Contact
from ..proto.control import Setup
from ..proto.errors import ConfigError, MisuseError, PodlogError, UnavailableError
from ..proto.tool import LoggerTool
from . import credentials, env, jobs, pod
from .address import Listening, listening
from .listener import Listener
from .pod import Place
from .sidecar import Sidecar
from .telling import Teller, key_of, published

if TYPE_CHECKING:
    from ..coordinator import Endpoint

_log = logging.getLogger(__name__)


Look = Callable[[float], Contact | None]
"""Looks up where the coordinator is, at most so many seconds; None: not known now."""


def _nobody(_: Contact) -> None:
    """For processes that have nobody to tell."""


class Attachment:
    """One Logger's way to its coordinator. Thread-safe.

    Args:
        place: which process this is.
        contact: what is known of the coordinator already.
        look: looks up where it is now; None: it stays where it is.
        endpoint: a coordinator in this process.
        sidecar: a coordinator that this process started.
        absent: what is wrong while `look` finds nothing.
        tell: passes on what `contact` finds.

    Attributes:
        place: which process this is.
        endpoint: a coordinator in this process to connect to without a
            network, or None: then `contact` says where it is.
    """

    def __init__(
        self,
        place: Place,
        contact: Contact | None = None,
        *,
        look: Look | None = None,
        endpoint: "Endpoint | None" = None,
        sidecar: Sidecar | None = None,
        absent: str = "process 0 did not publish its coordinator; does it make its Logger?",
        tell: Callable[[Contact], None] = _nobody,
    ):
        self.place = place
        self.endpoint = endpoint
        self._sidecar = sidecar
        self._contact = contact
        self._look = look
        self._absent = absent
        self._tell = tell

    @property
    def host(self) -> str:
        """Name of this process's machine."""
        return self.place.host

    @property
    def tools(self) -> list[LoggerTool]:
        """The tools that live in this process; empty in a pod."""
        return [] if self.endpoint is None else self.endpoint.tools

    @property
    def known(self) -> Contact | None:
        """The contact found last, without looking; None before the first."""
        return self._contact

    def contact(self, timeout: float = 5.0) -> Contact:
        """Where the coordinator is, looked up again at each call.

        Args:
            timeout: seconds to wait for process 0 to publish it.

        Raises:
            UnavailableError: not published in time.
        """
        if self._look is not None:
            self._contact = self._look(timeout) or self._contact
        if self._contact is None:
            raise UnavailableError(f"process {self.place.process_index}: {self._absent}")
        self._tell(self._contact)
        return self._contact

    def close(self, timeout: float = 60.0) -> bool:
        """Lets the coordinator go; safe twice.

        One in this process settles and ends. One that this process started is
        waited for, since its last lines go to this terminal, and then left to
        end by itself.

        Returns:
            Whether it has ended; True if it was not started here.
        """
        if self.endpoint is not None:
            return self.endpoint.close(timeout)
        if self._sidecar is None:
            return True
        ended = self._sidecar.wait(timeout)
        self._sidecar.release()
        return ended


def attach(
    config: LoggerConfig,
    place: Place,
    *,
    ordinal: int = 0,
    coordinator_address: str | None = None,
) -> Attachment:
    """Finds or starts the coordinator for one Logger.

    Does not wait for other processes: a coordinator that process 0 has yet to
    publish is looked up by `Attachment.contact`.

    Args:
        config: the Logger's config.
        place: which process this is.
        ordinal: how many Loggers this process made before.
        coordinator_address: ``host:port`` of a coordinator that runs already;
            its token comes from ``PODLOG_TOKEN`` or ``security.token_file``.

    Raises:
        ConfigError: a setting cannot be used, or nothing says where the
            coordinator is.
        MisuseError: the pod has no key-value store to publish in.
        UnavailableError: the coordinator cannot be started.
        Exception: in a single process, whatever a tool's ``create`` raises.
    """
    said = env.read() if ordinal == 0 else env.Environment()
    key = key_of(ordinal)
    tell = Teller(said, place, key)
    if coordinator_address:
        return Attachment(place, _given(coordinator_address, config), tell=tell)
    told = said.contact()
    if told is not None or said.contact_file is not None:
        absent = f"{env.CONTACT} {said.contact_file} names no coordinator yet; does it run?"
        return Attachment(place, told, look=_said, absent=absent, tell=tell)
    if config.coordinator == "external":
        raise ConfigError(
            'coordinator="external" needs an address: pass coordinator_address, or set '
            f"{env.COORDINATOR} and {env.TOKEN}"
        )
    if place.process_count == 1:
        return _in_process(config, place)

    if pod.joined() is None:
        raise MisuseError(
            f"process {place.process_index} of {place.process_count}: nothing says where the "
            "coordinator is; create the Logger after jax.distributed.initialize(), or pass "
            f"coordinator_address, or set {env.COORDINATOR} and {env.TOKEN}"
        )
    if place.process_index == 0:
        return _publish(config, place, key)
    return Attachment(place, look=lambda timeout: published(key, timeout), tell=tell)


def _said(_: float) -> Contact | None:
    return env.read().contact()


def _given(address: str, config: LoggerConfig) -> Contact:
    said = env.read()
    token = said.token or credentials.read_token(config.security)
    if not token:
        raise ConfigError(
            f"coordinator_address {address} needs the job's token: set {env.TOKEN} or "
            "security.token_file"
        )
    cert = said.cert or credentials.read_cert(config.security)
    if config.security.tls and not cert:
        raise ConfigError(
            f"coordinator_address {address} needs the coordinator's certificate: set {env.CERT}, "
            "or security.cert_file and key_file, or security.tls=False"
        )
    return Contact(address, token, cert, said.job_id, said.started)


def _in_process(config: LoggerConfig, place: Place) -> Attachment:
    from .. import coordinator

    setup = jobs.new_job(SecurityConfig(tls=False), 1)
    endpoint = coordinator.start(
        config, setup=setup, listen=False, in_process_tools=config.log_tools
    )
    return Attachment(place, jobs.contact(setup, ""), endpoint=endpoint)


def _publish(config: LoggerConfig, place: Place, key: str) -> Attachment:
    """Starts the job's coordinator and tells the others where it is."""
    at = listening(pod.shared_host(), config.security.bind)
    token = env.read().token
    setup = jobs.new_job(config.security, place.process_count, token=token, bind=at.bind)
    beacon = _Beacon(key, at, setup)
    if config.coordinator == "thread":
        from .. import coordinator

        endpoint = coordinator.start(config, setup=setup, listen=True)
        try:
            beacon.shine(endpoint.port)
        except (PodlogError, RuntimeError):
            endpoint.close(timeout=5.0)
            raise
        return Attachment(place, beacon.contact, endpoint=endpoint)

    sidecar = Sidecar.start(setup, output=_output(config), listener=Listener(restart=beacon.shine))
    try:
        beacon.shine(sidecar.ready())
    except (PodlogError, RuntimeError):
        sidecar.kill()
        raise
    _log.debug("coordinator (pid %d) at %s", sidecar.pid, beacon.contact)
    return Attachment(place, beacon.contact, look=lambda _: beacon.contact, sidecar=sidecar)


class _Beacon:
    """Tells the pod where the coordinator listens, as often as that changes.

    Attributes:
        contact: what was told last; None before the first time.
    """

    def __init__(self, key: str, at: Listening, setup: Setup) -> None:
        self.contact: Contact | None = None
        self._key = key
        self._at = at
        self._setup = setup

    def shine(self, port: int) -> None:
        """It listens at `port`.

        Raises:
            MisuseError, RuntimeError: it could not be published.
        """
        self.contact = jobs.contact(self._setup, self._at.at(port))
        pod.publish(self._key, self.contact.to_json())


def _output(config: LoggerConfig) -> Path | None:
    """The file for what the coordinator says before the run is open."""
    if config.log_path is None:
        return None
    folder = Path(config.log_path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"log_path {folder} cannot be made: {error.strerror}") from error
    return folder / "coordinator.log"
