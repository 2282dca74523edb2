"""Rows, their values and the items of a feed to messages and back.

Maps of the wire have no order, so a row's `key_order` lists the keys of
`metrics` and behind them those of `shown`, each in order.

All functions are pure and thread-safe. Those that read raise `WireError` on
anything the .proto does not allow.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np

from . import podlog_pb2 as pb
from .codec import event_message, pack_array, read_event, safe_text, unpack_array
from .errors import WireError
from .records import Kind, Op, RunConfig
from .rows import (
    ConfigItem,
    EventItem,
    FeedItem,
    Histogram,
    Media,
    NonFinite,
    PerProcess,
    Row,
    RowKey,
    Spread,
    Value,
)
from .rowtables import number_table, put_between, read_number_table, read_spread_table, spread_table

_INT64 = range(-(2**63), 2**63)
_T = TypeVar("_T")

# ----------------------------------------------------------------- values


def encode_value(value: Value) -> pb.Value:
    """The message of a merged value.

    Raises:
        TypeError: not a `Value`.
        ValueError: an array of objects.
    """
    match value:
        case float():
            return pb.Value(f=value)
        case None:
            return pb.Value(none=True)
        case bool():
            return pb.Value(b=value)
        case int():
            return pb.Value(i=value) if value in _INT64 else pb.Value(big_int=str(value))
        case str():
            return pb.Value(text=safe_text(value))
        case np.ndarray():
            return pb.Value(array=pack_array(value))
        case Histogram(edges, counts):
            return pb.Value(
                histogram=pb.HistogramValue(edges=pack_array(edges), counts=pack_array(counts))
            )
        case Media(op, payload):
            return pb.Value(media=pb.Media(op=op.name, payload=payload))
        case PerProcess(values):
            return pb.Value(per_process=_per_process_message("", values))
        case tuple():
            return pb.Value(list=pb.ValueList(values=map(encode_value, value)))
        case np.generic():
            return encode_value(value.item())
    raise TypeError(f"{type(value).__name__} is not a value of a row")


def read_value(message: pb.Value) -> Value:
    """The value in a message.

    Raises:
        WireError: an empty value, or an array, integer or op that is none.
    """
    match message.WhichOneof("value"):
        case "f" | "i" | "b" | "text" as name:
            scalar: float | int | bool | str = getattr(message, name)
            return scalar
        case "big_int":
            return _number(message.big_int)
        case "array":
            return unpack_array(message.array)
        case "histogram":
            histogram = message.histogram
            return Histogram(unpack_array(histogram.edges), unpack_array(histogram.counts))
        case "media":
            return Media(_member(Op, message.media.op), message.media.payload)
        case "per_process":
            return PerProcess(_read_per_process(message.per_process))
        case "list":
            return tuple(map(read_value, message.list.values))
        case "none":
            return None
    raise WireError("a value of a row is empty")


def encode_metrics(metrics: Mapping[str, Value]) -> dict[str, pb.Value]:
    """Messages by key, for a map field; raises as `encode_value`."""
    return {safe_text(key): encode_value(value) for key, value in metrics.items()}


def read_metrics(messages: Mapping[str, pb.Value], order: Iterable[str] = ()) -> dict[str, Value]:
    """Values by key: those in `order` first, the others sorted behind them.

    Raises:
        WireError: as `read_value`.
    """
    keys = dict.fromkeys([*order, *sorted(messages)])
    return {key: read_value(messages[key]) for key in keys if key in messages}


def _per_process_message(key: str, values: Mapping[int, Value], at: int = 0) -> pb.PerProcess:
    each = map(encode_value, values.values())
    return pb.PerProcess(key=safe_text(key), processes=values, values=each, at=at)


def _read_per_process(message: pb.PerProcess) -> dict[int, Value]:
    if len(message.processes) != len(message.values):
        raise WireError(f"per-process values of {message.key!r}: wrong lengths")
    return dict(zip(message.processes, map(read_value, message.values), strict=True))


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise WireError(f"big_int {text[:40]!r} is no integer") from error


def _member(kind: type[_T], number: int) -> _T:
    try:
        return kind(number)  # type: ignore[call-arg]  # an enum is called with a value
    except ValueError as error:
        raise WireError(str(error)) from error


# ------------------------------------------------------------------- rows


def encode_row(row: Row) -> pb.Row:
    """The message of a row; raises as `encode_value`."""
    message = encode_main(row)
    message.MergeFrom(encode_details(row))
    return message


def encode_details(row: Row) -> pb.Row:
    """What single processes hold, to be merged into the rest; raises as `encode_value`."""
    if not row.per_process:
        return pb.Row()
    table, others = number_table(row)
    return pb.Row(
        number_table=table if table.keys else None,
        per_process=[
            _per_process_message(key, row.per_process[key], at) for key, at in others.items()
        ],
    )


def encode_main(row: Row) -> pb.Row:
    """The message of a row without its details; raises as `encode_value`."""
    shown = row.shown or {}
    key = row.key
    table, others = spread_table(row)
    return pb.Row(
        id=row.id,
        attempt=key.attempt,
        mode=key.mode,
        step=key.step,
        kind=key.kind.name,
        n=key.n,
        revision=row.revision,
        epoch=row.epoch,
        time=row.time,
        metrics=encode_metrics(row.metrics),
        shown=encode_metrics(shown),
        has_shown=row.shown is not None,
        processes=row.processes,
        missing=row.missing,
        absent=row.absent,
        spreads=[_spread_message(key, row.spreads[key], at) for key, at in others.items()],
        spread_table=table if table.keys else None,
        non_finite=map(_non_finite_message, row.non_finite),
        flags=row.flags,
        key_order=map(safe_text, [*row.metrics, *shown]),
    )


def read_row(message: pb.Row) -> Row:
    """The row in a message.

    Raises:
        WireError: an unknown kind, or as `read_value`.
    """
    n_metrics = len(message.metrics)
    names, processes = list(message.key_order), tuple(message.processes)
    shown = read_metrics(message.shown, names[n_metrics:])
    kind = _member(Kind, message.kind)
    per_process = put_between(
        read_number_table(message.number_table, names, processes),
        ((m.at, m.key, _read_per_process(m)) for m in message.per_process),
    )
    spreads = put_between(
        read_spread_table(message.spread_table, names, processes),
        ((m.at, m.key, _read_spread(m)) for m in message.spreads),
    )
    return Row(
        key=RowKey(message.attempt, message.mode, message.step, kind, message.n),
        revision=message.revision,
        epoch=message.epoch,
        time=message.time,
        metrics=read_metrics(message.metrics, names[:n_metrics]),
        shown=shown if message.has_shown else None,
        processes=processes,
        missing=tuple(message.missing),
        absent=tuple(message.absent),
        spreads=spreads,
        non_finite=tuple(
            NonFinite(m.process, m.host, m.key, m.step, m.nan) for m in message.non_finite
        ),
        flags=tuple(message.flags),
        per_process=per_process,
        id=message.id,
    )


def _spread_message(key: str, spread: Spread, at: int) -> pb.Spread:
    return pb.Spread(
        key=safe_text(key),
        min=encode_value(spread.min),
        max=encode_value(spread.max),
        min_process=spread.min_process,
        max_process=spread.max_process,
        processes=spread.processes,
        at=at,
    )


def _read_spread(message: pb.Spread) -> Spread:
    low, high = read_value(message.min), read_value(message.max)
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        raise WireError(f"spread of {message.key!r} is not of numbers")
    return Spread(low, high, message.min_process, message.max_process, tuple(message.processes))


def _non_finite_message(found: NonFinite) -> pb.NonFinite:
    return pb.NonFinite(
        process=found.process, host=found.host, key=found.key, step=found.step, nan=found.nan
    )


# ------------------------------------------------------------- feed items


def encode_item(item: FeedItem) -> pb.FeedItem:
    """The message of what a feed hands to a tool; raises as `encode_value`."""
    match item:
        case Row():
            return pb.FeedItem(row=encode_row(item))
        case EventItem(id, attempt, process, step, time, event):
            return pb.FeedItem(
                event=pb.EventItem(
                    id=id,
                    attempt=attempt,
                    process=process,
                    step=step,
                    time=time,
                    event=event_message(event),
                )
            )
        case ConfigItem(id, config):
            message = pb.Config(json=config.json, pickled=config.pickled)
            return pb.FeedItem(config=pb.ConfigItem(id=id, config=message))


def read_item(message: pb.FeedItem) -> FeedItem:
    """What a feed hands to a tool, from a message.

    Raises:
        WireError: an empty item, or as `read_row`.
    """
    match message.WhichOneof("item"):
        case "row":
            return read_row(message.row)
        case "event":
            m = message.event
            return EventItem(m.id, m.attempt, m.process, m.step, m.time, read_event(m.event))
        case "config":
            config = message.config.config
            return ConfigItem(message.config.id, RunConfig(config.json, config.pickled))
    raise WireError("an item of a feed is empty")
