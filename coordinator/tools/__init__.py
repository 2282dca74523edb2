"""Back ends that merged rows are written to, and their configs.

::

    from podlog.coordinator.tools import FileLoggerConfig, TensorBoardLoggerConfig
    from podlog.worker import Logger, LoggerConfig

    tools = [FileLoggerConfig(), TensorBoardLoggerConfig()]
    logger = Logger(LoggerConfig(log_path="runs/one", log_tools=tools))

Importing this loads no back end's library; making its tool does.
"""

from .console import ConsoleLogger, ConsoleLoggerConfig
from .files import FileLogger, FileLoggerConfig
from .memory import MemoryLogger, MemoryLoggerConfig
from .tensorboard import TensorBoardLogger, TensorBoardLoggerConfig

__all__ = [
    "ConsoleLogger",
    "ConsoleLoggerConfig",
    "FileLogger",
    "FileLoggerConfig",
    "MemoryLogger",
    "MemoryLoggerConfig",
    "TensorBoardLogger",
    "TensorBoardLoggerConfig",
]
