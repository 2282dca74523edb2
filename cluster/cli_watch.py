"""`podlog watch`: how a job stands, live."""

from pathlib import Path
from typing import Annotated

import typer


def watch(
    target: Annotated[
        str,
        typer.Argument(
            metavar="RUN_OR_ADDRESS",
            help="Folder of the run (its log_path), or its coordinator: `host:port`, or the "
            "contact file that `podlog serve --contact` writes.",
        ),
    ],
    once: Annotated[
        bool, typer.Option("--once", help="Look once, print one table (or one line) and end.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a look, each on one line.")
    ] = False,
    interval: Annotated[
        float, typer.Option("--interval", "-i", min=0.2, help="Seconds between two looks.")
    ] = 1.0,
    token_file: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="File with the job's token, for `host:port`; without it PODLOG_TOKEN, or the "
            "one in the file that PODLOG_CONTACT names.",
        ),
    ] = None,
    cert_file: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="The coordinator's PEM certificate, for `host:port`; without it PODLOG_CERT, or "
            "the one in the file that PODLOG_CONTACT names.",
        ),
    ] = None,
) -> None:
    """Show how a job stands: a line a process, then steps, tools, what stands out, the verdict.

    It looks at the run's folder, or listens to the coordinator where the folder cannot be seen
    from here, and goes on until the job has settled. It changes nothing.

        podlog watch runs/first

        podlog watch runs/first --once

        podlog watch login1:7777 --token-file secret --json

    `a step` is the last step's time; `queue` counts records that are not yet with the coordinator
    and logging steps whose values are still on the device; `skew` is by how much the process's
    clock is ahead of the coordinator's. Of very many processes those are shown that need a look.
    A finished run is told from its journal. A run whose coordinator died without a verdict is
    lost once its lease has expired (`takeover_s`, 15 s by default).

    Exit status, of the last look: 0 it runs, or ended in success; 3 it runs, and a process is
    stalled; 1 there is no such run, it cannot be reached (any more), or ended in failure or
    unfinished; 2 wrong usage; 65 NaN; 70 a process lost, or the coordinator; 75 preempted; 130
    interrupted, or you left the view with Ctrl-C.
    """
    from . import watch as watching
    from .watchsource import by_address, by_folder, contact_of

    run = Path(target)
    if run.is_dir():
        looks = by_folder(run, interval)
    else:
        looks = by_address(contact_of(target, token_file, cert_file), interval)
    raise typer.Exit(watching.watch(looks, once=once, as_json=as_json))
