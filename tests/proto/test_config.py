"""`LoggerConfig` and its groups: checked early, open to subclasses, Hydra and JSON."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from podlog.proto.config import (
    DeliveryConfig,
    LoggerConfig,
    LoggerToolsConfig,
    MergeConfig,
    SecurityConfig,
    TimingConfig,
)
from podlog.proto.configdict import ConfigDict
from podlog.proto.errors import ConfigError


@dataclasses.dataclass(kw_only=True, frozen=False)
class ToolConfig(LoggerToolsConfig):
    """A tool of a project."""

    wb_key: str | None = None
    tags: list[str] = dataclasses.field(default_factory=list)
    log_dir: str = "mine"

    def create(self, logger: Any) -> Any:
        return logger

    def check(self, config: LoggerConfig) -> None:
        if config.log_path is None:
            raise TypeError("ToolConfig needs log_path")


@dataclasses.dataclass
class ProjectConfig(LoggerConfig):
    """As a project derives it: plain, with fields that have no defaults."""

    project: str
    seed: int


def test_a_plain_subclass_may_add_fields_without_defaults() -> None:
    """The base's fields are keyword-only, so positions belong to the project."""
    config = ProjectConfig("p", 3, log_every_n_steps=5, log_path=Path("/x"))
    assert (config.project, config.seed, config.log_every_n_steps) == ("p", 3, 5)
    config.log_every_n_steps = 7
    config.validate()


def test_a_subclass_with_its_own_post_init_is_checked_by_validate() -> None:
    """What a forgotten super() call skips is caught when the Logger is made."""

    @dataclasses.dataclass
    class Own(LoggerConfig):
        def __post_init__(self) -> None:
            pass

    with pytest.raises(ConfigError, match=r"Own\.nan"):
        Own(nan="panic").validate()


@pytest.mark.parametrize("kind", [LoggerConfig, ProjectConfig, LoggerToolsConfig, ToolConfig])
def test_omegaconf_takes_the_annotations(kind: type) -> None:
    """All configs fit OmegaConf's structured configs, as Hydra's ConfigStore needs."""
    OmegaConf.structured(kind)


def test_hydra_containers_become_configs() -> None:
    """Merged, converted or handed over as they are, groups and paths get their types."""
    merged = OmegaConf.merge(
        OmegaConf.structured(LoggerConfig),
        {"log_path": "/x", "timing": {"heartbeat_s": 1}, "merge": {"reduce": {"a*": "sum"}}},
    )
    expected = LoggerConfig(
        log_path=Path("/x"),
        timing=TimingConfig(heartbeat_s=1.0),
        merge=MergeConfig(reduce={"a*": "sum"}),
    )
    assert OmegaConf.to_object(merged) == expected
    assert ConfigDict.from_dict(LoggerConfig, merged) == expected  # type: ignore[arg-type]
    assert LoggerConfig(**merged) == expected


def test_a_config_round_trips_with_its_tools() -> None:
    """`from_dict(to_dict)` through JSON gives the config back, tools by class; secrets not."""
    config = ProjectConfig(
        "p",
        3,
        log_path=Path("/x"),
        log_tools=[ToolConfig(wb_key="s3cret", tags=["a"])],
        merge=MergeConfig(reduce={"tokens*": "sum"}),
    )
    text = json.dumps(config.to_dict(), allow_nan=False)
    assert "s3cret" not in text
    assert json.loads(text)["log_tools"][0]["tool"] == f"{__name__}.ToolConfig"
    back = ConfigDict.from_dict(ProjectConfig, json.loads(text))
    config.log_tools[0].wb_key = None
    assert back == config


def test_a_tool_that_is_not_imported_is_named() -> None:
    """Reading a config imports nothing: a foreign class name is refused."""
    with pytest.raises(ConfigError, match=r"os\.Path"):
        LoggerConfig(log_tools=[{"tool": "os.Path"}])


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: LoggerConfig(log_every_n_steps=0), "log_every_n_steps"),
        (lambda: LoggerConfig(nan="panic"), "nan"),
        (lambda: LoggerConfig(inf=""), "inf"),
        (lambda: LoggerConfig(coordinator="nobody"), "coordinator"),
        (lambda: LoggerConfig(cmd_logging_name="a/b"), "cmd_logging_name"),
        (lambda: LoggerConfig(timing={"heartbeat_s": "x"}), "heartbeat_s"),  # type: ignore[arg-type]
        (lambda: TimingConfig(heartbeat_s=0), "heartbeat_s"),
        (lambda: TimingConfig(row_timeout_s=-1), "row_timeout_s"),
        (lambda: TimingConfig(lost_after_s=float("nan")), "lost_after_s"),
        (lambda: TimingConfig(stop_timeout_s=None), "stop_timeout_s"),  # type: ignore[arg-type]
        (lambda: DeliveryConfig(pending_steps=0), "pending_steps"),
        (lambda: DeliveryConfig(spool_cap_mb=True), "spool_cap_mb"),
        (lambda: MergeConfig(per_process="some"), "per_process"),
        (lambda: MergeConfig(reduce={"a*": "median"}), r"reduce\['a\*'\]"),
        (lambda: SecurityConfig(cert_file=Path("/c")), "key_file"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_at_once(make: Any, named: str) -> None:
    """The error names the field and says what may stand there."""
    with pytest.raises(ConfigError, match=named):
        make()


def test_minus_one_logs_each_step() -> None:
    """The seed's -1 stays allowed."""
    assert LoggerConfig(log_every_n_steps=-1).log_every_n_steps == -1


def test_validate_sees_what_changed_and_asks_the_tools() -> None:
    """Configs are not frozen, so all is checked again when a Logger is made."""
    config = LoggerConfig(log_tools=[ToolConfig()])
    with pytest.raises(TypeError, match="log_path"):
        config.validate()
    config.log_path = "/x"  # type: ignore[assignment]
    config.validate()
    assert config.log_path == Path("/x")
    config.timing.heartbeat_s = 0
    with pytest.raises(ConfigError, match="heartbeat_s"):
        config.validate()
    config.timing = None  # type: ignore[assignment]
    with pytest.raises(ConfigError, match="timing"):
        config.validate()


def test_what_is_no_tool_config_is_refused() -> None:
    """A dict that Hydra did not instantiate is named, not called."""
    with pytest.raises(ConfigError, match="log_tools"):
        LoggerConfig(log_tools=[{"log_dir": "x"}]).validate()


def test_log_dir_is_posix_text() -> None:
    """`log_dir` is the path as text, and says what to set without one."""
    assert LoggerConfig(log_path=Path("/a") / "b").log_dir == "/a/b"
    with pytest.raises(ConfigError, match="set log_path"):
        LoggerConfig().log_dir  # noqa: B018  # reading it is the test


def test_the_base_tool_config_makes_nothing() -> None:
    """A tool's config without `create` is told by name."""
    with pytest.raises(NotImplementedError, match="LoggerToolsConfig"):
        LoggerToolsConfig().create(None)
    LoggerToolsConfig().check(LoggerConfig())
