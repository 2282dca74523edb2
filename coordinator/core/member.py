"""One process of the job and how it stands.

::

    joining ──joined──► running ──link lost──► disconnected ──lost_after_s──► lost
                          │  ▲                     │                            │
               finalize   │  └──────── joined ─────┴──────── joined ────────────┘
                          ▼
                        done ──goodbye, or gone──► goodbye

A goodbye may come from any state.
"""

import dataclasses
import enum


class State(enum.Enum):
    """How a process stands; see the picture in the module's docstring."""

    JOINING = "joining"
    RUNNING = "running"
    DISCONNECTED = "disconnected"
    LOST = "lost"
    DONE = "done"
    GOODBYE = "goodbye"


ENDED = frozenset({State.LOST, State.GOODBYE})
"""States of processes that nothing more is expected from."""


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A process went from one state to another."""

    process: int
    before: State
    after: State
    reason: str


@dataclasses.dataclass(slots=True)
class Member:
    """One process of the job.

    Attributes:
        process: its index.
        state: how it stands.
        status: what it reported or how it was found to have ended; "" before.
        reported: the last status that it gave itself in this life.
        reason: one line: what was seen of its end.
        host: its host; "" before it joined.
        incarnation: its life; 0 before it joined.
        since: monotonic seconds of its last change of state or link.
        connected: whether its stream is open.
        sign: order of receipt of the first sign that something is wrong with
            it; None if there is none.
        caused: false if the launcher itself ended it: never a root cause.
        found: status and reason of an end seen from outside, which count if it
            reported none itself.
    """

    process: int
    state: State
    since: float
    status: str = ""
    reported: str = ""
    reason: str = ""
    host: str = ""
    incarnation: int = 0
    connected: bool = False
    sign: int | None = None
    caused: bool = True
    found: tuple[str, str] | None = None
