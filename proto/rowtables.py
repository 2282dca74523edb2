"""Numbers of single processes in a row's message: as tables where they fit one.

In most rows every process holds every key, with a float. Then one packed field
says for all keys what would else be a message a key and process.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from . import podlog_pb2 as pb
from .errors import WireError
from .rows import Row, Spread, Value

_FLOAT = {float}
_T = TypeVar("_T")


def number_table(row: Row) -> tuple[pb.NumberTable, dict[str, int]]:
    """The per-process values of a row that fit the table, and the others' keys and places."""
    order = _order(row)
    keys, values, others = [], [], {}
    for at, (key, held) in enumerate(row.per_process.items()):
        numbers = held.values()
        if key in order and tuple(held) == row.processes and set(map(type, numbers)) == _FLOAT:
            keys.append(order[key])
            values.append(numbers)
        else:
            others[key] = at
    flat = itertools.chain.from_iterable(values)
    return pb.NumberTable(keys=keys, values=flat), others  # type: ignore[arg-type]


def read_number_table(
    table: pb.NumberTable, names: Sequence[str], processes: Sequence[int]
) -> dict[str, dict[int, Value]]:
    """Values by key and process.

    Raises:
        WireError: wrong lengths, or a key that is not among `names`.
    """
    values, each = list(table.values), len(processes)
    if len(values) != len(table.keys) * each:
        raise WireError("table of per-process values: wrong lengths")
    return {
        key: dict(zip(processes, values[at : at + each], strict=True))
        for key, at in zip(_named(table.keys, names), itertools.count(0, each), strict=False)
    }


def spread_table(row: Row) -> tuple[pb.SpreadTable, dict[str, int]]:
    """The spreads of a row that fit the table, and the others' keys and places."""
    order = _order(row)
    fit = {
        key: spread
        for key, spread in row.spreads.items()
        if type(spread.min) is type(spread.max) is float
        and spread.processes == row.processes
        and key in order
    }
    table = pb.SpreadTable(
        keys=[order[key] for key in fit],
        min=[spread.min for spread in fit.values()],
        max=[spread.max for spread in fit.values()],
        min_process=[spread.min_process for spread in fit.values()],
        max_process=[spread.max_process for spread in fit.values()],
    )
    return table, {key: at for at, key in enumerate(row.spreads) if key not in fit}


def read_spread_table(
    table: pb.SpreadTable, names: Sequence[str], processes: tuple[int, ...]
) -> dict[str, Spread]:
    """Spreads by key.

    Raises:
        WireError: wrong lengths, or a key that is not among `names`.
    """
    fields = (table.min, table.max, table.min_process, table.max_process)
    if any(len(field) != len(table.keys) for field in fields):
        raise WireError("table of spreads: wrong lengths")
    spreads = (Spread(*each, processes) for each in zip(*fields, strict=True))
    return dict(zip(_named(table.keys, names), spreads, strict=True))


def _order(row: Row) -> dict[str, int]:
    """Index of each metric in the message's ``key_order``."""
    return {key: i for i, key in enumerate(row.metrics)}


def put_between(table: Mapping[str, _T], others: Iterable[tuple[int, str, _T]]) -> dict[str, _T]:
    """What was in a table and the `others`, each at its place, which ascend."""
    items = list(table.items())
    for at, key, value in others:
        items.insert(at, (key, value))
    return dict(items)


def _named(keys: Sequence[int], names: Sequence[str]) -> list[str]:
    try:
        return [names[key] for key in keys]
    except IndexError as error:
        raise WireError("a table of a row names a key that is not there") from error
