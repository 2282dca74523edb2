"""Merging records made by hand."""

from kit_records import record

from podlog.coordinator.core.merge import Merged, merge
from podlog.proto.records import Record
from podlog.proto.rows import Value

HOSTS = {p: f"host{p}" for p in range(8)}


def merged(*records: Record, reduce: dict[str, str] | None = None, keep: bool = False) -> Merged:
    return merge(records, hosts=HOSTS, reduce=reduce or {}, keep=keep)


def of(*states: object, reduce: dict[str, str] | None = None) -> Value:
    """The merged value of key "x", whose state process i has as the i-th; None: it has none."""
    records = [
        record(p, 1, {"x": state} if state is not None else {"other": 0})
        for p, state in enumerate(states)
    ]
    return merged(*records, reduce=reduce).metrics.get("x")
