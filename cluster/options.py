"""Options that several commands have, alike in name and meaning."""

from pathlib import Path
from typing import Annotated

import typer

LogPath = Annotated[
    Path | None,
    typer.Option(help="Folder of the run, for a Logger whose config has no log_path."),
]
RunId = Annotated[str, typer.Option(help="Name of the run, for a Logger whose config has none.")]
Port = Annotated[
    int, typer.Option(min=0, max=65535, help="Port of the coordinator; 0: any free one.")
]
CertFile = Annotated[
    Path | None, typer.Option(help="PEM certificate; without it one is made for this job.")
]
KeyFile = Annotated[Path | None, typer.Option(help="Its PEM private key.")]
Tls = Annotated[bool, typer.Option(help="Encrypt what is said to the coordinator.")]
