"""The way to a coordinator over gRPC: for workers, launchers and those who watch."""

from collections.abc import Sequence

from .contact import TLS_NAME, Contact
from .rpc import grpc

SERVICE = "podlog.v1.Podlog"

MAX_MESSAGE = 4 << 20
"""Largest frame that is taken from a coordinator, in bytes; what is sent stays below 1 MiB."""

_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
)


def open_channel(contact: Contact, options: Sequence[tuple[str, int]] = ()) -> grpc.Channel:
    """A connection of the caller's own to the coordinator, who closes it.

    Args:
        contact: where the coordinator is, and its certificate.
        options: more of gRPC's.
    """
    plain = (*_OPTIONS, *options)
    if not contact.cert:
        return grpc.insecure_channel(contact.address, options=plain)
    credentials = grpc.ssl_channel_credentials(root_certificates=contact.cert)
    named = (*plain, ("grpc.ssl_target_name_override", TLS_NAME))
    return grpc.secure_channel(contact.address, credentials, options=named)


def metadata(contact: Contact) -> tuple[tuple[str, str], ...]:
    """What a call must carry to be let in."""
    return (("podlog-token", contact.token),)
