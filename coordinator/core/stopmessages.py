"""What the stop agreement hears and says."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What a process asks for; see `StopRequest` in the .proto.

    Attributes:
        process: who asks.
        stop: ``should_stop`` shall turn true.
        nans: ``found_nans`` shall turn true.
        kind: ``"nan"``, ``"inf"``, ``"preempted"`` or ``"request"``.
        text: one line for people.
        step: of what was found; else the last step handed in.
        training: how often the process had called ``on_training_start``.
    """

    process: int
    stop: bool
    nans: bool
    kind: str
    text: str
    step: int = 0
    training: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Propose:
    """To do: send a `StopProposal` to `process`."""

    process: int
    id: int
    request: Request


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """To do: send a `StopOutcome` to `process`.

    Attributes:
        request: what was decided; None: the proposal is withdrawn.
        training: the receiver's own count of trainings that it is about.
    """

    process: int
    id: int
    decided: bool
    step: int = 0
    request: Request | None = None
    training: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Stopped:
    """A decided stop that a success after it counts as.

    Attributes:
        status: ``"nan"`` or ``"preempted"``.
        process: who asked for it.
        text: why.
        step: at which all were to stop; a loop may have ended by itself before it.
    """

    status: str
    process: int
    text: str
    step: int


@dataclasses.dataclass(frozen=True, slots=True)
class Split:
    """To do: `process` is failing, since it was past `step`, at `gate`, when it heard of it."""

    process: int
    step: int
    gate: int


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """To do: store an event: ``stop_requested``, ``stop_proposed``, ``stop_decided``, …"""

    name: str
    text: str
    process: int


Action = Propose | Outcome | Split | Note
