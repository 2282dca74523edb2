"""What TensorBoard itself reads of an event file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

READ = """
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
size = {"scalars": 0, "histograms": 0, "tensors": 0}
read = EventAccumulator(sys.argv[1], size_guidance=size).Reload()
found = {
    "scalars": {t: [(e.step, str(e.value), e.wall_time) for e in read.Scalars(t)]
                for t in read.Tags()["scalars"]},
    "histograms": {t: [list(e.histogram_value.bucket_limit) + list(e.histogram_value.bucket)
                       for e in read.Histograms(t)] for t in read.Tags()["histograms"]},
    "tensors": {t: [(e.step, [v.decode() for v in e.tensor_proto.string_val]
                     or list(e.tensor_proto.float_val)) for e in read.Tensors(t)]
                for t in read.Tags()["tensors"]},
    "hparams": {},
}
try:
    tags = read.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = HParamsPluginData.FromString(tags).session_start_info
    found["hparams"] = {k: str(v).strip() for k, v in start.hparams.items()}
    end = read.SummaryMetadata("_hparams_/session_end_info").plugin_data.content
    found["end"] = HParamsPluginData.FromString(end).session_end_info.status
except KeyError:
    pass
print(json.dumps(found))
"""


def read(folder: Path) -> dict[str, Any]:
    """What TensorBoard reads, in a process of its own: its messages clash with tensorboardX's."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ, str(folder)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def scalars(found: dict[str, Any], tag: str) -> list[tuple[int, float]]:
    """Steps and values of a scalar tag."""
    return [(step, float(value)) for step, value, _ in found["scalars"][tag]]
