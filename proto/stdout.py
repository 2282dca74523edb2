"""Standard output of a command whose reader may have enough at any time."""

import os
import sys


def nobody_reads() -> None:
    """After a BrokenPipeError: the interpreter must not flush into the pipe again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
