# podlog.proto sha256: 3b358eacd41007fd2aa160def864fa6324aa57d8febef209e185f1c5ba797418
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    STEP: _ClassVar[Kind]
    HOST: _ClassVar[Kind]
    EPOCH: _ClassVar[Kind]
    LOG: _ClassVar[Kind]
    EVENT: _ClassVar[Kind]
    CONFIG: _ClassVar[Kind]
    GAP: _ClassVar[Kind]

class Op(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OP_UNSPECIFIED: _ClassVar[Op]
    MEAN: _ClassVar[Op]
    SUM: _ClassVar[Op]
    MIN: _ClassVar[Op]
    MAX: _ClassVar[Op]
    SINGLE: _ClassVar[Op]
    STD: _ClassVar[Op]
    CONCAT: _ClassVar[Op]
    CONCAT_COUNTED: _ClassVar[Op]
    HISTOGRAM: _ClassVar[Op]
    NUMBER: _ClassVar[Op]
    COUNTER: _ClassVar[Op]
    TEXT: _ClassVar[Op]
    IMAGE: _ClassVar[Op]
    TABLE: _ClassVar[Op]
    PAYLOAD: _ClassVar[Op]

class Dtype(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    F8: _ClassVar[Dtype]
    I8: _ClassVar[Dtype]
    BOOL: _ClassVar[Dtype]
    BYTES: _ClassVar[Dtype]
KIND_UNSPECIFIED: Kind
STEP: Kind
HOST: Kind
EPOCH: Kind
LOG: Kind
EVENT: Kind
CONFIG: Kind
GAP: Kind
OP_UNSPECIFIED: Op
MEAN: Op
SUM: Op
MIN: Op
MAX: Op
SINGLE: Op
STD: Op
CONCAT: Op
CONCAT_COUNTED: Op
HISTOGRAM: Op
NUMBER: Op
COUNTER: Op
TEXT: Op
IMAGE: Op
TABLE: Op
PAYLOAD: Op
F8: Dtype
I8: Dtype
BOOL: Dtype
BYTES: Dtype

class WorkerMessage(_message.Message):
    __slots__ = ("hello", "open", "batch", "heartbeat", "merged_request", "postprocess_answer", "finalize", "goodbye")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    MERGED_REQUEST_FIELD_NUMBER: _ClassVar[int]
    POSTPROCESS_ANSWER_FIELD_NUMBER: _ClassVar[int]
    FINALIZE_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    open: Open
    batch: Batch
    heartbeat: Heartbeat
    merged_request: MergedRequest
    postprocess_answer: PostprocessAnswer
    finalize: Finalize
    goodbye: Goodbye
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., open: _Optional[_Union[Open, _Mapping]] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., merged_request: _Optional[_Union[MergedRequest, _Mapping]] = ..., postprocess_answer: _Optional[_Union[PostprocessAnswer, _Mapping]] = ..., finalize: _Optional[_Union[Finalize, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol", "podlog_version", "features", "run_id", "job_id", "process", "process_count", "incarnation", "host", "boot_id", "pid", "pid_started", "device_kind", "slice", "restores", "started")
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
    def __init__(self, protocol: _Optional[int] = ..., podlog_version: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ..., run_id: _Optional[str] = ..., job_id: _Optional[str] = ..., process: _Optional[int] = ..., process_count: _Optional[int] = ..., incarnation: _Optional[int] = ..., host: _Optional[str] = ..., boot_id: _Optional[str] = ..., pid: _Optional[int] = ..., pid_started: _Optional[float] = ..., device_kind: _Optional[str] = ..., slice: _Optional[int] = ..., restores: _Optional[int] = ..., started: _Optional[float] = ...) -> None: ...

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
    tools: _containers.RepeatedCompositeFieldContainer[ToolSpec]
    sys_path: _containers.RepeatedScalarFieldContainer[str]
    postprocess: bool
    def __init__(self, run_id: _Optional[str] = ..., log_path: _Optional[str] = ..., config_json: _Optional[str] = ..., tools: _Optional[_Iterable[_Union[ToolSpec, _Mapping]]] = ..., sys_path: _Optional[_Iterable[str]] = ..., postprocess: bool = ...) -> None: ...

class ToolSpec(_message.Message):
    __slots__ = ("name", "builtin", "pickled")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BUILTIN_FIELD_NUMBER: _ClassVar[int]
    PICKLED_FIELD_NUMBER: _ClassVar[int]
    name: str
    builtin: bool
    pickled: bytes
    def __init__(self, name: _Optional[str] = ..., builtin: bool = ..., pickled: _Optional[bytes] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("schemas", "blocks", "progress", "backlog")
    SCHEMAS_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    schemas: _containers.RepeatedCompositeFieldContainer[Schema]
    blocks: _containers.RepeatedCompositeFieldContainer[Block]
    progress: _containers.RepeatedCompositeFieldContainer[Progress]
    backlog: int
    def __init__(self, schemas: _Optional[_Iterable[_Union[Schema, _Mapping]]] = ..., blocks: _Optional[_Iterable[_Union[Block, _Mapping]]] = ..., progress: _Optional[_Iterable[_Union[Progress, _Mapping]]] = ..., backlog: _Optional[int] = ...) -> None: ...

class Schema(_message.Message):
    __slots__ = ("id", "kind", "mode", "metrics")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: Kind
    mode: str
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[_Union[Kind, str]] = ..., mode: _Optional[str] = ..., metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ...) -> None: ...

class Metric(_message.Message):
    __slots__ = ("key", "op", "dtypes", "replicas", "digest", "occurrence")
    KEY_FIELD_NUMBER: _ClassVar[int]
    OP_FIELD_NUMBER: _ClassVar[int]
    DTYPES_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OCCURRENCE_FIELD_NUMBER: _ClassVar[int]
    key: str
    op: Op
    dtypes: _containers.RepeatedScalarFieldContainer[Dtype]
    replicas: _containers.RepeatedScalarFieldContainer[int]
    digest: bool
    occurrence: int
    def __init__(self, key: _Optional[str] = ..., op: _Optional[_Union[Op, str]] = ..., dtypes: _Optional[_Iterable[_Union[Dtype, str]]] = ..., replicas: _Optional[_Iterable[int]] = ..., digest: bool = ..., occurrence: _Optional[int] = ...) -> None: ...

class Block(_message.Message):
    __slots__ = ("process", "incarnation", "restores", "schema_id", "first_seq", "step", "n", "epoch", "time", "values", "payloads")
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    RESTORES_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    PAYLOADS_FIELD_NUMBER: _ClassVar[int]
    process: int
    incarnation: int
    restores: int
    schema_id: int
    first_seq: int
    step: _containers.RepeatedScalarFieldContainer[int]
    n: _containers.RepeatedScalarFieldContainer[int]
    epoch: _containers.RepeatedScalarFieldContainer[int]
    time: _containers.RepeatedScalarFieldContainer[float]
    values: bytes
    payloads: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, process: _Optional[int] = ..., incarnation: _Optional[int] = ..., restores: _Optional[int] = ..., schema_id: _Optional[int] = ..., first_seq: _Optional[int] = ..., step: _Optional[_Iterable[int]] = ..., n: _Optional[_Iterable[int]] = ..., epoch: _Optional[_Iterable[int]] = ..., time: _Optional[_Iterable[float]] = ..., values: _Optional[bytes] = ..., payloads: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("mode", "kind", "step", "seq", "left")
    MODE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    mode: str
    kind: Kind
    step: int
    seq: int
    left: bool
    def __init__(self, mode: _Optional[str] = ..., kind: _Optional[_Union[Kind, str]] = ..., step: _Optional[int] = ..., seq: _Optional[int] = ..., left: bool = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("sent", "step", "phase", "mode", "backlog", "pending", "progress")
    SENT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    sent: float
    step: int
    phase: str
    mode: str
    backlog: int
    pending: int
    progress: _containers.RepeatedCompositeFieldContainer[Progress]
    def __init__(self, sent: _Optional[float] = ..., step: _Optional[int] = ..., phase: _Optional[str] = ..., mode: _Optional[str] = ..., backlog: _Optional[int] = ..., pending: _Optional[int] = ..., progress: _Optional[_Iterable[_Union[Progress, _Mapping]]] = ...) -> None: ...

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
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: int
    metrics: _containers.MessageMap[str, Value]
    error: str
    def __init__(self, id: _Optional[int] = ..., metrics: _Optional[_Mapping[str, Value]] = ..., error: _Optional[str] = ...) -> None: ...

class Finalize(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: str
    def __init__(self, status: _Optional[str] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: str
    def __init__(self, status: _Optional[str] = ...) -> None: ...

class CoordinatorMessage(_message.Message):
    __slots__ = ("welcome", "ack", "heartbeat_reply", "merged_row", "postprocess_request", "verdict", "opened")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_REPLY_FIELD_NUMBER: _ClassVar[int]
    MERGED_ROW_FIELD_NUMBER: _ClassVar[int]
    POSTPROCESS_REQUEST_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    ack: Ack
    heartbeat_reply: HeartbeatReply
    merged_row: MergedRow
    postprocess_request: PostprocessRequest
    verdict: Verdict
    opened: Opened
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., heartbeat_reply: _Optional[_Union[HeartbeatReply, _Mapping]] = ..., merged_row: _Optional[_Union[MergedRow, _Mapping]] = ..., postprocess_request: _Optional[_Union[PostprocessRequest, _Mapping]] = ..., verdict: _Optional[_Union[Verdict, _Mapping]] = ..., opened: _Optional[_Union[Opened, _Mapping]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("incarnation", "ack", "podlog_version", "job_id", "send_interval_s", "heartbeat_s", "warnings")
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    PODLOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    SEND_INTERVAL_S_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_S_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    incarnation: int
    ack: int
    podlog_version: str
    job_id: str
    send_interval_s: float
    heartbeat_s: float
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, incarnation: _Optional[int] = ..., ack: _Optional[int] = ..., podlog_version: _Optional[str] = ..., job_id: _Optional[str] = ..., send_interval_s: _Optional[float] = ..., heartbeat_s: _Optional[float] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

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

class HeartbeatReply(_message.Message):
    __slots__ = ("sent", "received", "replied")
    SENT_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    REPLIED_FIELD_NUMBER: _ClassVar[int]
    sent: float
    received: float
    replied: float
    def __init__(self, sent: _Optional[float] = ..., received: _Optional[float] = ..., replied: _Optional[float] = ...) -> None: ...

class MergedRow(_message.Message):
    __slots__ = ("id", "row")
    ID_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    id: int
    row: Row
    def __init__(self, id: _Optional[int] = ..., row: _Optional[_Union[Row, _Mapping]] = ...) -> None: ...

class PostprocessRequest(_message.Message):
    __slots__ = ("id", "metrics")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    id: int
    metrics: _containers.MessageMap[str, Value]
    def __init__(self, id: _Optional[int] = ..., metrics: _Optional[_Mapping[str, Value]] = ...) -> None: ...

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

class WatchRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LogLine(_message.Message):
    __slots__ = ("level", "logger", "message", "host")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    LOGGER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    level: int
    logger: str
    message: str
    host: str
    def __init__(self, level: _Optional[int] = ..., logger: _Optional[str] = ..., message: _Optional[str] = ..., host: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("name", "text", "mode", "key", "host", "fields")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    mode: str
    key: str
    host: str
    fields: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., mode: _Optional[str] = ..., key: _Optional[str] = ..., host: _Optional[str] = ..., fields: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Config(_message.Message):
    __slots__ = ("json", "pickled")
    JSON_FIELD_NUMBER: _ClassVar[int]
    PICKLED_FIELD_NUMBER: _ClassVar[int]
    json: str
    pickled: bytes
    def __init__(self, json: _Optional[str] = ..., pickled: _Optional[bytes] = ...) -> None: ...

class Gap(_message.Message):
    __slots__ = ("first", "last", "cause")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    first: int
    last: int
    cause: str
    def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ..., cause: _Optional[str] = ...) -> None: ...

class Row(_message.Message):
    __slots__ = ("id", "attempt", "mode", "step", "kind", "n", "revision", "epoch", "time", "metrics", "shown", "has_shown", "processes", "missing", "absent", "spreads", "non_finite", "flags", "per_process", "key_order")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    class ShownEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    SHOWN_FIELD_NUMBER: _ClassVar[int]
    HAS_SHOWN_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    ABSENT_FIELD_NUMBER: _ClassVar[int]
    SPREADS_FIELD_NUMBER: _ClassVar[int]
    NON_FINITE_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    PER_PROCESS_FIELD_NUMBER: _ClassVar[int]
    KEY_ORDER_FIELD_NUMBER: _ClassVar[int]
    id: int
    attempt: int
    mode: str
    step: int
    kind: Kind
    n: int
    revision: int
    epoch: int
    time: float
    metrics: _containers.MessageMap[str, Value]
    shown: _containers.MessageMap[str, Value]
    has_shown: bool
    processes: _containers.RepeatedScalarFieldContainer[int]
    missing: _containers.RepeatedScalarFieldContainer[int]
    absent: _containers.RepeatedScalarFieldContainer[int]
    spreads: _containers.RepeatedCompositeFieldContainer[Spread]
    non_finite: _containers.RepeatedCompositeFieldContainer[NonFinite]
    flags: _containers.RepeatedScalarFieldContainer[str]
    per_process: _containers.RepeatedCompositeFieldContainer[PerProcess]
    key_order: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[int] = ..., attempt: _Optional[int] = ..., mode: _Optional[str] = ..., step: _Optional[int] = ..., kind: _Optional[_Union[Kind, str]] = ..., n: _Optional[int] = ..., revision: _Optional[int] = ..., epoch: _Optional[int] = ..., time: _Optional[float] = ..., metrics: _Optional[_Mapping[str, Value]] = ..., shown: _Optional[_Mapping[str, Value]] = ..., has_shown: bool = ..., processes: _Optional[_Iterable[int]] = ..., missing: _Optional[_Iterable[int]] = ..., absent: _Optional[_Iterable[int]] = ..., spreads: _Optional[_Iterable[_Union[Spread, _Mapping]]] = ..., non_finite: _Optional[_Iterable[_Union[NonFinite, _Mapping]]] = ..., flags: _Optional[_Iterable[str]] = ..., per_process: _Optional[_Iterable[_Union[PerProcess, _Mapping]]] = ..., key_order: _Optional[_Iterable[str]] = ...) -> None: ...

class Value(_message.Message):
    __slots__ = ("f", "i", "b", "text", "big_int", "array", "histogram", "per_process", "media", "list", "none")
    F_FIELD_NUMBER: _ClassVar[int]
    I_FIELD_NUMBER: _ClassVar[int]
    B_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BIG_INT_FIELD_NUMBER: _ClassVar[int]
    ARRAY_FIELD_NUMBER: _ClassVar[int]
    HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
    PER_PROCESS_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    NONE_FIELD_NUMBER: _ClassVar[int]
    f: float
    i: int
    b: bool
    text: str
    big_int: str
    array: bytes
    histogram: HistogramValue
    per_process: PerProcess
    media: Media
    list: ValueList
    none: bool
    def __init__(self, f: _Optional[float] = ..., i: _Optional[int] = ..., b: bool = ..., text: _Optional[str] = ..., big_int: _Optional[str] = ..., array: _Optional[bytes] = ..., histogram: _Optional[_Union[HistogramValue, _Mapping]] = ..., per_process: _Optional[_Union[PerProcess, _Mapping]] = ..., media: _Optional[_Union[Media, _Mapping]] = ..., list: _Optional[_Union[ValueList, _Mapping]] = ..., none: bool = ...) -> None: ...

class ValueList(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[Value]
    def __init__(self, values: _Optional[_Iterable[_Union[Value, _Mapping]]] = ...) -> None: ...

class HistogramValue(_message.Message):
    __slots__ = ("edges", "counts")
    EDGES_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    edges: bytes
    counts: bytes
    def __init__(self, edges: _Optional[bytes] = ..., counts: _Optional[bytes] = ...) -> None: ...

class Media(_message.Message):
    __slots__ = ("op", "payload")
    OP_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    op: Op
    payload: bytes
    def __init__(self, op: _Optional[_Union[Op, str]] = ..., payload: _Optional[bytes] = ...) -> None: ...

class PerProcess(_message.Message):
    __slots__ = ("key", "processes", "values")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    key: str
    processes: _containers.RepeatedScalarFieldContainer[int]
    values: _containers.RepeatedCompositeFieldContainer[Value]
    def __init__(self, key: _Optional[str] = ..., processes: _Optional[_Iterable[int]] = ..., values: _Optional[_Iterable[_Union[Value, _Mapping]]] = ...) -> None: ...

class Spread(_message.Message):
    __slots__ = ("key", "min", "max", "min_process", "max_process", "processes")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MIN_PROCESS_FIELD_NUMBER: _ClassVar[int]
    MAX_PROCESS_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    key: str
    min: Value
    max: Value
    min_process: int
    max_process: int
    processes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, key: _Optional[str] = ..., min: _Optional[_Union[Value, _Mapping]] = ..., max: _Optional[_Union[Value, _Mapping]] = ..., min_process: _Optional[int] = ..., max_process: _Optional[int] = ..., processes: _Optional[_Iterable[int]] = ...) -> None: ...

class NonFinite(_message.Message):
    __slots__ = ("process", "host", "key", "step", "nan")
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    NAN_FIELD_NUMBER: _ClassVar[int]
    process: int
    host: str
    key: str
    step: int
    nan: bool
    def __init__(self, process: _Optional[int] = ..., host: _Optional[str] = ..., key: _Optional[str] = ..., step: _Optional[int] = ..., nan: bool = ...) -> None: ...

class EventItem(_message.Message):
    __slots__ = ("id", "attempt", "process", "step", "time", "event")
    ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    id: int
    attempt: int
    process: int
    step: int
    time: float
    event: Event
    def __init__(self, id: _Optional[int] = ..., attempt: _Optional[int] = ..., process: _Optional[int] = ..., step: _Optional[int] = ..., time: _Optional[float] = ..., event: _Optional[_Union[Event, _Mapping]] = ...) -> None: ...

class ConfigItem(_message.Message):
    __slots__ = ("id", "config")
    ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    id: int
    config: Config
    def __init__(self, id: _Optional[int] = ..., config: _Optional[_Union[Config, _Mapping]] = ...) -> None: ...

class FeedItem(_message.Message):
    __slots__ = ("row", "event", "config")
    ROW_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    row: Row
    event: EventItem
    config: ConfigItem
    def __init__(self, row: _Optional[_Union[Row, _Mapping]] = ..., event: _Optional[_Union[EventItem, _Mapping]] = ..., config: _Optional[_Union[ConfigItem, _Mapping]] = ...) -> None: ...

class FeedRequest(_message.Message):
    __slots__ = ("open", "write", "finalize")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    WRITE_FIELD_NUMBER: _ClassVar[int]
    FINALIZE_FIELD_NUMBER: _ClassVar[int]
    open: FeedOpen
    write: FeedWrite
    finalize: FeedFinalize
    def __init__(self, open: _Optional[_Union[FeedOpen, _Mapping]] = ..., write: _Optional[_Union[FeedWrite, _Mapping]] = ..., finalize: _Optional[_Union[FeedFinalize, _Mapping]] = ...) -> None: ...

class FeedOpen(_message.Message):
    __slots__ = ("tool", "sys_path", "run_id", "log_path", "config_json", "position")
    TOOL_FIELD_NUMBER: _ClassVar[int]
    SYS_PATH_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    LOG_PATH_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    tool: ToolSpec
    sys_path: _containers.RepeatedScalarFieldContainer[str]
    run_id: str
    log_path: str
    config_json: str
    position: bytes
    def __init__(self, tool: _Optional[_Union[ToolSpec, _Mapping]] = ..., sys_path: _Optional[_Iterable[str]] = ..., run_id: _Optional[str] = ..., log_path: _Optional[str] = ..., config_json: _Optional[str] = ..., position: _Optional[bytes] = ...) -> None: ...

class FeedWrite(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[FeedItem]
    def __init__(self, items: _Optional[_Iterable[_Union[FeedItem, _Mapping]]] = ...) -> None: ...

class FeedFinalize(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: str
    def __init__(self, status: _Optional[str] = ...) -> None: ...

class FeedReply(_message.Message):
    __slots__ = ("error", "position")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    error: str
    position: bytes
    def __init__(self, error: _Optional[str] = ..., position: _Optional[bytes] = ...) -> None: ...
