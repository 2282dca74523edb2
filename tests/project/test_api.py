"""The public API is the one that the design promises, name by name."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import pytest

import podlog.cluster
import podlog.coordinator.tools
import podlog.worker
from podlog.proto import config as configs
from podlog.worker import Logger, LoggerConfig, LoggerTool, LoggerToolsConfig, metrics

WORKER = [
    "Counter", "Histogram", "Image", "Logger", "LoggerConfig", "LoggerTool",
    "LoggerToolsConfig", "Max", "Mean", "Min", "Sum", "Table", "Text",
]  # fmt: skip
TOOLS = [
    "ConsoleLogger", "ConsoleLoggerConfig", "FileLogger", "FileLoggerConfig", "MemoryLogger",
    "MemoryLoggerConfig", "TensorBoardLogger", "TensorBoardLoggerConfig",
]  # fmt: skip

CALLS: dict[Callable[..., Any], str] = {
    # the seed's
    Logger: "(config, metric_postprocess_fn=None, *, process_index=None, process_count=None, "
    "coordinator_address=None, on_peer_failure=None)",
    Logger.log_config: "(self, config)",
    Logger.on_training_start: "(self)",
    Logger.start_epoch: "(self, epoch, step, mode='train')",
    Logger.log_step: "(self, metrics, step)",
    Logger.log_host_metrics: "(self, metrics, step, mode=None)",
    Logger.end_epoch: "(self, metrics, step)",
    Logger.finalize: "(self, status='success')",
    metrics.update_metrics: "(global_metrics, step_metrics, default_log_modes=None)",
    metrics.get_metrics: "(metrics, reset_metrics=True)",
    metrics.aggregate_metrics: "(*trees)",
    LoggerTool.log_config: "(self, config)",
    LoggerTool.setup: "(self)",
    LoggerTool.log_metrics: "(self, metrics, step, epoch, mode)",
    LoggerTool.finalize: "(self, status)",
    LoggerToolsConfig.create: "(self, logger)",
    # podlog's own
    Logger.should_stop: "(self, step)",
    Logger.request_stop: "(self, reason)",
    Logger.phase: "(self, name)",
    Logger.merged: "(self, mode, step, timeout=30.0)",
    Logger.flush: "(self, timeout=60.0)",
    Logger.close: "(self)",
    Logger.stats: "(self)",
    LoggerToolsConfig.check: "(self, config)",
    LoggerTool.names: "(self, key)",
    LoggerTool.log_run_config: "(self, config)",
    LoggerTool.write: "(self, rows)",
    LoggerTool.shown: "(self, row)",
    LoggerTool.log_event: "(self, event)",
    LoggerTool.position: "(self)",
    LoggerTool.rewind_to: "(self, position)",
    podlog.cluster.initialize: "(**kwargs)",
    podlog.worker.Mean: "(total, count=1)",
    podlog.worker.Sum: "(value)",
    podlog.worker.Max: "(value)",
    podlog.worker.Min: "(value)",
    podlog.worker.Counter: "(increment)",
    podlog.worker.Histogram: "(values=None, edges=64, counts=None)",
    podlog.worker.Text: "(text)",
    podlog.worker.Image: "(pixels)",
    podlog.worker.Table: "(columns, rows)",
}
LOGGER_ATTRIBUTES = {
    # the seed's
    "config", "log_path", "log_tools", "epoch", "found_nans", "mode", "mode_stack",
    # podlog's own
    "on_peer_failure", "run_id", "verdict",
}  # fmt: skip
TOOL_ATTRIBUTES = {"revise": "ignore", "rewind": "purge", "media": False, "per_process": False}

FIELDS: dict[type, dict[str, Any]] = {
    LoggerConfig: {
        "log_every_n_steps": 1,
        "log_path": None,
        "log_tools": [],
        "cmd_logging_name": "output",
        "run_id": "",
        "nan": "warn",
        "inf": "warn",
        "coordinator": "child",
        "delivery": configs.DeliveryConfig(),
        "timing": configs.TimingConfig(),
        "merge": configs.MergeConfig(),
        "fate": configs.FateConfig(),
        "security": configs.SecurityConfig(),
    },
    configs.DeliveryConfig: {
        "spool_dir": None,
        "journal_dir": None,
        "spool_cap_mb": 1024,
        "pending_steps": 64,
        "max_payload_mb": 64,
        "fsync": False,
    },
    configs.TimingConfig: {
        "row_timeout_s": 30.0,
        "lost_after_s": 30.0,
        "stall_after_s": 15.0,
        "stop_timeout_s": 10.0,
        "finalize_timeout_s": 60.0,
        "tools_timeout_s": 60.0,
        "takeover_s": 15.0,
        "heartbeat_s": 5.0,
    },
    configs.MergeConfig: {"reduce": {}, "per_process": "recent"},
    configs.FateConfig: {"abort_on_peer_failure": False, "sigterm": False},
    configs.SecurityConfig: {
        "tls": True,
        "bind": "",
        "token_file": None,
        "cert_file": None,
        "key_file": None,
    },
    LoggerToolsConfig: {},
    podlog.coordinator.tools.FileLoggerConfig: {
        "log_step_key": "log_step",
        "log_epoch_key": "log_epoch",
        "config_format": "json",
        "log_dir": "file_logs",
    },
    podlog.coordinator.tools.TensorBoardLoggerConfig: {
        "tb_flush_secs": 120,
        "tb_max_queue": 10,
        "tb_new_style": False,
        "log_dir": "tensorboard",
    },
    podlog.coordinator.tools.ConsoleLoggerConfig: {"modes": [], "max_keys": 8},
    podlog.coordinator.tools.MemoryLoggerConfig: {},
}


def _signature(call: Callable[..., Any]) -> str:
    """Names, kinds and defaults, without types."""
    found = inspect.signature(call)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    return str(inspect.Signature(bare))


def _public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def _of(kind: type) -> set[str]:
    """The methods of `kind` that are in `CALLS`."""
    names = (call.__qualname__.split(".") for call in CALLS)
    return {name[1] for name in names if name[0] == kind.__name__ and len(name) == 2}


def test_the_packages_export_just_these_names() -> None:
    """A name more is a promise more; a name less breaks someone's import."""
    assert podlog.worker.__all__ == WORKER
    assert podlog.coordinator.tools.__all__ == TOOLS
    assert "initialize" in podlog.cluster.__all__
    functions = vars(metrics).items()
    own = {n for n, f in functions if inspect.isfunction(f) and f.__module__ == metrics.__name__}
    public = {name for name in own if not name.startswith("_")}
    assert public == {"update_metrics", "get_metrics", "aggregate_metrics"}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__qualname__)
