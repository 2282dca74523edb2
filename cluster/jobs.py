"""A new life of a job: its id, its secrets, and how its coordinator is reached."""

import secrets
import time

from ..proto.config import SecurityConfig
from ..proto.contact import Contact
from ..proto.control import Setup
from . import credentials


def new_job(
    security: SecurityConfig,
    process_count: int,
    *,
    token: str = "",
    bind: str = "127.0.0.1",
    launched: bool = False,
    visited: bool = False,
    log_path: str = "",
    run_id: str = "",
) -> Setup:
    """Mints the job_id and makes what its coordinator must know.

    Args:
        security: TLS or not, and the files that override what is random.
        process_count: number of processes of the job.
        token: a token that is given already.
        bind: address to listen on.
        launched: whether its parent is a launcher, which tells how processes end.
        visited: whether each other process has a launcher, which must hear the verdict.
        log_path: where the launcher wants the verdict on a job whose process 0
            never comes; "": nowhere.
        run_id: the name of that run; "": any.

    Raises:
        ConfigError: a file of `security` is missing or empty.
    """
    secret = credentials.make(security, token)
    return Setup(
        job_id=secrets.token_hex(8),
        started=time.time(),
        token=secret.token,
        process_count=process_count,
        cert=secret.cert,
        key=secret.key,
        bind=bind,
        launched=launched,
        visited=visited,
        log_path=log_path,
        run_id=run_id,
    )


def contact(setup: Setup, address: str) -> Contact:
    """How the workers of the job reach its coordinator at `address`."""
    return Contact(address, setup.token, setup.cert, setup.job_id, setup.started)
