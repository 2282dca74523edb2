"""What a user sets: `LoggerConfig`, its groups, and the base of tool configs.

Fields are keyword-only and not frozen, so that a project may subclass these
with fields of its own and fill them from Hydra; every annotation is one that
OmegaConf accepts. Durations are seconds as floats, sizes are MiB.

Values are checked when a config is made, and once more by `validate` when a
Logger is made of it, since they may have been changed in between.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .checks import as_path, at_least, one_of
from .configdict import ConfigDict
from .errors import ConfigError

POLICIES = ("warn", "stop")
MAX_PAYLOAD_MB = 64
COORDINATORS = ("child", "thread", "external")
REDUCTIONS = ("mean", "sum", "min", "max")
PER_PROCESS = ("recent", "all", "none")


@dataclasses.dataclass(kw_only=True)
class DeliveryConfig(ConfigDict):
    """How records reach the journal.

    Attributes:
        spool_dir: disk to spool on, in a folder named after `log_path`; None:
            ``log_path/spool``.
        journal_dir: where the journal lies if not in ``log_path``, which may
            be an object store.
        spool_cap_mb: beyond it this process's oldest records go, declared lost.
        pending_steps: logging steps whose values may be still on the device.
        max_payload_mb: larger texts, images or arrays of one call are refused; at
            most 64, since a record travels as one message.
        fsync: whether spool and journal survive a power loss, at the price of speed.
    """

    spool_dir: Path | None = None
    journal_dir: Path | None = None
    spool_cap_mb: int = 1024
    pending_steps: int = 64
    max_payload_mb: int = 64
    fsync: bool = False

    def __post_init__(self) -> None:
        as_path(self, "spool_dir", "journal_dir")
        at_least(1, self, "spool_cap_mb", "pending_steps", "max_payload_mb")
        if self.max_payload_mb > MAX_PAYLOAD_MB:
            raise ConfigError(
                f"DeliveryConfig.max_payload_mb is {self.max_payload_mb}: use at most "
                f"{MAX_PAYLOAD_MB}, and files for what is larger"
            )


@dataclasses.dataclass(kw_only=True)
class TimingConfig(ConfigDict):
    """Deadlines and periods, all in seconds.

    Attributes:
        row_timeout_s: after it a row closes without a silent process.
        lost_after_s: a process without a connection for so long is lost.
        stall_after_s: the least silence of a training thread that may be a stall.
        stop_timeout_s: how long a gate is held at most, while processes agree on a stop step.
        finalize_timeout_s: how long ``finalize`` waits for the other processes.
        tools_timeout_s: how long tools may take to finish at the end.
        takeover_s: how long a successor waits for a live coordinator to go.
        heartbeat_s: how often a worker says that it lives.
    """

    row_timeout_s: float = 30.0
    lost_after_s: float = 30.0
    stall_after_s: float = 15.0
    stop_timeout_s: float = 10.0
    finalize_timeout_s: float = 60.0
    tools_timeout_s: float = 60.0
    takeover_s: float = 15.0
    heartbeat_s: float = 5.0

    def __post_init__(self) -> None:
        at_least(0, self, *(field.name for field in dataclasses.fields(TimingConfig)))
        at_least(0.001, self, "heartbeat_s")


@dataclasses.dataclass(kw_only=True)
class MergeConfig(ConfigDict):
    """How records become rows.

    Attributes:
        reduce: glob over keys to ``mean``, ``sum``, ``min`` or ``max``, for
            plain host numbers; the first that matches counts.
        per_process: ``"recent"`` keeps every process's value for the newest
            rows, rows with an event and every 100th; ``"all"`` for all rows;
            ``"none"`` for none.
    """

    reduce: dict[str, str] = dataclasses.field(default_factory=dict)
    per_process: str = "recent"

    def __post_init__(self) -> None:
        one_of(self, "per_process", PER_PROCESS)
        for glob, reduction in self.reduce.items():
            if reduction not in REDUCTIONS:
                raise ConfigError(
                    f"MergeConfig.reduce[{glob!r}] is {reduction!r}: "
                    f"use one of {', '.join(REDUCTIONS)}"
                )


@dataclasses.dataclass(kw_only=True)
class FateConfig(ConfigDict):
    """What happens to this process when another one fails, or a signal comes.

    Attributes:
        abort_on_peer_failure: once another process failed or is lost: bring
            what was logged to the spool (2 s at most) and end at once, with
            status 76. A broken connection alone is no such sign.
        sigterm: take SIGTERM as a stop request where JAX's handler is not
            installed.
    """

    abort_on_peer_failure: bool = False
    sigterm: bool = False


@dataclasses.dataclass(kw_only=True)
class SecurityConfig(ConfigDict):
    """Who may speak to the coordinator.

    Attributes:
        tls: encrypt, with the job's own certificate unless files are given.
        bind: address to listen on; empty: the one that workers use.
        token_file: file with the job's token; None: a random one a job.
        cert_file: PEM certificate; needs `key_file`.
        key_file: PEM private key of `cert_file`.
    """

    tls: bool = True
    bind: str = ""
    token_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def __post_init__(self) -> None:
        as_path(self, "token_file", "cert_file", "key_file")
        if (self.cert_file is None) != (self.key_file is None):
            raise ConfigError("SecurityConfig needs cert_file and key_file together, or neither")


@dataclasses.dataclass(kw_only=True)
class LoggerToolsConfig(ConfigDict):
    """Base of a tool's config; a subclass says how the tool is made."""

    def to_dict(self) -> dict[str, Any]:
        """As every config, with ``"tool"``, the name of its class, in front."""
        return {"tool": _class_name(type(self))} | super().to_dict()

    def create(self, logger: Any) -> Any:
        """Makes the tool.

        Args:
            logger: a read-only `ToolContext` (``config``, ``log_path``, ``run_id``, …).

        Raises:
            NotImplementedError: always, here; overridden by every tool.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to make its tool")

    def check(self, config: "LoggerConfig") -> None:
        """Raises for what can be seen without making the tool.

        Raises:
            TypeError: a setting of `config` that this tool needs is missing.
            ConfigError: a value that cannot be used.
        """


def _class_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _subclasses(kind: type[LoggerToolsConfig]) -> Iterator[type[LoggerToolsConfig]]:
    for found in kind.__subclasses__():
        yield found
        yield from _subclasses(found)


def _tool_config(data: Any) -> Any:
    """The config of a tool in what its `to_dict` gave; anything else as it is."""
    if not isinstance(data, Mapping) or "tool" not in data:
        return data
    for kind in _subclasses(LoggerToolsConfig):
        if _class_name(kind) == data["tool"]:
            return ConfigDict.from_dict(kind, data)
    raise ConfigError(f"log_tools names {data['tool']!r}, which is not imported: import it first")


@dataclasses.dataclass(kw_only=True)
class LoggerConfig(ConfigDict):
    """Settings of a `Logger`.

    Attributes:
        log_every_n_steps: ``log_step`` logs when it divides the step.
        log_path: folder of the run; None: nothing is kept on disk.
        log_tools: configs of the tools that get the merged rows.
        cmd_logging_name: ``log_path/<name>.log`` takes Python's logging.
        run_id: name of the run; empty: read back from the journal, else random.
        nan: ``"warn"`` or ``"stop"`` (every process leaves the loop at one step).
        inf: likewise for infinities.
        coordinator: ``"child"`` (a process beside process 0), ``"thread"``
            (in process 0) or ``"external"`` (``podlog serve``).
    """

    log_every_n_steps: int = 1
    log_path: Path | None = None
    log_tools: list[Any] = dataclasses.field(default_factory=list)
    cmd_logging_name: str = "output"
    run_id: str = ""
    nan: str = "warn"
    inf: str = "warn"
    coordinator: str = "child"
    delivery: DeliveryConfig = dataclasses.field(default_factory=DeliveryConfig)
    timing: TimingConfig = dataclasses.field(default_factory=TimingConfig)
    merge: MergeConfig = dataclasses.field(default_factory=MergeConfig)
    fate: FateConfig = dataclasses.field(default_factory=FateConfig)
    security: SecurityConfig = dataclasses.field(default_factory=SecurityConfig)

    def __post_init__(self) -> None:
        as_path(self, "log_path")
        for name, group in _GROUPS.items():
            value = getattr(self, name)
            if isinstance(value, Mapping):
                setattr(self, name, ConfigDict.from_dict(group, value))
        if not isinstance(self.log_tools, Sequence):
            raise ConfigError(f"LoggerConfig.log_tools is {self.log_tools!r}: use a list")
        self.log_tools = [_tool_config(tool) for tool in self.log_tools]
        if type(self.log_every_n_steps) is not int or self.log_every_n_steps == 0:
            raise ConfigError(
                f"LoggerConfig.log_every_n_steps is {self.log_every_n_steps!r}: "
                "use 1 to log each step"
            )
        if not isinstance(self.run_id, str) or not self.run_id.isprintable():
            raise ConfigError(f"LoggerConfig.run_id is {self.run_id!r}: use a text")
        if not self.cmd_logging_name or "/" in self.cmd_logging_name:
            raise ConfigError(
                f"LoggerConfig.cmd_logging_name is {self.cmd_logging_name!r}: use a file name"
            )
        one_of(self, "nan", POLICIES)
        one_of(self, "inf", POLICIES)
        one_of(self, "coordinator", COORDINATORS)

    def validate(self) -> None:
        """Checks all of it as it is now, tools included.

        Raises:
            ConfigError: a value cannot be used; the message names it.
            TypeError: as a tool's `check`.
        """
        LoggerConfig.__post_init__(self)
        for name, group in _GROUPS.items():
            value = getattr(self, name)
            if not isinstance(value, group):
                raise ConfigError(f"LoggerConfig.{name} is {value!r}: use a {group.__name__}")
            getattr(value, "__post_init__", _nothing)()
        for tool in self.log_tools:
            if not callable(getattr(tool, "create", None)):
                raise ConfigError(f"LoggerConfig.log_tools holds {tool!r}: use a tool's config")
            getattr(tool, "check", _nothing)(self)

    @property
    def log_dir(self) -> str:
        """`log_path` as a posix string.

        Raises:
            ConfigError: no `log_path` is set.
        """
        if self.log_path is None:
            raise ConfigError("LoggerConfig.log_path is None: there is no log_dir; set log_path")
        return Path(self.log_path).as_posix()


def _nothing(*_: Any) -> None:
    """What a config without a check does."""


_GROUPS: dict[str, type[ConfigDict]] = {
    "delivery": DeliveryConfig,
    "timing": TimingConfig,
    "merge": MergeConfig,
    "fate": FateConfig,
    "security": SecurityConfig,
}
