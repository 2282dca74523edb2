"""Logs so many host records as it is told on stdin, then says its resident memory.

Arguments: address, log_path. A line on stdin is a number of the last record to
make, and whether to wait until the coordinator has all: ``200000 wait``.
"""

import json
import sys
import time

import psutil

from podlog.proto.config import TimingConfig
from podlog.worker import Logger, LoggerConfig

FULL = 8 << 20


def main() -> None:
    address, folder = sys.argv[1:]
    config = LoggerConfig(
        log_path=folder,
        coordinator="external",
        timing=TimingConfig(heartbeat_s=0.5, lost_after_s=600, finalize_timeout_s=500),
    )
    logger = Logger(config, process_index=0, process_count=1, coordinator_address=address)
    me = psutil.Process()
    made = 0
    for line in sys.stdin:
        last, wait = line.split()
        while made < int(last):
            made += 1
            logger.log_host_metrics({"loss": 1.0 / made, "step_time": 0.25}, made)
            if made % 1000 == 0:
                while logger.stats()["spool_queue_bytes"] > FULL:
                    time.sleep(0.005)
        there = wait != "wait" or logger.flush(500.0)
        stats = logger.stats()
        said = {"rss": me.memory_info().rss, "there": there, "dropped": stats["spool_dropped"]}
        print(json.dumps(said | {"made": stats["made"]}), flush=True)
    logger.finalize("success")
    logger.close()


if __name__ == "__main__":
    main()
