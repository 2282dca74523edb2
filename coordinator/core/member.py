"""One process of the job and how it stands.

::

    joining ──joined──► running ──link lost──► disconnected ──lost_after_s──► lost
                         │ ▲ ▲                       │                          │
         no call, too    │ │ └──────── joined ───────┴──────── joined ──────────┘
         long   stalled ◄┘ │
                   └───────┘ it calls again
               finalize
    running ──────────────► done ──goodbye, or gone──► goodbye

A goodbye may come from any state; a stalled process can finalize and can lose
its link as a running one can.
"""

import dataclasses
import enum

from .beat import Beat


class State(enum.Enum):
    """How a process stands; see the picture in the module's docstring."""

    JOINING = "joining"
    RUNNING = "running"
    STALLED = "stalled"
    DISCONNECTED = "disconnected"
    LOST = "lost"
    DONE = "done"
    GOODBYE = "goodbye"


ENDED = frozenset({State.LOST, State.GOODBYE})
"""States of processes that nothing more is expected from."""

OVER = ENDED | {State.DONE}
"""States of processes that are done, or gone."""

HERE = frozenset({State.RUNNING, State.STALLED})
"""States of processes that are connected and not done."""


NO_BEAT = Beat()
"""What is known of a process that sent no heartbeat in this life."""


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
        reason: one line: why it stands so, or what was seen of its end.
        host: its host; "" before it joined.
        incarnation: its life; 0 before it joined.
        since: monotonic seconds of its last change of state or link.
        connected: whether its stream is open.
        sign: order of receipt of the first sign that something is wrong with
            it; None if there is none.
        sign_at: monotonic seconds of that sign.
        failed: status and error of a failure that it told of, or that was seen
            while it ran: nothing that it says later in this life is better.
        found: status and reason of an end seen from outside, which count if it
            reported none itself.
        aborted: its end was an abort, as JAX's runtime ends a process, or it ended
            itself because another one had failed.
        caused: false if the launcher itself ended it: never a root cause.
        beat: its last heartbeat since it was connected.
        beat_at: monotonic seconds when `beat` came; None: none did.
        called: monotonic seconds of its training thread's last call, from `beat`.
        heard: monotonic seconds when it was last heard; 0: never.
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
    sign_at: float = 0.0
    failed: tuple[str, str] | None = None
    found: tuple[str, str] | None = None
    aborted: bool = False
    caused: bool = True
    beat: Beat = NO_BEAT
    beat_at: float | None = None
    called: float = 0.0
    heard: float = 0.0
