"""Tools written by users: one in the script itself, one in a module beside it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

BESIDE = """
import dataclasses, json, os, pathlib
from podlog.worker import LoggerTool, LoggerToolsConfig

class Beside(LoggerTool):
    def __init__(self, path): self.path = path
    def log_metrics(self, metrics, step, epoch, mode):
        with self.path.open("a") as file:
            file.write(json.dumps([os.getpid(), mode, step, metrics["a"]]) + "\\\\n")
        print("a tool may print")

@dataclasses.dataclass(kw_only=True)
class BesideConfig(LoggerToolsConfig):
    def create(self, logger): return Beside(pathlib.Path(logger.log_path) / "beside.jsonl")
"""

SCRIPT = f'''
import dataclasses, pathlib
beside = pathlib.Path(__file__).with_name("beside.py")
if not beside.exists():
    beside.with_suffix(f".{{__import__('os').getpid()}}").write_text("""{BESIDE}""")
    beside.with_suffix(f".{{__import__('os').getpid()}}").rename(beside)
import jax
from podlog.coordinator.tools import FileLoggerConfig
from podlog.worker import Logger, LoggerConfig, LoggerTool, LoggerToolsConfig
from beside import BesideConfig

jax.distributed.initialize()

class Here(LoggerTool):
    def __init__(self, path): self.path = path
    def log_metrics(self, metrics, step, epoch, mode):
        with self.path.open("a") as file:
            file.write(f"{{step}} {{metrics['a']}}\\n")
    def finalize(self, status):
        with self.path.open("a") as file:
            file.write(f"{{status}}\\n")

@dataclasses.dataclass(kw_only=True)
class HereConfig(LoggerToolsConfig):
    name: str = "here.txt"
    def create(self, logger): return Here(pathlib.Path(logger.log_path) / self.name)

config = LoggerConfig(log_tools=[HereConfig(), BesideConfig(), FileLoggerConfig()])
with Logger(config) as logger:
    assert logger.log_tools == []
    for step in range(3):
        logger.log_host_metrics({{"a": step + jax.process_index()}}, step, mode="train")
    assert logger.finalize("success").final
'''


@pytest.mark.processes
@pytest.mark.timeout(120)
def test_tools_of_main_and_of_a_module_beside_the_script(run_job: Callable[..., Any]) -> None:
    """Both run in processes of their own, get every merged row in order, and hear the end once."""
    job = run_job(SCRIPT, 2, timeout=90)
    job.wait_gone()

    assert (job.run / "here.txt").read_text().split("\n")[:-1] == [
        "0 0.5", "1 1.5", "2 2.5", "success",
    ]  # fmt: skip
    lines = [json.loads(line) for line in (job.run / "beside.jsonl").read_text().splitlines()]
    assert [line[1:] for line in lines] == [["train", step, step + 0.5] for step in range(3)]
    assert len(job.rows("train")) == 3
