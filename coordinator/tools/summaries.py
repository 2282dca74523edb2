"""Events in TensorBoard's messages, which tensorboardX brings along.

Imported when the first `TensorBoardLogger` is made.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from tensorboardX import summary
from tensorboardX.proto import api_pb2, event_pb2, plugin_hparams_pb2, summary_pb2, tensor_pb2

from ...proto.records import Op
from ...proto.rows import Histogram, Media, PerProcess

_Value = summary_pb2.Summary.Value


def version(when: float) -> bytes:
    """The event that begins a file."""
    return _bytes(event_pb2.Event(wall_time=when, file_version="brain.Event:2"))


def row(values: Iterable[tuple[str, Any]], step: int, when: float, *, new_style: bool) -> bytes:
    """One event of all the values that TensorBoard can show, by tag."""
    shown = [item for tag, value in values for item in _values(tag, value, new_style)]
    content = summary_pb2.Summary(value=shown)
    return _bytes(event_pb2.Event(wall_time=when, step=step, summary=content))


def hparams(values: Mapping[str, Any], when: float) -> bytes:
    """The event that holds the hyperparameters and starts their session."""
    experiment, start, _ = summary.hparams(dict(values), {})
    content = summary_pb2.Summary(value=[*experiment.value, *start.value])
    return _bytes(event_pb2.Event(wall_time=when, summary=content))


def session_end(success: bool, when: float) -> bytes:
    """The event that ends the session of the hyperparameters."""
    status = api_pb2.STATUS_SUCCESS if success else api_pb2.STATUS_FAILURE
    end = plugin_hparams_pb2.SessionEndInfo(status=status, end_time_secs=when)
    data = plugin_hparams_pb2.HParamsPluginData(session_end_info=end)
    value = _Value(
        tag="_hparams_/session_end_info", metadata=_plugin("hparams", data.SerializeToString())
    )
    content = summary_pb2.Summary(value=[value])
    return _bytes(event_pb2.Event(wall_time=when, summary=content))


def _values(tag: str, value: Any, new_style: bool) -> Iterator[Any]:
    if isinstance(value, PerProcess):
        for process, own in value.values.items():
            yield from _values(f"{tag} [R{process}]", own, new_style)
    elif isinstance(value, bool | int | float):
        yield _scalar(tag, _float(value), new_style)
    elif isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "biuf":
        yield _scalar(tag, float(value.item()), new_style)
    elif isinstance(value, str):
        yield _text(tag, value)
    elif isinstance(value, Media) and value.op is Op.TEXT:
        yield _text(tag, value.payload.decode(errors="replace"))
    elif isinstance(value, Histogram):
        yield _Value(tag=tag, histo=_histogram(value))


def _scalar(tag: str, value: float, new_style: bool) -> Any:
    if not new_style:
        return _Value(tag=tag, simple_value=value)
    tensor = tensor_pb2.TensorProto(dtype="DT_FLOAT", float_val=[value])
    return _Value(tag=tag, tensor=tensor, metadata=_plugin("scalars", b""))


def _text(tag: str, text: str) -> Any:
    tensor = tensor_pb2.TensorProto(dtype="DT_STRING", string_val=[text.encode()])
    tensor.tensor_shape.dim.add(size=1)
    return _Value(tag=tag, tensor=tensor, metadata=_plugin("text", b""))


def _histogram(value: Histogram) -> Any:
    edges = np.asarray(value.edges, np.float64)
    counts = np.asarray(value.counts, np.float64)
    middles = (edges[:-1] + edges[1:]) / 2
    # The first bucket would reach down to minus infinity: an empty one ends it.
    return summary_pb2.HistogramProto(
        min=edges[0],
        max=edges[-1],
        num=counts.sum(),
        sum=float(middles @ counts),
        sum_squares=float(middles**2 @ counts),
        bucket_limit=edges.tolist(),
        bucket=[0.0, *counts.tolist()],
    )


def _plugin(name: str, content: bytes) -> Any:
    data = summary_pb2.SummaryMetadata.PluginData(plugin_name=name, content=content)
    return summary_pb2.SummaryMetadata(plugin_data=data)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond float64
        return math.inf if value > 0 else -math.inf


def _bytes(event: Any) -> bytes:
    data: bytes = event.SerializeToString(deterministic=True)
    return data
