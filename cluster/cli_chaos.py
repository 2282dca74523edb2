"""The command `podlog chaos`."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ..proto.errors import ConfigError
from .chaosplan import KINDS, Plan


def chaos(
    processes: Annotated[
        int, typer.Option("--processes", "-n", min=1, help="How many processes log.")
    ] = 4,
    seconds: Annotated[float, typer.Option(min=1.0, help="How long there is killing.")] = 60.0,
    kill: Annotated[
        str, typer.Option(help=f"Whom, with commas between: {', '.join(KINDS)} (all at once).")
    ] = "worker,coordinator",
    seed: Annotated[int, typer.Option(help="Repeats a schedule.")] = 0,
    kills: Annotated[
        int | None, typer.Option(min=0, help="How many kills; without it one a second.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Steps a second of each process.")] = 50.0,
    then: Annotated[
        str,
        typer.Option(
            help="How many processes the job has after it was killed as a whole, e.g. 8,2: in "
            "turn; without it as many as before.",
        ),
    ] = "",
    log_path: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="A new folder for everything; without it a temporary one, kept on failure.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Kill a synthetic load on this machine at random, then count what is there.

    Starts a coordinator and processes that log without JAX, kills them with SIGKILL, starts them
    again as a scheduler would, lets them end, waits until all is settled, and compares the
    journal and the files with what witnesses saw of each record that reached a spool:

        podlog chaos -n 4 --seconds 60 --kill worker,coordinator --seed 7

        podlog chaos --kill job --then 2,8 --seconds 30

    Exit status: 0 if nothing was lost and nothing is there twice, else 1.
    """
    from . import chaos as chaos_

    plan = Plan(
        processes=processes,
        seconds=seconds,
        kill=tuple(kind.strip() for kind in kill.split(",")),
        seed=seed,
        kills=kills,
        rate=rate,
        then=_numbers(then),
    )
    if plan.then and "job" not in plan.kill:
        raise ConfigError("--then needs job in --kill: else the job is never started anew")
    folder = _folder(log_path)
    report = chaos_.run(plan, folder, lambda line: typer.echo(line, err=True))
    if as_json:
        typer.echo(json.dumps({"ok": report.ok, **report.counts, "problems": report.problems}))
    else:
        width = max(map(len, report.counts))
        for what, count in report.counts.items():
            typer.echo(f"{what:<{width}}  {count:>9,}")
        for problem in report.problems:
            typer.echo(problem, err=True)
        typer.echo("OK" if report.ok else f"NOT OK; everything is kept in {folder}")
    if log_path is None and report.ok:
        shutil.rmtree(folder, ignore_errors=True)
    raise typer.Exit(0 if report.ok else 1)


def _folder(log_path: Path | None) -> Path:
    if log_path is None:
        return Path(tempfile.mkdtemp(prefix="podlog-chaos-"))
    if log_path.exists() and any(log_path.iterdir()):
        raise ConfigError(f"{log_path} is not empty: choose a new folder")
    return log_path.absolute()


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ConfigError(f"--then {text!r}: numbers with commas between, e.g. 8,2") from error
