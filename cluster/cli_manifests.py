"""`podlog manifests`: what starts a job on a cluster, to copy and change."""

import importlib.resources
from importlib.resources.abc import Traversable
from typing import Annotated

import typer


def manifests(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Which one to print; without it all are listed."),
    ] = None,
) -> None:
    """List or print the manifests: what starts a job on a cluster, to copy and change.

    They are for SLURM, GKE JobSets on TPU or GPU, and TPU VMs; each puts `podlog exec` before
    the command of every process. Take one, and change what says CHANGE in it:

        podlog manifests

        podlog manifests slurm.sbatch > train.sbatch
    """
    found = {path.name: path for path in _files()}
    if name is None:
        width = max(map(len, found))
        for each, path in sorted(found.items()):
            typer.echo(f"{each:{width}}  {_about(path.read_text())}")
    elif name in found:
        typer.echo(found[name].read_text(), nl=False)
    else:
        raise typer.BadParameter(f"{name} is none of them: {', '.join(sorted(found))}")


def _files() -> list[Traversable]:
    folder = importlib.resources.files(__package__) / "manifests"
    return [path for path in folder.iterdir() if path.is_file()]


def _about(text: str) -> str:
    """The first line that tells what it is."""
    lines = (line for line in text.splitlines() if not line.startswith("#!"))
    return next(lines, "").removeprefix("# ").removesuffix(":")