def test_a_call_takes_these_arguments(call: Callable[..., Any]) -> None:
    """Names, order, what is keyword-only, and defaults."""
    assert _signature(call) == CALLS[call]


def test_the_logger_has_no_other_public_names() -> None:
    """Methods are those of `CALLS`; the rest is what a trainer may read."""
    logger = Logger(LoggerConfig())
    try:
        names = _public(Logger) | {name for name in vars(logger) if not name.startswith("_")}
        assert names == _of(Logger) | LOGGER_ATTRIBUTES
        assert (logger.log_path, logger.log_tools, logger.epoch) == (None, [], 0)
        assert (logger.mode, logger.mode_stack) == ("default", [])
        assert (logger.found_nans, logger.verdict) == (False, None)
    finally:
        logger.close()


def test_a_tool_has_no_other_public_names() -> None:
    """Only `log_metrics` must be overridden; what a tool declares has a default."""
    assert _public(LoggerTool) == _of(LoggerTool) | set(TOOL_ATTRIBUTES)
    assert {name: getattr(LoggerTool, name) for name in TOOL_ATTRIBUTES} == TOOL_ATTRIBUTES
    assert LoggerTool.__abstractmethods__ == {"log_metrics"}
    inherited = {"to_dict", "from_dict", "get"}
    assert _public(LoggerToolsConfig) == _of(LoggerToolsConfig) | inherited


@pytest.mark.parametrize("kind", FIELDS, ids=lambda kind: kind.__name__)
def test_a_config_has_these_fields_and_defaults(kind: type) -> None:
    """Keyword-only and not frozen, so that a project's subclass may add fields of its own."""
    made, fields = kind(), dataclasses.fields(kind)
    assert {field.name: getattr(made, field.name) for field in fields} == FIELDS[kind]
    assert all(field.kw_only for field in fields)
    assert not kind.__dataclass_params__.frozen
