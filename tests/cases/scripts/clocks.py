"""One worker of a pod without JAX's collectives, whose wall clock is wrong.

Arguments: process index, process count, the coordinator's address, by how many
seconds the clock is off, whether it jumps by as much again at step 30, folder.
Beside the folder it leaves the right times around the calls that begin and end
its epoch.
"""

import json
import sys
import time
from pathlib import Path

from podlog.proto.config import TimingConfig
from podlog.worker import Logger, LoggerConfig

index, count, address = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
off, jumps, folder = float(sys.argv[4]), sys.argv[5] == "jumps", Path(sys.argv[6])
right = time.time
shift = [off]
time.time = lambda: right() + shift[0]

config = LoggerConfig(log_path=folder, timing=TimingConfig(heartbeat_s=0.5))
with Logger(
    config, process_index=index, process_count=count, coordinator_address=address
) as logger:
    logger.on_training_start()
    times = [right()]
    logger.start_epoch(1, 0)
    times.append(right())
    for step in range(1, 10_000):
        logger.log_host_metrics({f"a{index}": step}, step)
        time.sleep(0.02)
        if step == 30 and jumps:
            shift[0] += off or 100.0
        if step == 100 and index == 1:
            logger.request_stop("long enough")
        if logger.should_stop(step):
            break
    times.append(right())
    logger.end_epoch({}, step)
    times.append(right())
    folder.with_name(f"times{index}.json").write_text(json.dumps(times))
    logger.finalize("success")
