"""The worker's side of podlog: what a training script imports.

::

    from podlog.worker import Logger, LoggerConfig, Mean

    with Logger(LoggerConfig(log_path="runs/first")) as logger:
        logger.start_epoch(epoch=0, step=0)
        for step in range(1, 101):
            state, metrics = train_step(state, metrics, batch)
            metrics = logger.log_step(metrics, step)
            logger.log_host_metrics({"hit": Mean(total=hits, count=samples)}, step)
        logger.finalize("success")

Importing it does not import JAX: that happens when a name that needs it (`Logger`)
is first used. Where a launcher waits for this process, an uncaught exception ends
it at once from now on (see `podlog.cluster.early`).
"""

from typing import TYPE_CHECKING, Any

from ..cluster import early
from ..proto.config import LoggerConfig, LoggerToolsConfig
from ..proto.tool import LoggerTool
from .values import Counter, Histogram, Image, Max, Mean, Min, Sum, Table, Text

if TYPE_CHECKING:
    from .logger import Logger

__all__ = [
    "Counter",
    "Histogram",
    "Image",
    "Logger",
    "LoggerConfig",
    "LoggerTool",
    "LoggerToolsConfig",
    "Max",
    "Mean",
    "Min",
    "Sum",
    "Table",
    "Text",
]

early.arm()


def __getattr__(name: str) -> Any:
    if name == "Logger":
        from .logger import Logger

        return Logger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
