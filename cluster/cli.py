"""The `podlog` command."""

import enum
import importlib.metadata
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..proto.errors import PodlogError
from . import cli_audit, cli_chaos, cli_exec, cli_manifests, cli_serve, cli_watch, launch
from .options import LogPath, RunId, Tls

app = typer.Typer(
    name="podlog",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_show_locals=False,  # older typers show them, and tokens are among them
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""
The logger for JAX training on many hosts: every process logs, one coordinator merges.

Start with a script that makes a `podlog.worker.Logger`, as several processes on this machine,
then look at what it logged:

    podlog run -n 4 --cpu-devices 2 --log-path runs/first train.py

    podlog export runs/first --format csv
""",
)


class Format(enum.StrEnum):
    """What `podlog export` writes."""

    csv = "csv"
    jsonl = "jsonl"


@app.command(
    context_settings={"allow_interspersed_args": False},
    short_help="Run a script as many JAX processes on this machine.",
)
def run(
    script: Annotated[
        Path,
        typer.Argument(metavar="SCRIPT", exists=True, dir_okay=False, help="A Python script."),
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS", help="The script's own arguments.")
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", "-n", min=1, help="How many JAX processes.")
    ] = 1,
    cpu_devices: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Run on the CPU, with that many devices a process. Without it JAX takes the "
            "machine's accelerators, one a process.",
        ),
    ] = None,
    log_path: LogPath = None,
    run_id: RunId = "",
    grace: Annotated[
        float,
        typer.Option(min=0.0, help="Seconds from asking the processes to stop to killing them."),
    ] = 5.0,
    restarts: Annotated[
        int,
        typer.Option(
            min=0,
            help="How often a job that failed, lost a process or did not finish is started again, "
            "with the same log_path.",
        ),
    ] = 0,
    tls: Tls = True,
) -> None:
    """Run a script as many JAX processes on this machine.

    In each process a plain `jax.distributed.initialize()`, or
    `podlog.cluster.initialize()`, joins the pod. The coordinator is started first and ends
    after everything is merged and written. If one process fails the others are stopped: SIGTERM,
    then SIGKILL after `--grace`. Ctrl-C and SIGTERM are passed on; a second one kills.

    Options of podlog stand before the script, the script's own behind it:

        podlog run -n 4 train.py --epochs 3

        podlog run -n 2 --cpu-devices 4 --log-path runs/a train.py

        podlog run -n 4 --restarts 3 --log-path runs/b train.py

    Exit status, of the last start: 0 success, 1 failure or unfinished, 2 wrong usage, 65 NaN,
    70 a process lost, 75 preempted, 76 aborted since another one failed, 130 interrupted.
    """
    raise typer.Exit(
        launch.run(
            launch.Job(
                command=(str(script), *(arguments or ())),
                processes=processes,
                cpu_devices=cpu_devices,
                log_path=log_path,
                run_id=run_id,
                grace=grace,
                tls=tls,
                restarts=restarts,
            )
        )
    )


@app.command(short_help="Write the merged rows of a run as CSV or JSONL.")
def export(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", exists=True, file_okay=False, help="Folder of the run (its log_path)."
        ),
    ],
    format_: Annotated[Format, typer.Option("--format", "-f", help="What to write.")] = Format.csv,
    attempt: Annotated[
        int | None,
        typer.Option(min=1, help="Rows of that attempt only; without it the newest of each step."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; without it standard output.")
    ] = None,
) -> None:
    """Write the merged rows of a run as CSV or JSONL.

    Reads the journal of a run that is finished or still going, and changes nothing:

        podlog export runs/first --format csv > rows.csv

        podlog export runs/first --format jsonl --attempt 1

    CSV has `log_attempt`, `log_mode`, `log_kind`, `log_n`, `log_step`, `log_epoch`, then a column
    a metric. JSONL has an object a row, with `_podlog`: who is in it, who is missing, and the
    processes with the least and the greatest value.
    """
    from ..coordinator import cli

    cli.export(run, format_.value, attempt, out)


app.command(short_help="Say what became of every record of a run.")(cli_audit.audit)
app.command(
    "exec",
    context_settings={"allow_interspersed_args": False},
    short_help="Run one process of a pod under a launcher, on a cluster.",
)(cli_exec.execute)
app.command(short_help="Serve one job: the coordinator by itself.")(cli_serve.serve)
app.command(short_help="Show how a job stands, live.")(cli_watch.watch)
app.command(short_help="List or print what starts a job on a cluster.")(cli_manifests.manifests)
app.command(short_help="Kill a synthetic load at random, and count.")(cli_chaos.chaos)


@app.command(short_help="Print podlog's version.")
def version() -> None:
    """Print podlog's version."""
    typer.echo(importlib.metadata.version("podlog"))


def main() -> None:
    """The console script: errors of ours are one line and exit status 1."""
    try:
        app()
    except PodlogError as error:
        typer.echo(f"podlog: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
