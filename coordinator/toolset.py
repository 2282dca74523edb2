"""From tool configs to runners: in this process, or in one of their own."""

import logging
from collections.abc import Sequence

import cloudpickle

from ..proto import podlog_pb2 as pb
from ..proto.config import LoggerToolsConfig
from ..proto.records import Event
from ..proto.tool import LoggerTool, ToolContext, create_tool, tool_names
from .feedpipe import ProcessRunner
from .opening import OpenRun
from .runners import Runner, ThreadRunner

_log = logging.getLogger(__name__)


def create_tools(configs: Sequence[LoggerToolsConfig], run: OpenRun) -> dict[str, LoggerTool]:
    """Makes tools here, by unique name, in order.

    Raises:
        Exception: whatever a ``create`` raises.
    """
    tools: dict[str, LoggerTool] = {}
    for name, config in zip(tool_names(configs), configs, strict=True):
        context = ToolContext(
            config=run.config,
            log_path=run.log_path,
            run_id=run.run_id,
            log_tools=tuple(tools.values()),
        )
        tools[name] = create_tool(config, context)
    return tools


def make_runners(asked: pb.Open, run: OpenRun) -> tuple[dict[str, Runner], list[Event]]:
    """Makes the tools that process 0 asks for.

    Returns:
        Tools by name, and an event for each that cannot be made: the others go
        on without it.
    """
    runners: dict[str, Runner] = {}
    problems = []
    for spec in asked.tools:
        try:
            runners[spec.name] = _runner(spec, asked, run)
        except Exception as error:
            _log.exception("tool %s cannot be made", spec.name)
            text = f"tool {spec.name} cannot be made: {type(error).__name__}: {error}"
            problems.append(Event("tool_failed", text, fields={"tool": spec.name}))
    return runners, problems


def _runner(spec: pb.ToolSpec, asked: pb.Open, run: OpenRun) -> Runner:
    """The runner of one tool; only podlog's own are unpickled in this process."""
    if spec.builtin:
        context = ToolContext(config=run.config, log_path=run.log_path, run_id=run.run_id)
        return ThreadRunner(create_tool(cloudpickle.loads(spec.pickled), context))
    setup = pb.FeedOpen(
        tool=spec,
        sys_path=asked.sys_path,
        run_id=run.run_id,
        log_path="" if run.log_path is None else str(run.log_path),
        config_json=asked.config_json,
    )
    return ProcessRunner(setup, timeout_s=run.config.timing.tools_timeout_s)
