# feed.proto sha256: 9a4cb4a3c529abea6408d7d5d404f43e8b564baad2ef4ddc705c5f69a4dbd03f
from podlog.proto import records_pb2 as _records_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

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

class Row(_message.Message):
    __slots__ = ("id", "attempt", "mode", "step", "kind", "n", "revision", "epoch", "time", "metrics", "shown", "has_shown", "processes", "missing", "absent", "spreads", "non_finite", "flags", "per_process", "key_order", "spread_table", "number_table")
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
    SPREAD_TABLE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_TABLE_FIELD_NUMBER: _ClassVar[int]
    id: int
    attempt: int
    mode: str
    step: int
    kind: _records_pb2.Kind
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
    spread_table: SpreadTable
    number_table: NumberTable
    def __init__(self, id: _Optional[int] = ..., attempt: _Optional[int] = ..., mode: _Optional[str] = ..., step: _Optional[int] = ..., kind: _Optional[_Union[_records_pb2.Kind, str]] = ..., n: _Optional[int] = ..., revision: _Optional[int] = ..., epoch: _Optional[int] = ..., time: _Optional[float] = ..., metrics: _Optional[_Mapping[str, Value]] = ..., shown: _Optional[_Mapping[str, Value]] = ..., has_shown: bool = ..., processes: _Optional[_Iterable[int]] = ..., missing: _Optional[_Iterable[int]] = ..., absent: _Optional[_Iterable[int]] = ..., spreads: _Optional[_Iterable[_Union[Spread, _Mapping]]] = ..., non_finite: _Optional[_Iterable[_Union[NonFinite, _Mapping]]] = ..., flags: _Optional[_Iterable[str]] = ..., per_process: _Optional[_Iterable[_Union[PerProcess, _Mapping]]] = ..., key_order: _Optional[_Iterable[str]] = ..., spread_table: _Optional[_Union[SpreadTable, _Mapping]] = ..., number_table: _Optional[_Union[NumberTable, _Mapping]] = ...) -> None: ...

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
    op: _records_pb2.Op
    payload: bytes
    def __init__(self, op: _Optional[_Union[_records_pb2.Op, str]] = ..., payload: _Optional[bytes] = ...) -> None: ...

class PerProcess(_message.Message):
    __slots__ = ("key", "processes", "values", "at")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    key: str
    processes: _containers.RepeatedScalarFieldContainer[int]
    values: _containers.RepeatedCompositeFieldContainer[Value]
    at: int
    def __init__(self, key: _Optional[str] = ..., processes: _Optional[_Iterable[int]] = ..., values: _Optional[_Iterable[_Union[Value, _Mapping]]] = ..., at: _Optional[int] = ...) -> None: ...

class Spread(_message.Message):
    __slots__ = ("key", "min", "max", "min_process", "max_process", "processes", "at")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MIN_PROCESS_FIELD_NUMBER: _ClassVar[int]
    MAX_PROCESS_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    key: str
    min: Value
    max: Value
    min_process: int
    max_process: int
    processes: _containers.RepeatedScalarFieldContainer[int]
    at: int
    def __init__(self, key: _Optional[str] = ..., min: _Optional[_Union[Value, _Mapping]] = ..., max: _Optional[_Union[Value, _Mapping]] = ..., min_process: _Optional[int] = ..., max_process: _Optional[int] = ..., processes: _Optional[_Iterable[int]] = ..., at: _Optional[int] = ...) -> None: ...

class SpreadTable(_message.Message):
    __slots__ = ("keys", "min", "max", "min_process", "max_process")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MIN_PROCESS_FIELD_NUMBER: _ClassVar[int]
    MAX_PROCESS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[int]
    min: _containers.RepeatedScalarFieldContainer[float]
    max: _containers.RepeatedScalarFieldContainer[float]
    min_process: _containers.RepeatedScalarFieldContainer[int]
    max_process: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, keys: _Optional[_Iterable[int]] = ..., min: _Optional[_Iterable[float]] = ..., max: _Optional[_Iterable[float]] = ..., min_process: _Optional[_Iterable[int]] = ..., max_process: _Optional[_Iterable[int]] = ...) -> None: ...

class NumberTable(_message.Message):
    __slots__ = ("keys", "values")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, keys: _Optional[_Iterable[int]] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

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

class ToolSpec(_message.Message):
    __slots__ = ("name", "builtin", "pickled")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BUILTIN_FIELD_NUMBER: _ClassVar[int]
    PICKLED_FIELD_NUMBER: _ClassVar[int]
    name: str
    builtin: bool
    pickled: bytes
    def __init__(self, name: _Optional[str] = ..., builtin: bool = ..., pickled: _Optional[bytes] = ...) -> None: ...

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
    __slots__ = ("error", "position", "ignored", "away")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELD_NUMBER: _ClassVar[int]
    AWAY_FIELD_NUMBER: _ClassVar[int]
    error: str
    position: bytes
    ignored: int
    away: bool
    def __init__(self, error: _Optional[str] = ..., position: _Optional[bytes] = ..., ignored: _Optional[int] = ..., away: bool = ...) -> None: ...
