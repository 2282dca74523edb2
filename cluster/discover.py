"""How a Logger finds the coordinator of its job, or starts it.

In this order: the `coordinator_address` argument; ``PODLOG_COORDINATOR``, for
the first Logger of a process; JAX's key-value store, where process 0 publishes
the coordinator it started; and in a single process a coordinator right here.
"""

import logging
import secrets
import time
from pathlib import Path

from .. import coordinator
from ..proto.config import LoggerConfig
from ..proto.contact import Contact
from ..proto.control import Setup
from ..proto.errors import ConfigError, MisuseError, PodlogError, UnavailableError
from ..proto.tool import LoggerTool
from . import credentials, env, pod
from .address import Listening, listening
from .pod import Place
from .sidecar import Sidecar

_log = logging.getLogger(__name__)

_START_TIMEOUT_S = 60.0


class Attachment:
    """One Logger's way to its coordinator. Thread-safe.

    Attributes:
        place: which process this is.
        endpoint: a coordinator in this process to connect to without a
            network, or None: then `contact` says where it is.
    """

    def __init__(
        self,
        place: Place,
        *,
        endpoint: coordinator.Endpoint | None = None,
        sidecar: Sidecar | None = None,
        contact: Contact | None = None,
        key: str = "",
        from_env: bool = False,
    ):
        self.place = place
        self.endpoint = endpoint
        self._sidecar = sidecar
        self._contact = contact
        self._key = key
        self._from_env = from_env

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
        if self._from_env:
            self._contact = _from_environment() or self._contact
        elif self._key:
            self._contact = self._published(timeout) or self._contact
        if self._contact is None:
            raise UnavailableError(
                f"process {self.place.process_index}: process 0 did not publish its coordinator "
                f"within {timeout:.0f} s; does it make its Logger?"
            )
        return self._contact

    def _published(self, timeout: float) -> Contact | None:
        text = pod.lookup(self._key, timeout)
        try:
            return None if text is None else Contact.from_json(text)
        except ConfigError as error:
            raise UnavailableError(f"key {self._key} holds {error}") from error

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
    if coordinator_address:
        return Attachment(place, contact=_given(coordinator_address, config))
    told = _from_environment() if ordinal == 0 else None
    if told is not None:
        return Attachment(place, contact=told, from_env=True)
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
    key = f"podlog/1/{ordinal}"
    if place.process_index == 0:
        return _publish(config, place, key)
    return Attachment(place, key=key)


def _from_environment() -> Contact | None:
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
    setup = Setup(
        job_id=secrets.token_hex(8),
        started=time.time(),
        token=secrets.token_hex(32),
        process_count=1,
    )
    endpoint = coordinator.start(
        config, setup=setup, listen=False, in_process_tools=config.log_tools
    )
    return Attachment(
        place, endpoint=endpoint, contact=Contact("", setup.token, b"", setup.job_id, setup.started)
    )


def _publish(config: LoggerConfig, place: Place, key: str) -> Attachment:
    """Starts the job's coordinator and tells the others where it is."""
    place_to_listen = listening(pod.shared_host(), config.security.bind)
    secret = credentials.make(config.security, token=env.read().token)
    setup = Setup(
        job_id=secrets.token_hex(8),
        started=time.time(),
        token=secret.token,
        process_count=place.process_count,
        cert=secret.cert,
        key=secret.key,
        bind=place_to_listen.bind,
    )
    if config.coordinator == "thread":
        endpoint = coordinator.start(config, setup=setup, listen=True)
        try:
            contact = _contact(place_to_listen, endpoint.port, setup)
            pod.publish(key, contact.to_json())
        except (PodlogError, RuntimeError):
            endpoint.close(timeout=5.0)
            raise
        return Attachment(place, endpoint=endpoint, contact=contact)

    sidecar = Sidecar.start(setup, output=_output(config))
    try:
        contact = _contact(place_to_listen, sidecar.ready(_START_TIMEOUT_S), setup)
        pod.publish(key, contact.to_json())
    except (PodlogError, RuntimeError):
        sidecar.kill()
        raise
    _log.debug("coordinator (pid %d) at %s", sidecar.pid, contact.address)
    return Attachment(place, sidecar=sidecar, contact=contact)


def _contact(at: Listening, port: int, setup: Setup) -> Contact:
    return Contact(at.at(port), setup.token, setup.cert, setup.job_id, setup.started)


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
