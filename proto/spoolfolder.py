"""Where a run's spools lie on a host."""

import hashlib
from pathlib import Path

from .config import LoggerConfig


def spool_folder(config: LoggerConfig) -> Path | None:
    """The folder of this run's spools; None: nothing is kept on disk.

    ``log_path/spool``, or with `delivery.spool_dir` a folder in there that is
    named after `log_path`, so that runs which share a disk stay apart.
    """
    if config.log_path is None:
        return None
    log_path = Path(config.log_path).resolve()
    if config.delivery.spool_dir is None:
        return log_path / "spool"
    digest = hashlib.sha256(str(log_path).encode("utf-8", "surrogateescape")).hexdigest()
    return Path(config.delivery.spool_dir).resolve() / f"{log_path.name}-{digest[:12]}"
