"""The last things of a coordinator: tools, cursors, the last word, the journal, streams."""

import logging
import threading
import time
from collections.abc import Callable

from ..proto.control import Ended
from .desk import Desk
from .hooks import Hooks
from .mailbox import Mailbox

_log = logging.getLogger(__name__)

CLOSE_FEEDS_S = 5.0
"""For all tools together."""


def wind_up(desk: Desk, mailbox: Mailbox, hooks: Hooks, over: threading.Event) -> None:
    """Lets everything go; the last cursors are committed before the journal closes.

    What streams still say is not heard: it is in their spools.

    Args:
        desk: of the state thread, which calls this once.
        mailbox: of the same.
        hooks: told the last word.
        over: set when nothing is left, before the streams end.
    """
    run, ended = desk.run, desk.ended
    if run is not None:
        _last(lambda: run.close(CLOSE_FEEDS_S))
        if run.ours(time.monotonic()):
            mailbox.empty(desk.miss)
    told: list[Ended] = []
    _last(lambda: told.append(ended()))
    if run is not None:
        _last(run.opened.close)
    _last(desk.close)
    _last(lambda: hooks.ended(told[0] if told else Ended("unfinished")))
    over.set()
    mailbox.empty(desk.miss)
    _last(desk.close)


def _last(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:
        _log.exception("the end of the run failed")
