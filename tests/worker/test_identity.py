"""What process 0 says of the run."""

from pathlib import Path

from podlog.coordinator.opening import open_run
from podlog.coordinator.tools import ConsoleLoggerConfig, FileLoggerConfig
from podlog.coordinator.toolset import create_tools
from podlog.proto.config import LoggerConfig
from podlog.worker.identity import opening


def test_a_tool_has_one_name_alone_and_in_a_pod(tmp_path: Path) -> None:
    """A run that one process began and a pod goes on with finds each tool's cursor again."""
    tools = [ConsoleLoggerConfig(), FileLoggerConfig(), ConsoleLoggerConfig(max_keys=2)]
    config = LoggerConfig(log_path=tmp_path, log_tools=tools)
    in_a_pod = [spec.name for spec in opening(config, config.log_tools, postprocess=False).tools]

    run = open_run(config, job_id="job", run_id="", memory=False)
    try:
        assert list(create_tools(tools, run)) == in_a_pod
    finally:
        run.close()
    assert in_a_pod == ["ConsoleLogger", "FileLogger", "ConsoleLogger-2"]
