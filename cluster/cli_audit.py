"""`podlog audit`: what became of every record of a run."""

from pathlib import Path
from typing import Annotated

import typer


def audit(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", exists=True, file_okay=False, help="Folder of the run (its log_path)."
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of the table.")
    ] = False,
) -> None:
    """Say what became of every record of a run: made = stored + declared lost.

    Reads the run's folder only, live or finished, and changes nothing:

        podlog audit runs/first

        podlog audit runs/first --json

    A row for each incarnation of each process: how many records it *made*; how many are
    *stored*, and of these *superseded* by a newer attempt; declared *lost*, with the cause;
    still *in a spool*, with the file, to be delivered at the next start with this log_path; and
    *unaccounted*, with the host and folder where they may lie. Damage of the journal is named.

    Exit status: 0 all is accounted for, 1 something is unaccounted or damaged, 2 wrong usage.
    """
    from ..coordinator import cli

    found = cli.audit(run)
    typer.echo(cli.audit_json(found) if as_json else cli.audit_text(found))
    raise typer.Exit(0 if found.ok else 1)
