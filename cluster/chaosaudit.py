"""What the witnesses of a synthetic load saw against what the run holds."""

import collections
import csv
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..coordinator import cli
from ..proto.errors import ConfigError, PodlogError
from .chaosjob import witnesses
from .witness import Life, lives

_INFO = "_podlog"
_NAMED = 20
"""So many of a kind are named; the rest is counted."""


@dataclasses.dataclass(frozen=True)
class Report:
    """What was counted.

    Attributes:
        counts: by what was counted, in the order of the table.
        problems: a line for each thing that is not as it must be; none: all is well.
        folder: where everything lies.
    """

    counts: Mapping[str, int]
    problems: Sequence[str]
    folder: Path

    @property
    def ok(self) -> bool:
        """Whether nothing was lost and nothing is there twice."""
        return not self.problems


def audit(
    folder: Path, starts: Mapping[int, int], counts: Mapping[str, int], problems: Sequence[str]
) -> Report:
    """Counts a run that has settled.

    Args:
        folder: as `chaos.run` was given it.
        starts: the first step of each life of the job.
        counts: what was counted so far; comes first in the table.
        problems: what is known so far.
    """
    lived = {process: lives(path) for process, path in sorted(witnesses(folder).items())}
    found = Counting(folder / "run", lived)
    try:
        found.journal()
        found.hosts()
        found.steps(starts)
        found.lines()
        found.files()
    except (PodlogError, OSError, ValueError) as error:
        found.problems.append(f"the run cannot be read: {error}")
    return Report({**counts, **found.counts}, [*problems, *found.problems], folder)


