"""Tells how long an epoch took over all processes, once, when its row closes."""

from collections.abc import Iterable

from ..proto.records import Event, Record
from ..proto.rows import Row
from .collapse import named_all, ranks
from .core.epochspan import EpochSpan, epoch_span
from .notes import Notes


class Epochs:
    """Owned by the state thread; what it tells is in the transaction of the row.

    Args:
        notes: takes the event and its line, and knows by how much each clock is off.
    """

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def ended(self, row: Row, records: Iterable[Record]) -> None:
        """An epoch's row closed for the first time, of these records.

        Of one process alone nothing is told: the row has its time.
        """
        found = epoch_span(records, self._notes.offset)
        if found is None:
            return
        key, text = row.key, _text(row, found)
        event = Event("epoch", text, key.mode, fields=_fields(row, found))
        self._notes.event(event, step=key.step, attempt=key.attempt)


def _text(row: Row, found: EpochSpan) -> str:
    where = f" on process {found.process}" if found.process else ""
    text = (
        f"epoch {row.epoch} of mode {row.key.mode!r} took {_time(found.seconds)}{where}; "
        f"{_time(found.span)} from the first start (process {found.first})"
        f" to the last end (process {found.last})"
    )
    if row.missing:
        text += f"; without {named_all(row.missing)}"
    if found.unknown:
        many = len(found.unknown) > 1
        clocks = f"clock{'s' * many} of {named_all(found.unknown)} {'are' if many else 'is'}"
        text += f"; the {clocks} not measured"
    return text


def _fields(row: Row, found: EpochSpan) -> dict[str, str]:
    fields = {
        "epoch": str(row.epoch),
        "process": str(found.process),
        "seconds": f"{found.seconds:.3f}",
        "span_s": f"{found.span:.3f}",
        "starts_s": f"{found.starts:.3f}",
        "ends_s": f"{found.ends:.3f}",
        "first": str(found.first),
        "last": str(found.last),
    }
    if row.missing:
        fields["missing"] = ranks(row.missing)
    if found.unknown:
        fields["unknown"] = ranks(found.unknown)
    return fields


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds:.2f} s"
