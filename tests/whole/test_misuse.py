"""Wrong use: one clear message with the remedy, no hang, nothing raised into the step."""

import dataclasses
import logging
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podlog.coordinator.tools import FileLoggerConfig, MemoryLogger, MemoryLoggerConfig
from podlog.proto.config import TimingConfig
from podlog.proto.errors import ConfigError, ForkedError, JournalError
from podlog.worker import Logger, LoggerConfig, LoggerTool, LoggerToolsConfig


class Faulty(LoggerTool):
    """Raises in one of its calls."""

    def __init__(self, where: str) -> None:
        self.where = where

    def _at(self, where: str) -> None:
        if where == self.where:
            raise SystemExit("gone") if where == "log_metrics" else RuntimeError(f"{where} broke")

    def setup(self) -> None:
        self._at("setup")

    def log_config(self, config: Any) -> None:
        self._at("log_config")

    def log_metrics(self, metrics: Any, step: int, epoch: int, mode: str) -> None:
        metrics.clear()
        self._at("log_metrics")

    def finalize(self, status: str) -> None:
        self._at("finalize")


@dataclasses.dataclass(kw_only=True)
class FaultyConfig(LoggerToolsConfig):
    where: str = ""

    def create(self, logger: Any) -> Any:
        if self.where == "create":
            raise RuntimeError("create broke")
        return None if self.where == "none" else Faulty(self.where)


def memory(logger: Logger) -> MemoryLogger:
    tool = logger.log_tools[-1]
    assert isinstance(tool, MemoryLogger)
    return tool


def test_end_epoch_without_start_says_so(tmp_path: Path) -> None:
    """Nothing is logged, the metrics come back."""
    with Logger(LoggerConfig(log_path=tmp_path, log_tools=[MemoryLoggerConfig()])) as logger:
        metrics = {"a": 1.0}
        assert logger.end_epoch(metrics, 3) == (metrics, {})
        logger.finalize()
        assert memory(logger).rows == []
    assert "call start_epoch before it" in (tmp_path / "output.log").read_text()


def test_a_second_finalize_has_the_same_verdict_at_once(tmp_path: Path) -> None:
    """Nothing was logged in between, so the chapter keeps its verdict; a row opens the next."""
    with Logger(LoggerConfig(log_path=tmp_path)) as logger:
        logger.log_host_metrics({"a": 1.0}, 1)
        first = logger.finalize("success")
        logging.getLogger("app").info("a line is no row")
        start = time.monotonic()
        assert logger.finalize("nan") == first
        assert time.monotonic() - start < 10
        logger.log_host_metrics({"a": 1.0}, 2)
        assert logger.finalize("nan").status == "nan"


def test_a_second_finalize_in_a_pod(make_pod: Callable[..., Any]) -> None:
    """Every process hears the chapter's verdict again, at once."""
    pod = make_pod(2)
    pod.each(lambda logger: logger.log_host_metrics({"a": 1.0}, 1))
    assert [v.final for v in pod.each(lambda logger: logger.finalize())] == [True, True]
    start = time.monotonic()
    assert pod[1].finalize("nan").status == "success"
    assert time.monotonic() - start < 10


def test_after_close_calls_do_nothing_and_say_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """None raises, none waits; what was logged before is kept."""
    logger = Logger(LoggerConfig(log_path=tmp_path, log_tools=[MemoryLoggerConfig()]))
    logger.log_host_metrics({"a": 1.0}, 1)
    logger.close()
    logger.close()
    start = time.monotonic()
    logger.on_training_start()
    logger.start_epoch(1, 1, "val")
    logger.log_host_metrics({"a": 1.0}, 2)
    logger.log_step({"a": 1.0}, 2)
    assert logger.end_epoch({"a": 1.0}, 2)[1].keys() == {"epoch_time"}
    logger.log_config({})
    assert not logger.found_nans
    assert not logger.should_stop(3)
    logger.request_stop("x")
    assert logger.merged("train", 1) is None
    assert logger.finalize("success").status == "unfinished"
    assert logger.stats()["made"] == 1
    assert time.monotonic() - start < 10
    assert [row.key.step for row in memory(logger).rows] == [1]
    said = [r for r in caplog.records if "after close" in r.message]
    assert len(said) == 1
    assert "make a new Logger" in said[0].message


def test_two_loggers_log_side_by_side(tmp_path: Path) -> None:
    """Each has its own run."""
    tools = [MemoryLoggerConfig()]
    with (
        Logger(LoggerConfig(log_path=tmp_path / "a", log_tools=tools)) as a,
        Logger(LoggerConfig(log_path=tmp_path / "b", log_tools=tools)) as b,
    ):
        for step in range(10):
            a.log_host_metrics({"a": step}, step)
            b.log_host_metrics({"b": step}, step)
        assert a.finalize().final
        assert b.finalize().final
        assert [set(row.metrics) for row in memory(a).rows] == [{"a"}] * 10
        assert [set(row.metrics) for row in memory(b).rows] == [{"b"}] * 10


