# podlog.proto sha256: d36491a46edb7010679fcd33e07541cd26cba8b70d652df0e55cd4c8f346a261
from podlog.proto import records_pb2 as _records_pb2
from podlog.proto import feed_pb2 as _feed_pb2
from podlog.proto import beat_pb2 as _beat_pb2
from podlog.proto import fate_pb2 as _fate_pb2
from podlog.proto import watch_pb2 as _watch_pb2
from podlog.proto import fate_pb2 as _fate_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union
from podlog.proto.records_pb2 import Schema as Schema
from podlog.proto.records_pb2 import Metric as Metric
from podlog.proto.records_pb2 import Block as Block
from podlog.proto.records_pb2 import Gap as Gap
from podlog.proto.records_pb2 import Kind as Kind
from podlog.proto.records_pb2 import Op as Op
from podlog.proto.records_pb2 import Dtype as Dtype
from podlog.proto.feed_pb2 import LogLine as LogLine
from podlog.proto.feed_pb2 import Event as Event
from podlog.proto.feed_pb2 import Config as Config
from podlog.proto.feed_pb2 import Row as Row
from podlog.proto.feed_pb2 import Value as Value
from podlog.proto.feed_pb2 import ValueList as ValueList
from podlog.proto.feed_pb2 import HistogramValue as HistogramValue
from podlog.proto.feed_pb2 import Media as Media
from podlog.proto.feed_pb2 import PerProcess as PerProcess
from podlog.proto.feed_pb2 import Spread as Spread
from podlog.proto.feed_pb2 import SpreadTable as SpreadTable
from podlog.proto.feed_pb2 import NumberTable as NumberTable
from podlog.proto.feed_pb2 import NonFinite as NonFinite
from podlog.proto.feed_pb2 import EventItem as EventItem
from podlog.proto.feed_pb2 import ConfigItem as ConfigItem
from podlog.proto.feed_pb2 import FeedItem as FeedItem
from podlog.proto.feed_pb2 import ToolSpec as ToolSpec
from podlog.proto.feed_pb2 import FeedRequest as FeedRequest
from podlog.proto.feed_pb2 import FeedOpen as FeedOpen
from podlog.proto.feed_pb2 import FeedWrite as FeedWrite
from podlog.proto.feed_pb2 import FeedFinalize as FeedFinalize
from podlog.proto.feed_pb2 import FeedReply as FeedReply
from podlog.proto.beat_pb2 import Progress as Progress
from podlog.proto.beat_pb2 import Heartbeat as Heartbeat
from podlog.proto.beat_pb2 import HeartbeatReply as HeartbeatReply
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
from podlog.proto.watch_pb2 import WatchRequest as WatchRequest
from podlog.proto.watch_pb2 import Snapshot as Snapshot
from podlog.proto.watch_pb2 import MemberView as MemberView
from podlog.proto.watch_pb2 import ToolView as ToolView

DESCRIPTOR: _descriptor.FileDescriptor
KIND_UNSPECIFIED: _records_pb2.Kind
STEP: _records_pb2.Kind
HOST: _records_pb2.Kind
EPOCH: _records_pb2.Kind
LOG: _records_pb2.Kind
EVENT: _records_pb2.Kind
CONFIG: _records_pb2.Kind
GAP: _records_pb2.Kind
OP_UNSPECIFIED: _records_pb2.Op
MEAN: _records_pb2.Op
SUM: _records_pb2.Op
MIN: _records_pb2.Op
MAX: _records_pb2.Op
SINGLE: _records_pb2.Op
STD: _records_pb2.Op
CONCAT: _records_pb2.Op
CONCAT_COUNTED: _records_pb2.Op
HISTOGRAM: _records_pb2.Op
NUMBER: _records_pb2.Op
COUNTER: _records_pb2.Op
TEXT: _records_pb2.Op
IMAGE: _records_pb2.Op
TABLE: _records_pb2.Op
PAYLOAD: _records_pb2.Op
F8: _records_pb2.Dtype
I8: _records_pb2.Dtype
BOOL: _records_pb2.Dtype
BYTES: _records_pb2.Dtype

