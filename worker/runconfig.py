"""The Logger's config as it holds here, and the run's configs made fit to travel."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cloudpickle

from ..cluster import env
from ..proto.config import LoggerConfig, LoggerToolsConfig
from ..proto.configdict import jsonable
from ..proto.errors import ConfigError
from ..proto.records import RunConfig


def run_config(
    config: Mapping[str, Any], tools: Iterable[LoggerToolsConfig], max_bytes: int
) -> RunConfig:
    """The config as strict JSON, and the objects themselves if a tool writes pickles.

    Args:
        config: configs by name; anything at all, secrets are hidden in the JSON.
        tools: of the run; one with ``config_format="pickle"`` gets the objects.
        max_bytes: of all of it.

    Raises:
        ConfigError: it is larger.
    """
    text = json.dumps(jsonable(config), allow_nan=False)
    pickled = any(getattr(tool, "config_format", "") == "pickle" for tool in tools)
    made = RunConfig(text, cloudpickle.dumps(config) if pickled else b"")
    size = len(text) + len(made.pickled)
    if size > max_bytes:
        raise ConfigError(
            f"a config of {size:,} bytes, more than delivery.max_payload_mb allows ({max_bytes:,})"
        )
    return made


def settled(config: LoggerConfig) -> LoggerConfig:
    """`config` with what the launcher says where it is open."""
    told = env.read()
    log_path = config.log_path or told.log_path
    return dataclasses.replace(
        config,
        log_path=None if log_path is None else Path(log_path),
        run_id=config.run_id or told.run_id,
    )
