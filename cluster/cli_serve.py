"""The command `podlog serve`."""

from pathlib import Path
from typing import Annotated

import typer

from ..proto.config import SecurityConfig
from ..proto.errors import ConfigError
from . import serve as serving
from .options import CertFile, KeyFile, LogPath, Port, Tls


def serve(
    processes: Annotated[
        int, typer.Option("--processes", "-n", min=1, help="How many processes the job has.")
    ] = 1,
    host: Annotated[
        str,
        typer.Option(help="Name or address under which the processes reach this machine."),
    ] = "",
    bind: Annotated[
        str, typer.Option(help="Address to listen on; without it that of --host, else all.")
    ] = "",
    port: Port = 0,
    contact: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="File to write address, token and certificate to, for the owner only; it goes "
            "when the job has ended.",
        ),
    ] = None,
    log_path: LogPath = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token; without it a random one.")
    ] = None,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
    tls: Tls = True,
    show_token: Annotated[bool, typer.Option(help="Print the token as well.")] = False,
) -> None:
    """Serve one job: the coordinator by itself, where the processes start by other means.

    Start it first; it prints what to set in the environment of every process, whose Logger has
    `coordinator="external"`. Process 0 opens the run. It ends when all processes have said
    goodbye or are lost and everything is written.

        podlog serve -n 4 --contact shared/contact.json

        podlog serve -n 16 --host login1 --port 7777 --token-file secret --cert-file c --key-file k

    With `--contact` on a file system that the processes share, `PODLOG_CONTACT` is all they need,
    and a coordinator that had to be started again is found at once. Else they need the token in
    `PODLOG_TOKEN`. A coordinator is for one job: start another for the next.

    Ctrl-C or SIGTERM: what is there is settled; a second time: killed.

    Exit status: 0 success, 1 failure or unfinished, 2 wrong usage, 65 NaN, 70 a process lost,
    75 preempted, 130 interrupted.
    """
    try:
        security = SecurityConfig(
            tls=tls, token_file=token_file, cert_file=cert_file, key_file=key_file
        )
        service = serving.Service(
            processes, bind, host, port, contact, log_path, show_token, security
        )
        status = serving.serve(service)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    raise typer.Exit(status)
