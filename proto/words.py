"""How processes and their ends are named, wherever people read of them."""

import signal


def named(process: int, host: str) -> str:
    """A process, and its host where that is known."""
    return f"process {process}" + (f" on {host}" if host else "")


def ended(process: int, host: str, status: str, reason: str) -> str:
    """How a process ended, or what is wrong with it, in one line."""
    return f"{named(process, host)}: {status}" + (f" ({reason})" if reason else "")


def signal_name(number: int) -> str:
    """``"SIGTERM"``, or the number of a signal that has no name here."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def stopped_by(number: int) -> str:
    """The status of what a signal to its launcher stopped."""
    return "interrupted" if number == signal.SIGINT else "preempted"


def killed_by(number: int) -> str:
    """The status of a process that a signal ended, where nothing else is known of it."""
    return stopped_by(number) if number in (signal.SIGINT, signal.SIGTERM) else "lost"
