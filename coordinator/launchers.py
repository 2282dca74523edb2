"""Launchers on other machines: how their processes ended, and what they are told of the job."""

import asyncio
import logging
import threading
from typing import Any

from ..proto import podlog_pb2 as pb
from ..proto.control import Ended, FirstSign, Setup
from ..proto.ends import read_exit_report, sign_message
from ..proto.errors import RefusedError, WireError
from ..proto.rpc import grpc
from .coordinator import Coordinator
from .entrance import Context, Entrance, parse

_log = logging.getLogger(__name__)

ATTEND_S = 10.0
"""How long a call may take to say whose launcher it is."""

LARGEST = 4 << 10
"""Bytes of a message; they hold a few numbers and two names."""

MOST_REPORTS = 8
"""Exit reports on one call; more than one comes only of a resend."""

HEARD_S = 5.0
"""So long the verdict is told to launchers that come late: of a short job, or after a cut."""


class Launchers:
    """Serves calls of `Launch`. Only `launch` belongs to the event loop.

    Args:
        coordinator: hears how processes ended.
        setup: the job, and how many processes it has.
        loop: the server's.
        entrance: lets calls in.

    Attributes:
        limit: calls that may be open at a time.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        setup: Setup,
        loop: asyncio.AbstractEventLoop,
        entrance: Entrance,
    ) -> None:
        self.limit = 2 * setup.process_count + 4
        self._coordinator = coordinator
        self._setup = setup
        self._loop = loop
        self._entrance = entrance
        self._sign: FirstSign | None = None
        self._ended: Ended | None = None
        self._changed: set[asyncio.Event] = set()
        self._unheard = set(range(1, setup.process_count)) if setup.visited else set()
        self._heard = threading.Event()

    def sign(self, sign: FirstSign) -> None:
        """All launchers, and those that come later, are told of a first sign."""
        self._post(sign)

    def ended(self, ended: Ended) -> None:
        """The job has settled: all launchers are told, and their calls end."""
        self._post(ended)

    def wait_heard(self, timeout: float = HEARD_S) -> None:
        """Waits, at most `timeout` seconds, until each process's launcher was told the verdict."""
        if self._unheard:
            self._heard.wait(timeout)

    async def launch(self, _: Any, context: Context) -> None:
        """Serves one call from its first byte to its status."""
        await self._entrance.admit(context, "launchers", self.limit, self._serve)

    async def _serve(self, context: Context) -> Exception | None:
        """Reads reports and tells of the job until it has settled or the launcher goes."""
        try:
            attend = await self._greet(context)
        except (WireError, RefusedError) as error:
            return error
        await context.send_initial_metadata(())
        _log.debug("the launcher of process %d on %s attends", attend.process, attend.host)
        reader = asyncio.create_task(self._read(context, attend.process))
        try:
            await self._tell(context, reader, attend.process)
        except WireError as error:
            return error
        finally:
            if not reader.cancel() and not reader.cancelled():
                reader.exception()  # seen: asyncio would say that nobody did
        return None

    async def _greet(self, context: Context) -> pb.Attend:
        try:
            async with asyncio.timeout(ATTEND_S):
                message = _parse(await context.read())
        except TimeoutError:
            raise WireError(f"no Attend within {ATTEND_S:.0f} s") from None
        if message is None or message.WhichOneof("body") != "attend":
            raise WireError("the first message of a launcher must be Attend")
        attend = message.attend
        setup = self._setup
        if attend.process >= setup.process_count:
            raise RefusedError(f"no process {attend.process} in a job of {setup.process_count}")
        if attend.job_id not in ("", setup.job_id):
            raise RefusedError(f"job {attend.job_id} is not this job, {setup.job_id}")
        return attend

    async def _read(self, context: Context, process: int) -> None:
        """Hands on how the process ended; ends when the launcher says nothing more.

        Raises:
            WireError: it says what it must not.
        """
        for _ in range(MOST_REPORTS):
            message = _parse(await context.read())
            if message is None:
                return
            if message.WhichOneof("body") != "exit" or message.exit.process != process:
                raise WireError(f"the launcher of process {process} may tell of its exit only")
            self._coordinator.process_exit(read_exit_report(message.exit))
        raise WireError(f"more than {MOST_REPORTS} exit reports of process {process}")

    async def _tell(self, context: Context, reader: "asyncio.Task[None]", process: int) -> None:
        """Writes what changes, until the verdict or the reader's end."""
        changed = asyncio.Event()
        self._changed.add(changed)
        told: FirstSign | None = None
        try:
            while True:
                changed.clear()
                sign, ended = self._sign, self._ended
                if sign is not None and sign != told:
                    told = sign
                    await context.write(_sign(sign))
                if ended is not None:
                    await context.write(_verdict(ended))
                    self._unheard.discard(process)
                    if not self._unheard:
                        self._heard.set()
                    return
                waiting = asyncio.ensure_future(changed.wait())
                await asyncio.wait((reader, waiting), return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if reader.done():
                    reader.result()
                    return
        finally:
            self._changed.discard(changed)

    def _post(self, news: FirstSign | Ended) -> None:
        try:
            self._loop.call_soon_threadsafe(self._take, news)
        except RuntimeError:  # the loop has closed: nobody attends
            _log.debug("nobody to tell of %s", news)

    def _take(self, news: FirstSign | Ended) -> None:
        if isinstance(news, FirstSign):
            self._sign = news
        else:
            self._ended = news
        for changed in self._changed:
            changed.set()


def _parse(frame: Any) -> pb.LauncherMessage | None:
    """The message in a frame, None at the end of the call.

    Raises:
        WireError: not a message, or one that is too large.
    """
    if frame is grpc.aio.EOF:  # type: ignore[attr-defined]
        return None
    return parse(pb.LauncherMessage, frame, LARGEST)


def _sign(sign: FirstSign) -> bytes:
    return pb.LauncherNotice(first_sign=sign_message(sign)).SerializeToString()


def _verdict(ended: Ended) -> bytes:
    none = ended.status == "unfinished" and not ended.root_cause  # nobody opened a run
    told = pb.Verdict(status=ended.status, root_cause=ended.root_cause, final=not none)
    return pb.LauncherNotice(verdict=told).SerializeToString()
