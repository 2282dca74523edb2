"""What a worker says of itself and, if it is process 0, of the run."""

import json
import os
import secrets
import sys
import time
from importlib import metadata
from pathlib import Path

import cloudpickle

from ..cluster.pod import Place
from ..proto import podlog_pb2 as pb
from ..proto.alive import boot_id, start_time
from ..proto.config import LoggerConfig, LoggerToolsConfig
from ..proto.configdict import ConfigDict
from ..proto.contact import Contact
from ..proto.errors import ConfigError
from ..proto.session import PROTOCOL
from ..proto.tool import tool_names
from .inputs import said_error

_BUILTIN = "podlog.coordinator.tools"


def hello(place: Place, run_id: str, known: Contact | None, spool: Path | None) -> pb.Hello:
    """The Hello of a new incarnation in this process.

    Args:
        place: which process this is.
        run_id: the run's, or "".
        known: what is known of the job's coordinator.
        spool: the folder of its spool; None: memory.
    """
    return pb.Hello(
        protocol=PROTOCOL,
        podlog_version=metadata.version("podlog"),
        run_id=run_id,
        job_id=known.job_id if known else "",
        process=place.process_index,
        process_count=place.process_count,
        incarnation=secrets.randbits(63) | 1,
        host=place.host,
        boot_id=boot_id(),
        pid=os.getpid(),
        pid_started=start_time(os.getpid()),
        started=time.time(),
        job_started=known.started if known else 0.0,
        spool="" if spool is None else str(spool.absolute()),
    )


def opening(config: LoggerConfig, tools: list[LoggerToolsConfig], postprocess: bool) -> pb.Open:
    """What process 0 tells the coordinator of the run.

    Args:
        config: the run's.
        tools: configs of those that the coordinator shall make.
        postprocess: whether merged rows shall be sent here.

    Raises:
        ConfigError: a tool's config cannot be pickled.
    """
    log_path = "" if config.log_path is None else str(Path(config.log_path).resolve())
    return pb.Open(
        run_id=config.run_id,
        log_path=log_path,
        config_json=json.dumps(_groups(config)),
        tools=_specs(tools),
        sys_path=[entry or str(Path.cwd()) for entry in sys.path],
        postprocess=postprocess,
    )


def _groups(config: LoggerConfig) -> dict[str, object]:
    """The settings that are podlog's own, and not a subclass's or a tool's."""
    own = (name for name in LoggerConfig.__dataclass_fields__ if name != "log_tools")
    values = {name: getattr(config, name) for name in own}
    return {
        name: value.to_dict() if isinstance(value, ConfigDict) else _plain(value)
        for name, value in values.items()
    }


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _specs(configs: list[LoggerToolsConfig]) -> list[pb.ToolSpec]:
    return [
        pb.ToolSpec(
            name=name,
            builtin=type(config).__module__.startswith(_BUILTIN),
            pickled=_pickled(name, config),
        )
        for name, config in zip(tool_names(configs), configs, strict=True)
    ]


def _pickled(name: str, config: LoggerToolsConfig) -> bytes:
    try:
        pickled: bytes = cloudpickle.dumps(config)
    except Exception as error:
        raise ConfigError(
            f"the config of tool {name} cannot be sent to the coordinator ({said_error(error)}): "
            "keep locks, files and clients out of it, and make them in the tool"
        ) from error
    return pickled
