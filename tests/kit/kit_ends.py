"""Scripts that end in some way, as process 1 of 2."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

START = """
    import os, sys, threading, time
    from podlog.worker import Logger, LoggerConfig
    from podlog.proto.config import FateConfig, SecurityConfig, TimingConfig
    def make(finalize_timeout_s=20.0, **options):
        config = LoggerConfig(
            log_path=sys.argv[1],
            coordinator="external",
            security=SecurityConfig(tls=False),
            timing=TimingConfig(finalize_timeout_s=finalize_timeout_s, heartbeat_s=0.2),
            fate=FateConfig(abort_on_peer_failure=options.pop("abort", False)),
        )
        return Logger(
            config, process_index=1, process_count=2, coordinator_address=sys.argv[2], **options
        )
"""


def begin(address: str, token: str, folder: Path, script: str) -> "subprocess.Popen[str]":
    """Starts `script`, behind what defines ``make()``."""
    text = textwrap.dedent(START) + textwrap.dedent(script)
    return subprocess.Popen(
        [sys.executable, "-P", "-c", text, str(folder), address],
        env=os.environ | {"PODLOG_TOKEN": token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
