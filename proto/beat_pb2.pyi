# beat.proto sha256: 74cbd6f9590b2bb14c448266823d923d650ffb7d98717db01f5ecfb17bb1b2f3
from podlog.proto import records_pb2 as _records_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Progress(_message.Message):
    __slots__ = ("mode", "kind", "step", "seq", "left")
    MODE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    mode: str
    kind: _records_pb2.Kind
    step: int
    seq: int
    left: bool
    def __init__(self, mode: _Optional[str] = ..., kind: _Optional[_Union[_records_pb2.Kind, str]] = ..., step: _Optional[int] = ..., seq: _Optional[int] = ..., left: bool = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("sent", "step", "phase", "mode", "backlog", "pending", "made", "idle_s", "longest_s", "quiet", "gate", "training", "entered", "steps", "phase_s", "step_s", "offset_s", "round_trip_s", "nans", "last", "calls")
    class EnteredEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class PhaseSEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    SENT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    MADE_FIELD_NUMBER: _ClassVar[int]
    IDLE_S_FIELD_NUMBER: _ClassVar[int]
    LONGEST_S_FIELD_NUMBER: _ClassVar[int]
    QUIET_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    ENTERED_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    PHASE_S_FIELD_NUMBER: _ClassVar[int]
    STEP_S_FIELD_NUMBER: _ClassVar[int]
    OFFSET_S_FIELD_NUMBER: _ClassVar[int]
    ROUND_TRIP_S_FIELD_NUMBER: _ClassVar[int]
    NANS_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    sent: float
    step: int
    phase: str
    mode: str
    backlog: int
    pending: int
    made: int
    idle_s: float
    longest_s: float
    quiet: bool
    gate: int
    training: int
    entered: _containers.ScalarMap[str, int]
    steps: int
    phase_s: _containers.ScalarMap[str, float]
    step_s: float
    offset_s: float
    round_trip_s: float
    nans: int
    last: str
    calls: int
    def __init__(self, sent: _Optional[float] = ..., step: _Optional[int] = ..., phase: _Optional[str] = ..., mode: _Optional[str] = ..., backlog: _Optional[int] = ..., pending: _Optional[int] = ..., made: _Optional[int] = ..., idle_s: _Optional[float] = ..., longest_s: _Optional[float] = ..., quiet: bool = ..., gate: _Optional[int] = ..., training: _Optional[int] = ..., entered: _Optional[_Mapping[str, int]] = ..., steps: _Optional[int] = ..., phase_s: _Optional[_Mapping[str, float]] = ..., step_s: _Optional[float] = ..., offset_s: _Optional[float] = ..., round_trip_s: _Optional[float] = ..., nans: _Optional[int] = ..., last: _Optional[str] = ..., calls: _Optional[int] = ...) -> None: ...

class HeartbeatReply(_message.Message):
    __slots__ = ("sent", "received", "replied")
    SENT_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    REPLIED_FIELD_NUMBER: _ClassVar[int]
    sent: float
    received: float
    replied: float
    def __init__(self, sent: _Optional[float] = ..., received: _Optional[float] = ..., replied: _Optional[float] = ...) -> None: ...
