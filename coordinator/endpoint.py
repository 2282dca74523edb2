"""The door to a coordinator in this process: `start` and `Endpoint`."""

import threading
from collections.abc import Sequence
from pathlib import Path

from ..proto.config import LoggerConfig, LoggerToolsConfig
from ..proto.control import Ended, FirstSign, Setup
from ..proto.session import Receiver, Session
from ..proto.tool import LoggerTool
from .coordinator import Coordinator
from .hooks import Hooks
from .local import LocalSession
from .opening import OpenRun, open_run
from .runners import ThreadRunner
from .server import Server
from .toolset import create_tools


class Endpoint:
    """A running coordinator in this process. Thread-safe.

    Attributes:
        tools: the tools made by `start`, in order of their configs.
        port: where it listens; 0 if it does not.
        run_id: name of the run; "" until the run is open.
        log_path: folder of the run, or None.
    """

    def __init__(self, setup: Setup, *, listen: bool) -> None:
        self.tools: list[LoggerTool] = []
        self.port = 0
        self.run_id = ""
        self.log_path: Path | None = None
        hooks = Hooks(opened=self._opened, sign=self._signed, ended=self._ended)
        self._coordinator = Coordinator(setup, local=not listen, hooks=hooks)
        self._server = Server(self._coordinator, setup) if listen else None
        self._sessions: list[LocalSession] = []
        self._lock = threading.Lock()

    def connect(self, receiver: Receiver) -> Session:
        """Opens a connection without a network; its first message is Hello."""
        session = LocalSession(self._coordinator, receiver)
        with self._lock:
            self._sessions = [s for s in self._sessions if s.alive] + [session]
        return session

    def wait_settled(self, timeout: float) -> bool:
        """Waits until it has ended by itself; True if it has."""
        return self._coordinator.wait_settled(timeout)

    def close(self, timeout: float = 60.0) -> bool:
        """Settles and ends; safe twice. Returns whether it did within `timeout` seconds."""
        settled = self._coordinator.close(timeout)
        if self._server is not None:
            self._server.stop()
        with self._lock:
            for session in self._sessions:
                session.close()
                session.join(5.0)
            self._sessions.clear()
        return settled

    def _opened(self, run: OpenRun, *_: object) -> None:
        self.run_id, self.log_path = run.run_id, run.log_path

    def _signed(self, sign: FirstSign) -> None:
        if self._server is not None:
            self._server.launchers.sign(sign)

    def _ended(self, ended: Ended) -> None:
        if self._server is not None:
            self._server.launchers.ended(ended)

    def _start(self, config: LoggerConfig, tools: Sequence[LoggerToolsConfig] | None) -> None:
        if self._server is not None:
            self.port = self._server.start()
        self._coordinator.start()
        if tools is None:
            return
        run = open_run(
            config, job_id=self._coordinator.setup.job_id, run_id=config.run_id, memory=True
        )
        try:
            made = create_tools(tools, run)
        except BaseException:
            run.close()
            raise
        self.tools = list(made.values())
        self._opened(run)
        self._coordinator.begin(run, {name: ThreadRunner(tool) for name, tool in made.items()})


def start(
    config: LoggerConfig,
    *,
    setup: Setup,
    listen: bool,
    in_process_tools: Sequence[LoggerToolsConfig] | None = None,
) -> Endpoint:
    """Starts a coordinator in this process.

    Args:
        config: the run's config: `log_path`, `run_id` and the groups.
        setup: job, token, certificate and how many processes there are.
        listen: whether processes connect over the network. If not, the job is
            this process alone, and ``finalize`` finalizes the tools.
        in_process_tools: tool configs to create here and now; the run is then
            open at once. None: the run is opened by process 0's `Open`.

    Raises:
        ConfigError: `log_path` or the address cannot be used.
        JournalError: the journal is another run's or another coordinator's.
        Exception: whatever a tool's ``create`` raises.
    """
    endpoint = Endpoint(setup, listen=listen)
    try:
        endpoint._start(config, in_process_tools)
    except BaseException:
        endpoint.close(5.0)
        raise
    return endpoint
