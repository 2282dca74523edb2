"""Where `podlog watch` looks: at a run's folder, or at its coordinator."""

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from ..coordinator.cli import Seen, look_at_folder
from ..proto import podlog_pb2 as pb
from ..proto.backoff import Backoff
from ..proto.channel import SERVICE, metadata, open_channel
from ..proto.contact import Contact
from ..proto.errors import ConfigError, JournalError, PodlogError, UnavailableError
from ..proto.rpc import grpc
from . import env

METHOD = f"/{SERVICE}/Watch"
AGAIN_S = 30.0
"""A coordinator that cannot be reached is tried again for so long: it may be started again."""

ANSWER_S = 10.0
"""How long a first answer may take."""

OLD_S = 5.0
_PAUSES = (0.2, 2.0)
_OPTIONS = (("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_timeout_ms", 10_000))
_FINAL = frozenset(
    {
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
"""Answers that will not become others."""


def by_folder(
    run: Path, interval_s: float, *, again_s: float = AGAIN_S
) -> Generator[Seen, None, None]:
    """Looks at a run's folder, at once and then each `interval_s`, until it has settled.

    Args:
        run: the folder.
        interval_s: between two views.
        again_s: for how long it is looked for once it was seen: one on a network
            may come and go.

    Raises:
        JournalError: there is no run, or not any more.
    """
    seen, at = look_at_folder(run), time.monotonic()
    yield seen
    while not seen.snapshot.settled:
        threading.Event().wait(interval_s)
        try:
            seen, at = look_at_folder(run), time.monotonic()
        except JournalError as error:
            text = str(error) if _there(run) else f"{run} is not there any more"
            if time.monotonic() - at > again_s:
                raise JournalError(text) from error
            yield Seen(seen.snapshot, (text,))
        else:
            yield seen


def _there(run: Path) -> bool:
    with contextlib.suppress(OSError):  # of a network that is gone
        return run.is_dir()
    return False


def by_address(
    contact: Callable[[], Contact], interval_s: float, *, again_s: float = AGAIN_S
) -> Generator[Seen, None, None]:
    """Listens to the coordinator until the job has settled.

    Args:
        contact: where it is; asked again at each connect.
        interval_s: between two views.
        again_s: for how long it is tried again once it was reached.

    Raises:
        UnavailableError: it cannot be reached, or not any more.
        ConfigError: it does not let us in.
    """
    seen, heard, pauses = None, time.monotonic(), Backoff(*_PAUSES)
    while True:
        try:
            for snapshot in _snapshots(contact(), interval_s, first=seen is None):
                if seen is None or snapshot.time != seen.snapshot.time:
                    heard = time.monotonic()
                    pauses.reset()
                seen = Seen(snapshot, _old(heard))
                yield seen
                if snapshot.settled:
                    return
        except UnavailableError as error:
            if seen is None or time.monotonic() - heard > again_s:
                raise
            yield Seen(seen.snapshot, (str(error), *_old(heard)))
        threading.Event().wait(pauses.next())


def _old(heard: float) -> tuple[str, ...]:
    lasts = time.monotonic() - heard
    return (f"no news for {lasts:.0f} s",) if lasts >= OLD_S else ()


def _snapshots(contact: Contact, interval_s: float, *, first: bool) -> Iterator[pb.Snapshot]:
    """One call of `Watch`; a first one with a deadline, which one that goes on has not."""
    with open_channel(contact, _OPTIONS) as channel:
        call = channel.unary_stream(
            METHOD,
            request_serializer=pb.WatchRequest.SerializeToString,
            response_deserializer=pb.Snapshot.FromString,
        )
        try:
            if first:
                once = pb.WatchRequest(once=True)
                yield from call(once, timeout=ANSWER_S, metadata=metadata(contact))
            yield from call(pb.WatchRequest(interval_s=interval_s), metadata=metadata(contact))
        except grpc.RpcError as error:
            raise _error_of(error, contact.address) from error


def _error_of(error: grpc.RpcError, address: str) -> PodlogError:
    code, details = error.code(), error.details()
    text = f"coordinator {address}: {code.name}: {details}"
    if code is grpc.StatusCode.UNAUTHENTICATED:
        text += f" (is {env.TOKEN} or --token-file that of this job?)"
    return ConfigError(text) if code in _FINAL else UnavailableError(text)


def contact_of(
    target: str, token_file: Path | None, cert_file: Path | None
) -> Callable[[], Contact]:
    """How to reach a coordinator that is named as ``host:port`` or by its contact file.

    Args:
        target: the address or the file.
        token_file: holds the token; None: the environment says it.
        cert_file: holds the certificate; None: the environment says it.

    Raises:
        ConfigError: it is neither, or nothing says the token.
    """
    path = Path(target)
    if path.is_file():
        return lambda: _load(path)
    if not target.rpartition(":")[0] or not target.rpartition(":")[2].isdecimal():
        raise ConfigError(f"{target} is no run's folder, no contact file and no host:port")
    told = env.read()
    known = told.contact() if told.contact_file is not None else None
    token = _text(token_file) or told.token or ("" if known is None else known.token)
    if not token:
        raise ConfigError(
            f"the coordinator's token is not known: set {env.TOKEN} or {env.CONTACT}, "
            "or name a file with --token-file"
        )
    cert = _text(cert_file).encode() or told.cert or (b"" if known is None else known.cert)
    found = Contact(target, token, cert, "", 0.0)
    return lambda: found


def _load(path: Path) -> Contact:
    """The contact in a file; one that is gone may come again."""
    try:
        return Contact.from_json(path.read_text())
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read ({error.strerror})") from error
    except (ConfigError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is neither a run's folder nor a contact file") from error


def _text(path: Path | None) -> str:
    try:
        return "" if path is None else path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} holds no text: is it the right file?") from error
