"""Case 51: a config with an object that JSON does not know ends the run at its start.

Here any config becomes readable JSON or YAML: nothing is raised, whatever it holds.
"""

import dataclasses
import enum
import json
import math
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import yaml

from podlog.coordinator.tools import FileLoggerConfig, TensorBoardLoggerConfig
from podlog.proto.config import LoggerConfig
from podlog.proto.configdict import jsonable
from podlog.proto.tool import ToolContext


class Colour(enum.Enum):
    """An enum of a user."""

    RED = 1


@dataclasses.dataclass
class Inner:
    """A dataclass of a user."""

    width: int = 3
    path: Path = Path("a/b")


class Hostile:
    """An object that raises whatever it is asked."""

    def to_dict(self) -> dict[str, Any]:
        raise RuntimeError("no dict")

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def activation(x: float) -> float:
    """A function in a config."""
    return x


def config() -> dict[str, Any]:
    """One of everything."""
    cycle: dict[str, Any] = {"name": "loop"}
    cycle["self"] = cycle
    return {
        "path": PurePosixPath("/data/x"),
        "dtype": np.dtype("float32"),
        "scalar type": np.float32,
        "function": activation,
        "lambda": lambda x: x,
        "enum": Colour.RED,
        "dataclass": Inner(),
        "set": {3, 1, 2},
        "bytes": b"\xff\x00",
        "cycle": cycle,
        "nan": math.nan,
        "inf": [math.inf, -math.inf],
        1: "int key",
        (2, 3): "tuple key",
        None: "none key",
        "array": np.arange(3),
        "hostile": Hostile(),
        "class": Inner,
        "logger": LoggerConfig(log_path=Path("runs")),
        "tuple": (1, Inner()),
        "surrogate": "\udc80",
    }


def refuse(constant: str) -> None:
    """What a strict parser does with NaN and Infinity."""
    raise AssertionError(f"not JSON: {constant}")


def strict_json(data: bytes) -> Any:
    """A strict parser."""
    return json.loads(data, parse_constant=refuse)


@pytest.mark.parametrize(
    ("style", "load"), [("json", strict_json), ("yaml", yaml.safe_load)], ids=["json", "yaml"]
)
def test_any_config_is_written_readably(
    tmp_path: Path, style: str, load: Callable[[bytes], Any]
) -> None:
    """Every value is there in a form that a person knows again."""
    context = ToolContext(config=LoggerConfig(), log_path=tmp_path, run_id="run")
    FileLoggerConfig(config_format=style).create(context).log_config(config())
    found = load((tmp_path / f"file_logs/config.{style}").read_bytes())
    assert found["path"] == "/data/x"
    assert "float32" in found["dtype"]
    assert "activation" in found["function"]
    assert "RED" in found["enum"]
    assert found["dataclass"] == {"width": 3, "path": "a/b"}
    assert sorted(found["set"]) == [1, 2, 3]
    assert found["cycle"]["name"] == "loop"
    assert found["nan"] == "NaN"
    assert found["inf"] == ["Infinity", "-Infinity"]
    assert found["1"] == "int key"
    assert found["array"] == [0, 1, 2]
    assert found["logger"]["log_path"] == "runs"
    assert found["tuple"][1] == {"width": 3, "path": "a/b"}
    assert len(found) == len(config())


def test_any_config_becomes_hyperparameters(tmp_path: Path) -> None:
    """TensorBoard's tool takes it too."""
    context = ToolContext(config=LoggerConfig(), log_path=tmp_path, run_id="run")
    tool = TensorBoardLoggerConfig().create(context)
    tool.log_config(config())
    tool.setup()
    tool.finalize("success")
    (file,) = (tmp_path / "tensorboard").iterdir()
    assert b"dataclass.width" in file.read_bytes()


@pytest.mark.parametrize("value", [Hostile(), "text", None, [Hostile()], math.nan, Inner()])
def test_a_config_need_not_be_a_dict(tmp_path: Path, value: Any) -> None:
    """Whatever log_config is given."""
    context = ToolContext(config=LoggerConfig(), log_path=tmp_path, run_id="run")
    FileLoggerConfig().create(context).log_config(value)
    found = strict_json((tmp_path / "file_logs/config.json").read_bytes())
    assert found == strict_json(json.dumps(jsonable(value)).encode())
