# watch.proto sha256: 20496481aa629a8789eef3cf74a79f0cad5632fc35742132394281605aeaac8a
from podlog.proto import fate_pb2 as _fate_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union
from podlog.proto.fate_pb2 import StopRequest as StopRequest
from podlog.proto.fate_pb2 import StopAnswer as StopAnswer
from podlog.proto.fate_pb2 import Stacks as Stacks
from podlog.proto.fate_pb2 import Failed as Failed
from podlog.proto.fate_pb2 import StopProposal as StopProposal
from podlog.proto.fate_pb2 import StopOutcome as StopOutcome
from podlog.proto.fate_pb2 import FirstSign as FirstSign
from podlog.proto.fate_pb2 import StackRequest as StackRequest
from podlog.proto.fate_pb2 import Verdict as Verdict
from podlog.proto.fate_pb2 import LauncherMessage as LauncherMessage
from podlog.proto.fate_pb2 import Attend as Attend
from podlog.proto.fate_pb2 import ExitReport as ExitReport
from podlog.proto.fate_pb2 import LauncherNotice as LauncherNotice

DESCRIPTOR: _descriptor.FileDescriptor

class WatchRequest(_message.Message):
    __slots__ = ("interval_s", "once")
    INTERVAL_S_FIELD_NUMBER: _ClassVar[int]
    ONCE_FIELD_NUMBER: _ClassVar[int]
    interval_s: float
    once: bool
    def __init__(self, interval_s: _Optional[float] = ..., once: bool = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("run_id", "log_path", "job_id", "attempt", "time", "started", "members", "tools", "step_min", "step_max", "verdict", "rows", "settled", "findings", "stop")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    LOG_PATH_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    STEP_MIN_FIELD_NUMBER: _ClassVar[int]
    STEP_MAX_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    log_path: str
    job_id: str
    attempt: int
    time: float
    started: float
    members: _containers.RepeatedCompositeFieldContainer[MemberView]
    tools: _containers.RepeatedCompositeFieldContainer[ToolView]
    step_min: int
    step_max: int
    verdict: _fate_pb2.Verdict
    rows: int
    settled: bool
    findings: _containers.RepeatedScalarFieldContainer[str]
    stop: str
    def __init__(self, run_id: _Optional[str] = ..., log_path: _Optional[str] = ..., job_id: _Optional[str] = ..., attempt: _Optional[int] = ..., time: _Optional[float] = ..., started: _Optional[float] = ..., members: _Optional[_Iterable[_Union[MemberView, _Mapping]]] = ..., tools: _Optional[_Iterable[_Union[ToolView, _Mapping]]] = ..., step_min: _Optional[int] = ..., step_max: _Optional[int] = ..., verdict: _Optional[_Union[_fate_pb2.Verdict, _Mapping]] = ..., rows: _Optional[int] = ..., settled: bool = ..., findings: _Optional[_Iterable[str]] = ..., stop: _Optional[str] = ...) -> None: ...

class MemberView(_message.Message):
    __slots__ = ("process", "host", "state", "status", "reason", "step", "lag", "mode", "phase", "step_s", "idle_s", "backlog", "pending", "nans", "skew_s", "heard_s", "connected", "data_s")
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    STEP_S_FIELD_NUMBER: _ClassVar[int]
    IDLE_S_FIELD_NUMBER: _ClassVar[int]
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    NANS_FIELD_NUMBER: _ClassVar[int]
    SKEW_S_FIELD_NUMBER: _ClassVar[int]
    HEARD_S_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    DATA_S_FIELD_NUMBER: _ClassVar[int]
    process: int
    host: str
    state: str
    status: str
    reason: str
    step: int
    lag: int
    mode: str
    phase: str
    step_s: float
    idle_s: float
    backlog: int
    pending: int
    nans: int
    skew_s: float
    heard_s: float
    connected: bool
    data_s: float
    def __init__(self, process: _Optional[int] = ..., host: _Optional[str] = ..., state: _Optional[str] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ..., step: _Optional[int] = ..., lag: _Optional[int] = ..., mode: _Optional[str] = ..., phase: _Optional[str] = ..., step_s: _Optional[float] = ..., idle_s: _Optional[float] = ..., backlog: _Optional[int] = ..., pending: _Optional[int] = ..., nans: _Optional[int] = ..., skew_s: _Optional[float] = ..., heard_s: _Optional[float] = ..., connected: bool = ..., data_s: _Optional[float] = ...) -> None: ...

class ToolView(_message.Message):
    __slots__ = ("name", "behind", "problem", "skipped")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    name: str
    behind: int
    problem: str
    skipped: int
    def __init__(self, name: _Optional[str] = ..., behind: _Optional[int] = ..., problem: _Optional[str] = ..., skipped: _Optional[int] = ...) -> None: ...