def test_two_runs_in_one_folder_are_refused_by_name(tmp_path: Path) -> None:
    """While the first lives, and for ever if the second has another run_id."""
    with (
        Logger(LoggerConfig(log_path=tmp_path, run_id="one")),
        pytest.raises(JournalError, match="choose another log_path"),
    ):
        Logger(LoggerConfig(log_path=tmp_path, timing=TimingConfig(takeover_s=1.0)))
    with pytest.raises(JournalError, match="'one', not of 'two'"):
        Logger(LoggerConfig(log_path=tmp_path, run_id="two"))
    Logger(LoggerConfig(log_path=tmp_path)).close()


@pytest.mark.parametrize(
    "setting",
    [
        {"log_every_n_steps": 0},
        {"log_every_n_steps": 2.5},
        {"log_every_n_steps": "3"},
        {"log_every_n_steps": None},
        {"run_id": 5},
        {"run_id": "a\ud800"},
        {"run_id": "two\nlines"},
        {"log_tools": None},
        {"log_tools": FileLoggerConfig()},
        {"log_tools": [5]},
        {"cmd_logging_name": "a/b"},
    ],
)
def test_a_setting_that_cannot_be_used_is_named(setting: dict[str, Any]) -> None:
    """By a ConfigError, before anything is started."""
    (name,) = setting
    with pytest.raises(ConfigError, match=name):
        LoggerConfig(**setting).validate()


def test_a_log_path_that_is_no_folder_is_named(tmp_path: Path) -> None:
    """A file, a folder below one, a place where nothing can be made."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "run", Path("/proc/run")):
        with pytest.raises(ConfigError, match=str(path)):
            Logger(LoggerConfig(log_path=path))


@pytest.mark.parametrize(("where", "error"), [("create", RuntimeError), ("none", ConfigError)])
def test_a_tool_that_cannot_be_made_raises_at_once(
    tmp_path: Path, where: str, error: type[Exception]
) -> None:
    """In a single process; what `create` returns must be a tool. Nothing is left behind."""
    with pytest.raises(error, match=where.replace("none", "return a LoggerTool")):
        Logger(LoggerConfig(log_path=tmp_path, log_tools=[FaultyConfig(where=where)]))
    Logger(LoggerConfig(log_path=tmp_path)).close()


@pytest.mark.parametrize("where", ["setup", "log_config", "log_metrics", "finalize"])
def test_a_tool_that_raises_disturbs_no_other(tmp_path: Path, where: str) -> None:
    """SystemExit too; another tool has all rows, unchanged, and an event names what broke."""
    tools = [FaultyConfig(where=where), MemoryLoggerConfig()]
    with Logger(LoggerConfig(log_path=tmp_path, log_tools=tools)) as logger:
        logger.log_config({"a": 1})
        logger.on_training_start()
        for step in range(3):
            logger.log_host_metrics({"a": 1.0}, step)
        assert logger.finalize().status == "success"
        assert [row.metrics for row in memory(logger).rows] == [{"a": 1.0}] * 3
    text = (tmp_path / "output.log").read_text()
    assert ("SystemExit" if where == "log_metrics" else f"{where} broke") in text


def test_a_forked_child_hears_what_to_do_and_ends(tmp_path: Path) -> None:
    """20 forks while rows stream: each call in a child raises, none hangs, nothing comes twice."""
    config = LoggerConfig(
        log_path=tmp_path,
        log_tools=[MemoryLoggerConfig()],
        timing=TimingConfig(finalize_timeout_s=20),
    )
    with Logger(config) as logger:
        for step in range(200):
            logger.log_host_metrics({"a": step}, step)
            if step % 10 == 0:
                assert _in_child(lambda step=step: _child(logger, step)) == 0
        assert logger.finalize().final
        assert [row.metrics["a"] for row in memory(logger).rows] == list(range(200))


def _child(logger: Logger, step: int) -> int:
    logging.getLogger("app").warning("from a child")
    calls: list[Callable[[], Any]] = [
        lambda: logger.log_host_metrics({"a": 1.0}, step),
        lambda: logger.log_step({"a": 1.0}, step),
        lambda: logger.flush(5),
        lambda: logger.merged("default", step, 5),
        logger.finalize,
        logger.close,
    ]
    for call in calls:
        try:
            call()
        except ForkedError:
            continue
        return 1
    return 0


def _in_child(call: Callable[[], int]) -> int:
    """The exit code of `call` in a forked child; 99 if it hangs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pid = os.fork()
    if pid == 0:
        code = 98
        try:
            code = call()
        finally:
            os._exit(code)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return 99
