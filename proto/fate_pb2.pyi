# fate.proto sha256: b769bd3a7e03301275e2c9bbfff7bad5f80f36f3f5983116d0b2f5be418924e8
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StopRequest(_message.Message):
    __slots__ = ("stop", "nans", "kind", "text", "step", "training")
    STOP_FIELD_NUMBER: _ClassVar[int]
    NANS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    stop: bool
    nans: bool
    kind: str
    text: str
    step: int
    training: int
    def __init__(self, stop: bool = ..., nans: bool = ..., kind: _Optional[str] = ..., text: _Optional[str] = ..., step: _Optional[int] = ..., training: _Optional[int] = ...) -> None: ...

class StopAnswer(_message.Message):
    __slots__ = ("id", "gate", "training", "outcome")
    ID_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    id: int
    gate: int
    training: int
    outcome: bool
    def __init__(self, id: _Optional[int] = ..., gate: _Optional[int] = ..., training: _Optional[int] = ..., outcome: bool = ...) -> None: ...

class Stacks(_message.Message):
    __slots__ = ("text", "frame")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    text: str
    frame: str
    def __init__(self, text: _Optional[str] = ..., frame: _Optional[str] = ...) -> None: ...

class Failed(_message.Message):
    __slots__ = ("status", "error", "trace", "step")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    status: str
    error: str
    trace: str
    step: int
    def __init__(self, status: _Optional[str] = ..., error: _Optional[str] = ..., trace: _Optional[str] = ..., step: _Optional[int] = ...) -> None: ...

class StopProposal(_message.Message):
    __slots__ = ("id", "stop", "nans", "kind", "text", "process")
    ID_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    NANS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    id: int
    stop: bool
    nans: bool
    kind: str
    text: str
    process: int
    def __init__(self, id: _Optional[int] = ..., stop: bool = ..., nans: bool = ..., kind: _Optional[str] = ..., text: _Optional[str] = ..., process: _Optional[int] = ...) -> None: ...

class StopOutcome(_message.Message):
    __slots__ = ("id", "decided", "step", "stop", "nans", "kind", "text", "process", "training")
    ID_FIELD_NUMBER: _ClassVar[int]
    DECIDED_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    NANS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    id: int
    decided: bool
    step: int
    stop: bool
    nans: bool
    kind: str
    text: str
    process: int
    training: int
    def __init__(self, id: _Optional[int] = ..., decided: bool = ..., step: _Optional[int] = ..., stop: bool = ..., nans: bool = ..., kind: _Optional[str] = ..., text: _Optional[str] = ..., process: _Optional[int] = ..., training: _Optional[int] = ...) -> None: ...

class FirstSign(_message.Message):
    __slots__ = ("process", "host", "status", "reason")
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    process: int
    host: str
    status: str
    reason: str
    def __init__(self, process: _Optional[int] = ..., host: _Optional[str] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class StackRequest(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("status", "final", "waiting_for", "root_cause", "chapter")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_FIELD_NUMBER: _ClassVar[int]
    ROOT_CAUSE_FIELD_NUMBER: _ClassVar[int]
    CHAPTER_FIELD_NUMBER: _ClassVar[int]
    status: str
    final: bool
    waiting_for: _containers.RepeatedScalarFieldContainer[int]
    root_cause: str
    chapter: int
    def __init__(self, status: _Optional[str] = ..., final: bool = ..., waiting_for: _Optional[_Iterable[int]] = ..., root_cause: _Optional[str] = ..., chapter: _Optional[int] = ...) -> None: ...

class LauncherMessage(_message.Message):
    __slots__ = ("attend", "exit")
    ATTEND_FIELD_NUMBER: _ClassVar[int]
    EXIT_FIELD_NUMBER: _ClassVar[int]
    attend: Attend
    exit: ExitReport
    def __init__(self, attend: _Optional[_Union[Attend, _Mapping]] = ..., exit: _Optional[_Union[ExitReport, _Mapping]] = ...) -> None: ...

class Attend(_message.Message):
    __slots__ = ("process", "job_id", "host")
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    process: int
    job_id: str
    host: str
    def __init__(self, process: _Optional[int] = ..., job_id: _Optional[str] = ..., host: _Optional[str] = ...) -> None: ...

class ExitReport(_message.Message):
    __slots__ = ("process", "pid", "code", "signal", "caused", "received", "out_of_memory")
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    CAUSED_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_MEMORY_FIELD_NUMBER: _ClassVar[int]
    process: int
    pid: int
    code: int
    signal: int
    caused: bool
    received: int
    out_of_memory: bool
    def __init__(self, process: _Optional[int] = ..., pid: _Optional[int] = ..., code: _Optional[int] = ..., signal: _Optional[int] = ..., caused: bool = ..., received: _Optional[int] = ..., out_of_memory: bool = ...) -> None: ...

class LauncherNotice(_message.Message):
    __slots__ = ("first_sign", "verdict")
    FIRST_SIGN_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    first_sign: FirstSign
    verdict: Verdict
    def __init__(self, first_sign: _Optional[_Union[FirstSign, _Mapping]] = ..., verdict: _Optional[_Union[Verdict, _Mapping]] = ...) -> None: ...
