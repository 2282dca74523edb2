"""Which host records of one (mode, step) make one row.

Calls of one process never join; records of different processes join through a
key that both logged for the same time there. The result depends on the
set of records only::

    process 0:  call 0 {a}   call 1 {b}
    process 1:  call 0 {b}   call 1 {a, c}
    process 2:  call 0 {c}
    rows:       {a: 0.0, 1.1, 2.0}   {b: 0.1, 1.0}
"""

from collections.abc import Iterable

from ...proto.records import Record

Key = tuple[str, int]
"""A metric's key and occurrence."""


def keys_of(record: Record) -> frozenset[Key]:
    """What a record can join through."""
    metrics, seen = record.draft.schema.metrics, record.draft.occurrences
    if not seen:
        return frozenset((metric.key, 0) for metric in metrics)
    return frozenset((m.key, count) for m, count in zip(metrics, seen, strict=True))


def newest(records: Iterable[Record]) -> Record:
    """Of records of several lives of one process, the one that counts."""
    return max(records, key=lambda r: (r.restores, r.draft.time, r.incarnation, r.seq))


def host_rows(records: Iterable[Record]) -> list[tuple[Record, ...]]:
    """Groups host records into rows, in canonical order.

    Records are taken by (process, call); each joins the first row that shares
    a key with it and does not hold its process, else it begins a row. One call
    logged in two lives of a process counts as the later.
    """
    calls: dict[tuple[int, int], list[Record]] = {}
    for record in records:
        calls.setdefault((record.process, record.draft.n), []).append(record)

    rows: list[list[Record]] = []
    holders: list[set[int]] = []
    by_key: dict[Key, list[int]] = {}
    for process, n in sorted(calls):
        lives = calls[process, n]
        keys = keys_of(newest(lives))
        found = {i for key in keys for i in by_key.get(key, ()) if process not in holders[i]}
        at = min(found, default=len(rows))
        if at == len(rows):
            rows.append([])
            holders.append(set())
        rows[at] += sorted(lives, key=lambda r: (r.restores, r.draft.time, r.incarnation, r.seq))
        holders[at].add(process)
        for key in keys:
            by_key.setdefault(key, []).append(at)
    return [tuple(row) for row in rows]
