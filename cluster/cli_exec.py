"""The command `podlog exec`."""

import shutil
from typing import Annotated

import typer

from ..proto.config import SecurityConfig
from ..proto.errors import ConfigError
from . import exec as executing
from .options import CertFile, KeyFile, LogPath, Port, RunId, Tls


def execute(
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="The process, and its arguments.")
    ],
    process_index: Annotated[
        int | None,
        typer.Option(min=0, help="Which process this is; without it what the cluster says."),
    ] = None,
    process_count: Annotated[
        int | None,
        typer.Option(min=1, help="How many there are; without it what the cluster says."),
    ] = None,
    log_path: LogPath = None,
    run_id: RunId = "",
    grace: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Seconds from asking the process to stop to killing it. Less than the cluster "
            "itself gives.",
        ),
    ] = 5.0,
    host: Annotated[
        str,
        typer.Option(
            help="Name or address under which the others reach process 0's machine; without it "
            "the one that they know for JAX."
        ),
    ] = "",
    port: Port = 0,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
    tls: Tls = True,
) -> None:
    """Run one process of a pod under a launcher, on a cluster.

    Put it before the command that SLURM, Kubernetes, Open MPI or a script starts in each place:

        podlog exec -- python train.py --epochs 3

        podlog exec --process-index 3 --process-count 16 --log-path /shared/run -- python train.py

    The launcher of process 0 starts the coordinator. If a process fails anywhere, is killed or
    runs out of memory, all launchers hear of it, stop theirs (SIGTERM, then SIGKILL after
    `--grace`) and end with the same exit status. SIGTERM and Ctrl-C are passed on.

    Which process this is, and of how many, is taken from the options, else from the variables of
    SLURM, TPU slices, Open MPI or Kubernetes; without any, it is a job of one process.

    The other launchers learn from their processes' Loggers where the coordinator is. To know it
    before that, set `PODLOG_CONTACT` in all places to a file that they share: process 0's
    launcher writes it. Or set `PODLOG_COORDINATOR`, `PODLOG_TOKEN` and `PODLOG_CERT`. The machines
    should share `--log-path`, too: a launcher that reaches the coordinator of a short job only
    after its end reads the verdict there.

    Exit status: 0 success, 1 failure or unfinished, 2 wrong usage, 65 NaN, 70 a process lost,
    75 preempted, 76 aborted since another one failed, 130 interrupted.
    """
    program = shutil.which(command[0])
    if program is None:
        raise typer.BadParameter(f"{command[0]} is no program that can be started")
    try:
        status = executing.run(
            executing.Task(
                (program, *command[1:]),
                process_index=process_index,
                process_count=process_count,
                log_path=log_path,
                run_id=run_id,
                grace=grace,
                host=host,
                port=port,
                security=SecurityConfig(tls=tls, cert_file=cert_file, key_file=key_file),
            )
        )
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    raise typer.Exit(status)
