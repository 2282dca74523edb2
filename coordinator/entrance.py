"""What every call passes on its way in and out: the token, how many there may be, its status."""

import collections
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

from google.protobuf.message import DecodeError, Message

from ..proto.errors import PodlogError, RefusedError, WireError
from ..proto.rpc import grpc
from .budget import FullError
from .refusals import Refusals

Context = grpc.aio.ServicerContext[Any, Any]

_M = TypeVar("_M", bound=Message)

Serve = Callable[[Context], Awaitable[Exception | None]]
"""Serves one call that was let in; returns why it ended, None for a good end."""


class OversizedError(WireError):
    """A frame that should have come in chunks."""


class _StrangerError(PodlogError):
    """A call without the job's token."""


class Entrance:
    """Lets calls in and ends them with a status. Used by the server's event loop only.

    Args:
        token: the job's.

    Attributes:
        refusals: who was turned away.
        open: how many calls of each kind are being served.
        closing: the server ends all calls.
    """

    def __init__(self, token: str) -> None:
        self.refusals = Refusals()
        self.open: collections.Counter[str] = collections.Counter()
        self.closing = False
        self._token = token.encode()

    async def admit(self, context: Context, kind: str, limit: int, serve: Serve) -> None:
        """Serves one call from its first byte to its status.

        Args:
            context: of the call.
            kind: what is counted together, e.g. ``"streams"``.
            limit: how many of that kind may be open at a time.
            serve: what to do with a call that is let in; may be cancelled.
        """
        error: Exception | None
        if not self._allowed(context):
            error = _StrangerError("this coordinator serves another job (token)")
        elif self.open[kind] >= limit:
            error = FullError(f"{self.open[kind]} {kind} are open, and no more may be")
        else:
            self.open[kind] += 1
            try:
                error = await serve(context)
            finally:
                self.open[kind] -= 1
        if error is not None:
            await self._abort(context, error)

    def _allowed(self, context: Context) -> bool:
        """Whether the call carries the job's token, compared in constant time."""
        given = b""
        for key, value in context.invocation_metadata() or ():
            if key == "podlog-token":
                given = value.encode() if isinstance(value, str) else value
        return hmac.compare_digest(given, self._token)

    async def _abort(self, context: Context, error: Exception) -> NoReturn:
        """Counts a bad end and tells it."""
        kind, status = _kind(error)
        if kind:
            self.refusals.count(kind, who(context), str(error))
        await context.abort(status, str(error)[:1000])


def parse(kind: type[_M], frame: bytes, most: int | None = None, advice: str = "") -> _M:
    """The message in a frame.

    Args:
        kind: what it must be.
        frame: its bytes.
        most: how many they may be; None: that was seen to.
        advice: what else to do with one that is larger.

    Raises:
        OversizedError: it is larger.
        WireError: it is no such message.
    """
    name = kind.DESCRIPTOR.name
    if most is not None and len(frame) > most:
        raise OversizedError(f"a {name} of {len(frame)} bytes, more than {most}{advice}")
    try:
        return kind.FromString(frame)
    except DecodeError as error:
        raise WireError(f"a message of {len(frame)} bytes is not a {name}") from error


def who(context: Context) -> str:
    """The peer without its port."""
    return str(context.peer()).rsplit(":", 1)[0]


_KINDS: dict[type[Exception], tuple[str, grpc.StatusCode]] = {
    _StrangerError: ("token", grpc.StatusCode.UNAUTHENTICATED),
    RefusedError: ("refused", grpc.StatusCode.FAILED_PRECONDITION),
    OversizedError: ("oversized", grpc.StatusCode.RESOURCE_EXHAUSTED),
    WireError: ("malformed", grpc.StatusCode.INVALID_ARGUMENT),
    FullError: ("full", grpc.StatusCode.RESOURCE_EXHAUSTED),
    ConnectionError: ("unread", grpc.StatusCode.UNAVAILABLE),
}


def _kind(error: Exception) -> tuple[str, grpc.StatusCode]:
    """What is counted ("": nothing), and the status that says whether to come back."""
    for kind, found in _KINDS.items():
        if isinstance(error, kind):
            return found
    return "", grpc.StatusCode.UNAVAILABLE
