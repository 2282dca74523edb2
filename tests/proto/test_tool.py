"""The tool interface: what a tool is shown, and under which name it is kept."""

import dataclasses

from podlog.proto.config import LoggerToolsConfig
from podlog.proto.tool import tool_names


@dataclasses.dataclass(kw_only=True)
class PrinterConfig(LoggerToolsConfig):
    """A tool's config as most are named."""


@dataclasses.dataclass(kw_only=True)
class Config(LoggerToolsConfig):
    """One whose name is nothing but the ending."""


def test_a_tool_is_kept_under_its_configs_name() -> None:
    """Cursors are found again by it; equal ones are told apart by their order."""
    configs = [PrinterConfig(), Config(), PrinterConfig(), PrinterConfig(), Config()]
    names = ["Printer", "Config", "Printer-2", "Printer-3", "Config-2"]
    assert tool_names(configs) == names
    assert tool_names(configs[:1]) == ["Printer"]
    assert tool_names([]) == []
