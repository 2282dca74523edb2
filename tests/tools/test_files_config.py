"""How `FileLogger` keeps the config, and its own settings."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kit_files import contents, make

from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto.config import LoggerConfig
from podlog.proto.records import RunConfig
from podlog.proto.tool import ToolContext

CONFIG = {"trainer": {"lr": 0.1, "name": "ä"}, "list": [1, None], "bad": "NaN"}


@pytest.mark.parametrize(
    ("style", "name", "load"),
    [
        ("json", "config.json", json.loads),
        ("yaml", "config.yaml", yaml.safe_load),
        ("pickle", "config.pkl", pickle.loads),
    ],
)
def test_config_is_written_before_any_row(
    context: ToolContext, file_logs: Path, style: str, name: str, load: Callable[[bytes], Any]
) -> None:
    """Each format reads back with the safe loader of its kind; the newest config counts."""
    tool = make(context, config_format=style)
    tool.log_run_config(RunConfig(json.dumps({"old": 1})))
    tool.log_run_config(RunConfig(json.dumps(CONFIG)))
    assert load((file_logs / name).read_bytes()) == CONFIG
    assert list(contents(file_logs)) == [name]


def test_pickled_config_is_passed_on_untouched(context: ToolContext, file_logs: Path) -> None:
    """The coordinator need not know the classes of the user's config."""
    tool = make(context, config_format="pickle")
    tool.log_run_config(RunConfig("{}", b"not even a pickle"))
    assert (file_logs / "config.pkl").read_bytes() == b"not even a pickle"


def test_settings_are_checked_when_made() -> None:
    """A format that does not exist, or no place to write to, is told at once."""
    with pytest.raises(AssertionError, match="toml"):
        FileLoggerConfig(config_format="toml")
    with pytest.raises(TypeError, match="log_path"):
        FileLoggerConfig().check(LoggerConfig())
    with pytest.raises(TypeError, match="log_path"):
        FileLoggerConfig().create(ToolContext(config=LoggerConfig(), log_path=None, run_id="r"))
    FileLoggerConfig().check(LoggerConfig(log_path=Path("x")))