class Counting:
    """The counting, a step a method."""

    def __init__(self, run: Path, lived: Mapping[int, Sequence[Life]]) -> None:
        self.counts: dict[str, int] = {
            "lives": sum(map(len, lived.values())),
            "records witnessed": sum(life.seq for many in lived.values() for life in many),
        }
        self.problems: list[str] = []
        self._run = run
        self._lived = lived
        self._attempts = list(_attempts(run))

    def journal(self) -> None:
        """Every number that was spooled is stored, or declared lost; `podlog audit` agrees."""
        found = cli.audit(self._run)
        acked = {life.incarnation: life.acked for life in found.lives}
        missing = [
            f"process {process}, life {number}: spooled {life.seq}, "
            f"stored up to {acked.get(life.incarnation, 0)}"
            for process, many in self._lived.items()
            for number, life in enumerate(many, 1)
            if acked.get(life.incarnation, 0) < life.seq
        ]
        losses = [loss for life in found.lives for loss in life.lost]
        unaccounted = [
            f"process {life.process}: records {first} to {last}"
            for life in found.lives
            for first, last in life.unaccounted
        ]
        self.counts["records stored"] = sum(life.stored for life in found.lives)
        self.counts["records declared lost"] = sum(loss.last - loss.first + 1 for loss in losses)
        self._find("lives not stored in full", missing)
        self._find("unaccounted", unaccounted)
        self._find("problems of the audit", found.problems)

    def hosts(self) -> None:
        """Each host record once: (process, life, serial) is its name."""
        found: collections.Counter[tuple[int, int, int]] = collections.Counter()
        for row in _flat(self._attempts):
            if row[_INFO]["kind"] == "host":
                (process,) = row[_INFO]["processes"]
                found[process, row[f"p{process}_life"], row[f"p{process}_serial"]] += 1
        wanted = [
            (process, number, serial)
            for process, many in self._lived.items()
            for number, life in enumerate(many, 1)
            for serial in range(1, life.serial + 1)
        ]
        self.counts["host records witnessed"] = len(wanted)
        self.counts["host records found"] = found.total()
        self._find("lost", [_host(name) for name in wanted if name not in found])
        self._find("twice", [f"{_host(name)}: {n} times" for name, n in found.items() if n > 1])

    def steps(self, starts: Mapping[int, int]) -> None:
        """Each step's row once, with each process that spooled it counted once."""
        rows = [
            row
            for row in _flat(self._attempts)
            if (row[_INFO]["kind"], row[_INFO]["mode"]) == ("step", "train")
        ]
        found = {row["log_step"]: row for row in rows}
        wrong = []
        if len(found) != len(rows):
            wrong.append(f"{len(rows) - len(found)} rows are there twice")
        nobody = {"processes": 0, _INFO: {"processes": []}}
        for job, start in starts.items():
            ends = [
                max((life.step for life in many if life.job == job), default=0)
                for many in self._lived.values()
            ]
            for step in range(start, max(ends, default=0) + 1):
                row, least = found.get(step, nobody), sum(end >= step for end in ends)
                if row["processes"] < least or row["processes"] != len(row[_INFO]["processes"]):
                    wrong.append(f"job {job}, step {step}: {row['processes']}, not {least}")
        self.counts["step rows"] = len(rows)
        self._find("step rows not as witnessed", wrong)

    def lines(self) -> None:
        """Each log line once in ``output.log``."""
        text = (self._run / "output.log").read_text(errors="replace")
        found = collections.Counter(
            line.partition("load p")[2] for line in text.splitlines() if "load p" in line
        )
        wanted = [
            f"{process} life {number} line {line}"
            for process, many in self._lived.items()
            for number, life in enumerate(many, 1)
            for line in range(1, life.lines + 1)
        ]
        self.counts["log lines"] = found.total()
        self._find("log lines lost", [name for name in wanted if name not in found])
        self._find("log lines twice", [name for name, n in found.items() if n > 1])

    def files(self) -> None:
        """CSV and JSONL hold what the journal holds, each row once at its last revision."""
        wrong = []
        by_mode: dict[str, dict[tuple[Any, ...], Any]] = {}
        for row in _flat(self._attempts):
            by_mode.setdefault(row[_INFO]["mode"], {})[_identity(row)] = row
        for mode, wanted in by_mode.items():
            path = self._run / "file_logs" / f"metrics_{mode}.jsonl"
            rows = [json.loads(line) for line in path.read_bytes().splitlines()]
            held = {_identity(row): row for row in rows}
            wrong += [f"{path.name}: {name} is missing" for name in wanted if name not in held]
            if len(held) != len(rows):
                wrong.append(f"{path.name}: {len(rows) - len(held)} rows are there twice")
            wrong += [
                f"{path.name}: {name} is not as in the journal"
                for name, row in held.items()
                if name in wanted and row != wanted[name]
            ]
            with path.with_suffix(".csv").open(newline="") as file:
                cells = [_cells(row) for row in csv.DictReader(file)]
            if cells != [_cells({k: str(v) for k, v in r.items() if k != _INFO}) for r in rows]:
                wrong.append(f"{path.stem}: CSV and JSONL differ")
        self.counts["rows in files"] = sum(map(len, by_mode.values()))
        self._find("rows in files not as in the journal", wrong)

    def _find(self, what: str, found: Sequence[str]) -> None:
        self.counts[what] = len(found)
        self.problems += [f"{what}: {text}" for text in found[:_NAMED]]
        if len(found) > _NAMED:
            self.problems.append(f"{what}: and {len(found) - _NAMED} more")


def _attempts(run: Path) -> Iterator[list[dict[str, Any]]]:
    """The rows of each attempt, at their last revisions, superseded ones too."""
    number, out = 1, run.parent / "rows.jsonl"
    while True:
        try:
            cli.export(run, "jsonl", number, out)
        except ConfigError:
            return
        yield [json.loads(line) for line in out.read_bytes().splitlines()]
        number += 1


def _flat(attempts: Sequence[Sequence[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    return (row for rows in attempts for row in rows)


def _identity(row: Mapping[str, Any]) -> tuple[Any, ...]:
    info = row[_INFO]
    return tuple(info[name] for name in ("attempt", "mode", "kind", "step", "n"))


def _cells(row: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in row.items() if value}


def _host(name: tuple[int, int, int]) -> str:
    return "process {}, life {}, record {}".format(*name)
