# records.proto sha256: 5cf322ac0a238ada652b93d9c11c9715ce5a9ebcd57e9ef5b8df98ba411f4dda
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
    __slots__ = ("key", "op", "dtypes", "replicas", "digest")
    KEY_FIELD_NUMBER: _ClassVar[int]
    OP_FIELD_NUMBER: _ClassVar[int]
    DTYPES_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    key: str
    op: Op
    dtypes: _containers.RepeatedScalarFieldContainer[Dtype]
    replicas: _containers.RepeatedScalarFieldContainer[int]
    digest: bool
    def __init__(self, key: _Optional[str] = ..., op: _Optional[_Union[Op, str]] = ..., dtypes: _Optional[_Iterable[_Union[Dtype, str]]] = ..., replicas: _Optional[_Iterable[int]] = ..., digest: bool = ...) -> None: ...

class Block(_message.Message):
    __slots__ = ("process", "incarnation", "restores", "schema_id", "first_seq", "step", "n", "epoch", "time", "values", "payloads", "occurrences")
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
    OCCURRENCES_FIELD_NUMBER: _ClassVar[int]
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
    occurrences: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, process: _Optional[int] = ..., incarnation: _Optional[int] = ..., restores: _Optional[int] = ..., schema_id: _Optional[int] = ..., first_seq: _Optional[int] = ..., step: _Optional[_Iterable[int]] = ..., n: _Optional[_Iterable[int]] = ..., epoch: _Optional[_Iterable[int]] = ..., time: _Optional[_Iterable[float]] = ..., values: _Optional[bytes] = ..., payloads: _Optional[_Iterable[bytes]] = ..., occurrences: _Optional[_Iterable[int]] = ...) -> None: ...

class Gap(_message.Message):
    __slots__ = ("first", "last", "cause")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    first: int
    last: int
    cause: str
    def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ..., cause: _Optional[str] = ...) -> None: ...
