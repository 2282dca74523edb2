"""What a heartbeat says of its process."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Beat:
    """Where a process is; see `Heartbeat` in the .proto.

    Attributes:
        step: the last step handed in.
        gate: the last gate passed; -1: none.
        mode, phase: what it does; "" where it does not say.
        idle: seconds since its training thread last called anything.
        longest: the longest such wait in this mode and phase; 0: none yet.
        quiet: nothing is expected of it now: it compiles, or is in no mode.
        training: how often it called ``on_training_start``.
        entered: how often it entered each mode in this training.
        steps: ``log_step`` calls in its life.
        phase_seconds: spent in each phase in its life.
        step_seconds: the last logged step time; 0: none yet.
        offset: the coordinator's wall clock minus its own, in seconds.
        round_trip: of the exchange that `offset` is from; 0: none yet.
        backlog: records that are still to come.
        pending: logging steps whose values are still on its device.
        nans: values that were not finite in its life.
        last: the public method that its training thread called last.
        calls: how often it called anything since `step` changed.
    """

    step: int = 0
    gate: int = -1
    mode: str = ""
    phase: str = ""
    idle: float = 0.0
    longest: float = 0.0
    quiet: bool = False
    training: int = 0
    entered: Mapping[str, int] = dataclasses.field(default_factory=dict)
    steps: int = 0
    phase_seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    step_seconds: float = 0.0
    offset: float = 0.0
    round_trip: float = 0.0
    backlog: int = 0
    pending: int = 0
    nans: int = 0
    last: str = ""
    calls: int = 0
