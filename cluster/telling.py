"""Whom a Logger tells where the coordinator is: its launcher, and the other processes."""

import dataclasses
import logging

from ..proto.contact import Contact
from ..proto.errors import ConfigError, MisuseError, UnavailableError
from . import pipe, pod
from .address import is_loopback, listening
from .env import Environment
from .pod import Place

_log = logging.getLogger(__name__)


def key_of(ordinal: int) -> str:
    """The key in JAX's store under which process 0 publishes its Logger's coordinator."""
    return f"podlog/1/{ordinal}"


def published(key: str, timeout: float) -> Contact | None:
    """What process 0 published under `key`; None if it does not come within `timeout` seconds.

    Raises:
        UnavailableError: something else is there.
    """
    text = pod.lookup(key, timeout)
    try:
        return None if text is None else Contact.from_json(text)
    except ConfigError as error:
        raise UnavailableError(f"key {key} holds {error}") from error


class Teller:
    """Passes on how the coordinator is reached, as often as that changes. Thread-safe.

    Args:
        said: what the launcher says: whom to tell.
        place: which process this is.
        key: under which the others look in JAX's key-value store.
    """

    def __init__(self, said: Environment, place: Place, key: str) -> None:
        several = place.process_count > 1
        self._pipe = said.pipe
        self._key = key if said.publish and place.process_index == 0 and several else ""
        self._told: Contact | None = None

    def __call__(self, contact: Contact) -> None:
        """This process has found it; never raises, waits for nothing but JAX's store."""
        if contact == self._told:
            return
        if self._pipe:
            pipe.tell(self._pipe, contact)
        if self._key and not self._publish(contact):
            return
        self._told = contact

    def _publish(self, contact: Contact) -> bool:
        try:
            pod.publish(self._key, _for_all(contact).to_json())
        except (MisuseError, RuntimeError) as error:
            _log.warning("the other processes are not told where the coordinator is: %s", error)
            return False
        return True


def _for_all(contact: Contact) -> Contact:
    """With a name of this machine that the other processes can reach."""
    host, port = contact.address.rsplit(":", 1)
    if not is_loopback(host.strip("[]")):
        return contact
    at = listening(pod.shared_host())
    return dataclasses.replace(contact, address=at.at(int(port)))