class WorkerMessage(_message.Message):
    __slots__ = ("hello", "open", "batch", "heartbeat", "merged_request", "postprocess_answer", "finalize", "goodbye", "orphan", "chunk", "stop_request", "stop_answer", "stacks", "failed")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    MERGED_REQUEST_FIELD_NUMBER: _ClassVar[int]
    POSTPROCESS_ANSWER_FIELD_NUMBER: _ClassVar[int]
    FINALIZE_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    ORPHAN_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    STOP_REQUEST_FIELD_NUMBER: _ClassVar[int]
    STOP_ANSWER_FIELD_NUMBER: _ClassVar[int]
    STACKS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    open: Open
    batch: Batch
    heartbeat: _beat_pb2.Heartbeat
    merged_request: MergedRequest
    postprocess_answer: PostprocessAnswer
    finalize: Finalize
    goodbye: Goodbye
    orphan: Orphan
    chunk: Chunk
    stop_request: _fate_pb2_1.StopRequest
    stop_answer: _fate_pb2_1.StopAnswer
    stacks: _fate_pb2_1.Stacks
    failed: _fate_pb2_1.Failed
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., open: _Optional[_Union[Open, _Mapping]] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ..., heartbeat: _Optional[_Union[_beat_pb2.Heartbeat, _Mapping]] = ..., merged_request: _Optional[_Union[MergedRequest, _Mapping]] = ..., postprocess_answer: _Optional[_Union[PostprocessAnswer, _Mapping]] = ..., finalize: _Optional[_Union[Finalize, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., orphan: _Optional[_Union[Orphan, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ..., stop_request: _Optional[_Union[_fate_pb2_1.StopRequest, _Mapping]] = ..., stop_answer: _Optional[_Union[_fate_pb2_1.StopAnswer, _Mapping]] = ..., stacks: _Optional[_Union[_fate_pb2_1.Stacks, _Mapping]] = ..., failed: _Optional[_Union[_fate_pb2_1.Failed, _Mapping]] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("data", "last")
    DATA_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    last: bool
    def __init__(self, data: _Optional[bytes] = ..., last: bool = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol", "podlog_version", "features", "run_id", "job_id", "process", "process_count", "incarnation", "host", "boot_id", "pid", "pid_started", "device_kind", "slice", "restores", "started", "job_started", "acked", "spool")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    PODLOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    PROCESS_COUNT_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    PID_STARTED_FIELD_NUMBER: _ClassVar[int]
    DEVICE_KIND_FIELD_NUMBER: _ClassVar[int]
    SLICE_FIELD_NUMBER: _ClassVar[int]
    RESTORES_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    JOB_STARTED_FIELD_NUMBER: _ClassVar[int]
    ACKED_FIELD_NUMBER: _ClassVar[int]
    SPOOL_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    podlog_version: str
    features: _containers.RepeatedScalarFieldContainer[str]
    run_id: str
    job_id: str
    process: int
    process_count: int
    incarnation: int
    host: str
    boot_id: str
    pid: int
    pid_started: float
    device_kind: str
    slice: int
    restores: int
    started: float
    job_started: float
    acked: int
    spool: str
    def __init__(self, protocol: _Optional[int] = ..., podlog_version: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ..., run_id: _Optional[str] = ..., job_id: _Optional[str] = ..., process: _Optional[int] = ..., process_count: _Optional[int] = ..., incarnation: _Optional[int] = ..., host: _Optional[str] = ..., boot_id: _Optional[str] = ..., pid: _Optional[int] = ..., pid_started: _Optional[float] = ..., device_kind: _Optional[str] = ..., slice: _Optional[int] = ..., restores: _Optional[int] = ..., started: _Optional[float] = ..., job_started: _Optional[float] = ..., acked: _Optional[int] = ..., spool: _Optional[str] = ...) -> None: ...

class Open(_message.Message):
    __slots__ = ("run_id", "log_path", "config_json", "tools", "sys_path", "postprocess")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    LOG_PATH_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    SYS_PATH_FIELD_NUMBER: _ClassVar[int]
    POSTPROCESS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    log_path: str
    config_json: str
    tools: _containers.RepeatedCompositeFieldContainer[_feed_pb2.ToolSpec]
    sys_path: _containers.RepeatedScalarFieldContainer[str]
    postprocess: bool
    def __init__(self, run_id: _Optional[str] = ..., log_path: _Optional[str] = ..., config_json: _Optional[str] = ..., tools: _Optional[_Iterable[_Union[_feed_pb2.ToolSpec, _Mapping]]] = ..., sys_path: _Optional[_Iterable[str]] = ..., postprocess: bool = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("schemas", "blocks", "progress", "backlog")
    SCHEMAS_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    schemas: _containers.RepeatedCompositeFieldContainer[_records_pb2.Schema]
    blocks: _containers.RepeatedCompositeFieldContainer[_records_pb2.Block]
    progress: _containers.RepeatedCompositeFieldContainer[_beat_pb2.Progress]
    backlog: int
    def __init__(self, schemas: _Optional[_Iterable[_Union[_records_pb2.Schema, _Mapping]]] = ..., blocks: _Optional[_Iterable[_Union[_records_pb2.Block, _Mapping]]] = ..., progress: _Optional[_Iterable[_Union[_beat_pb2.Progress, _Mapping]]] = ..., backlog: _Optional[int] = ...) -> None: ...

class MergedRequest(_message.Message):
    __slots__ = ("id", "mode", "step")
    ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    id: int
    mode: str
    step: int
    def __init__(self, id: _Optional[int] = ..., mode: _Optional[str] = ..., step: _Optional[int] = ...) -> None: ...

class PostprocessAnswer(_message.Message):
    __slots__ = ("id", "metrics", "error")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _feed_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_feed_pb2.Value, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: int
    metrics: _containers.MessageMap[str, _feed_pb2.Value]
    error: str
    def __init__(self, id: _Optional[int] = ..., metrics: _Optional[_Mapping[str, _feed_pb2.Value]] = ..., error: _Optional[str] = ...) -> None: ...

class Finalize(_message.Message):
    __slots__ = ("status", "error")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    status: str
    error: str
    def __init__(self, status: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("status", "made", "error")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MADE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    status: str
    made: int
    error: str
    def __init__(self, status: _Optional[str] = ..., made: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...

class Orphan(_message.Message):
    __slots__ = ("hello", "batch", "last")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    batch: Batch
    last: bool
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ..., last: bool = ...) -> None: ...

class CoordinatorMessage(_message.Message):
    __slots__ = ("welcome", "ack", "heartbeat_reply", "merged_row", "postprocess_request", "verdict", "opened", "chunk", "stop_proposal", "stop_outcome", "first_sign", "stack_request")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_REPLY_FIELD_NUMBER: _ClassVar[int]
    MERGED_ROW_FIELD_NUMBER: _ClassVar[int]
    POSTPROCESS_REQUEST_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    STOP_PROPOSAL_FIELD_NUMBER: _ClassVar[int]
    STOP_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    FIRST_SIGN_FIELD_NUMBER: _ClassVar[int]
    STACK_REQUEST_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    ack: Ack
    heartbeat_reply: _beat_pb2.HeartbeatReply
    merged_row: MergedRow
    postprocess_request: PostprocessRequest
    verdict: _fate_pb2_1.Verdict
    opened: Opened
    chunk: Chunk
    stop_proposal: _fate_pb2_1.StopProposal
    stop_outcome: _fate_pb2_1.StopOutcome
    first_sign: _fate_pb2_1.FirstSign
    stack_request: _fate_pb2_1.StackRequest
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., heartbeat_reply: _Optional[_Union[_beat_pb2.HeartbeatReply, _Mapping]] = ..., merged_row: _Optional[_Union[MergedRow, _Mapping]] = ..., postprocess_request: _Optional[_Union[PostprocessRequest, _Mapping]] = ..., verdict: _Optional[_Union[_fate_pb2_1.Verdict, _Mapping]] = ..., opened: _Optional[_Union[Opened, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ..., stop_proposal: _Optional[_Union[_fate_pb2_1.StopProposal, _Mapping]] = ..., stop_outcome: _Optional[_Union[_fate_pb2_1.StopOutcome, _Mapping]] = ..., first_sign: _Optional[_Union[_fate_pb2_1.FirstSign, _Mapping]] = ..., stack_request: _Optional[_Union[_fate_pb2_1.StackRequest, _Mapping]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("incarnation", "ack", "podlog_version", "job_id", "send_interval_s", "heartbeat_s", "warnings", "job_started")
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    PODLOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    SEND_INTERVAL_S_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_S_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    JOB_STARTED_FIELD_NUMBER: _ClassVar[int]
    incarnation: int
    ack: int
    podlog_version: str
    job_id: str
    send_interval_s: float
    heartbeat_s: float
    warnings: _containers.RepeatedScalarFieldContainer[str]
    job_started: float
    def __init__(self, incarnation: _Optional[int] = ..., ack: _Optional[int] = ..., podlog_version: _Optional[str] = ..., job_id: _Optional[str] = ..., send_interval_s: _Optional[float] = ..., heartbeat_s: _Optional[float] = ..., warnings: _Optional[_Iterable[str]] = ..., job_started: _Optional[float] = ...) -> None: ...

class Opened(_message.Message):
    __slots__ = ("run_id", "log_path", "attempt")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    LOG_PATH_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    log_path: str
    attempt: int
    def __init__(self, run_id: _Optional[str] = ..., log_path: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("incarnation", "seq")
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    incarnation: int
    seq: int
    def __init__(self, incarnation: _Optional[int] = ..., seq: _Optional[int] = ...) -> None: ...

class MergedRow(_message.Message):
    __slots__ = ("id", "row")
    ID_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    id: int
    row: _feed_pb2.Row
    def __init__(self, id: _Optional[int] = ..., row: _Optional[_Union[_feed_pb2.Row, _Mapping]] = ...) -> None: ...

class PostprocessRequest(_message.Message):
    __slots__ = ("id", "metrics")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _feed_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_feed_pb2.Value, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    id: int
    metrics: _containers.MessageMap[str, _feed_pb2.Value]
    def __init__(self, id: _Optional[int] = ..., metrics: _Optional[_Mapping[str, _feed_pb2.Value]] = ...) -> None: ...
