"""Records and rows to messages and back; protobuf stops here.

All functions are pure and thread-safe. Those that read raise `WireError` on
anything the .proto does not allow.
"""

import functools
import hashlib
import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
from google.protobuf.message import Message

from . import podlog_pb2 as pb
from .errors import WireError
from .layout import layout_of
from .records import (
    OP_COLUMNS,
    Draft,
    Dtype,
    Event,
    Gap,
    Kind,
    LogLine,
    Metric,
    Op,
    Record,
    RunConfig,
    Schema,
)

_MOST = (1 << 63) - 1
_INTERNED_BYTES = 64 << 10

# ---------------------------------------------------------------- schemas


def schema_message(schema: Schema) -> pb.Schema:
    """The message of a schema, with its id."""
    message = pb.Schema(kind=schema.kind.name, mode=schema.mode)
    for metric in schema.metrics:
        message.metrics.add(
            key=metric.key,
            op=metric.op.value,
            dtypes=[dtype.value for dtype in metric.dtypes],
            replicas=metric.replicas,
            digest=metric.digest,
        )
    digest = hashlib.blake2b(message.SerializeToString(deterministic=True)).digest()
    message.id = int.from_bytes(digest[:8], "little")
    return message


@functools.lru_cache(maxsize=1024)
def schema_id(schema: Schema) -> int:
    """The content-derived id of a schema."""
    return int(schema_message(schema).id)


def read_schema(message: pb.Schema) -> Schema:
    """The schema in a message.

    Raises:
        WireError: unknown kind, op or dtype, wrong columns, or an id that is
            not the content's.
    """
    try:
        schema = Schema(
            Kind(message.kind), message.mode, tuple(_read_metric(m) for m in message.metrics)
        )
    except ValueError as error:
        raise WireError(f"schema {message.id:#x}: {error}") from error

    if schema_message(schema).id != message.id:
        raise WireError(f"schema {message.id:#x}: id is not that of its content")

    return interned(schema) if message.ByteSize() <= _INTERNED_BYTES else schema


@functools.lru_cache(maxsize=512)
def interned(schema: Schema) -> Schema:
    """One object for equal schemas: that two records share one is seen at once."""
    return schema


def _read_metric(message: pb.Metric) -> Metric:
    op = Op(message.op)
    dtypes = tuple(Dtype(d) for d in message.dtypes)
    if len(dtypes) != OP_COLUMNS[op]:
        raise WireError(f"metric {message.key[:80]!r}: {op.name} has {OP_COLUMNS[op]} columns")
    return Metric(message.key, op, dtypes, tuple(message.replicas), message.digest)


# ---------------------------------------------------------------- records


def encode_block(
    process: int, incarnation: int, restores: int, first_seq: int, drafts: Sequence[Draft]
) -> pb.Block:
    """A block of drafts that share one schema, numbered from `first_seq`."""
    layout = layout_of(drafts[0].schema)
    values = bytearray()
    payloads: list[bytes] = []
    occurrences: list[int] = []
    never = (0,) * len(drafts[0].schema.metrics)
    repeated = any(draft.occurrences for draft in drafts)
    for draft in drafts:
        scalars, others = layout.pack(draft.values)
        values += scalars
        payloads += others
        if repeated:
            occurrences += draft.occurrences or never
    return pb.Block(
        process=process,
        incarnation=incarnation,
        restores=restores,
        schema_id=schema_id(drafts[0].schema),
        first_seq=first_seq,
        step=[d.step for d in drafts],
        n=[d.n for d in drafts],
        epoch=[d.epoch for d in drafts],
        time=[d.time for d in drafts],
        values=bytes(values),
        payloads=payloads,
        occurrences=occurrences,
    )


def decode_block(block: pb.Block, schemas: Mapping[int, Schema]) -> list[Record]:
    """The records of a block, in order of sequence number.

    Args:
        block: the message.
        schemas: known schemas by id.

    Raises:
        WireError: unknown schema, columns of unequal length, numbers beyond
            what a journal holds.
    """
    schema = schemas.get(block.schema_id)
    if schema is None:
        raise WireError(f"block of process {block.process}: unknown schema {block.schema_id:#x}")

    layout = layout_of(schema)
    n_payloads, n_metrics = len(layout.payloads), len(schema.metrics)
    count = len(block.step)
    if (
        not len(block.n) == len(block.epoch) == len(block.time) == count
        or len(block.values) != count * layout.scalars.size
        or len(block.payloads) != count * n_payloads
        or len(block.occurrences) not in (0, count * n_metrics)
        or not 1 <= block.first_seq <= _MOST - count
        or not all(map(math.isfinite, block.time))
    ):
        raise WireError(
            f"block of process {block.process} at seq {block.first_seq}: wrong lengths or numbers"
        )

    source = (block.process, block.incarnation, block.restores)
    packed, first = block.values, block.first_seq
    records = []
    for i, at in enumerate(zip(block.step, block.n, block.epoch, block.time, strict=True)):
        payloads = block.payloads[i * n_payloads : (i + 1) * n_payloads] if n_payloads else ()
        values = layout.unpack(packed, i, payloads)
        seen = block.occurrences[i * n_metrics : (i + 1) * n_metrics]
        occurrences = tuple(seen) if any(seen) else ()
        records.append(Record(*source, first + i, Draft(schema, *at, values, occurrences)))
    return records


# ---------------------------------------------------------------- payloads

_PAYLOAD = (Metric("", Op.PAYLOAD, (Dtype.BYTES,)),)
LOG_SCHEMA = Schema(Kind.LOG, "", _PAYLOAD)
EVENT_SCHEMA = Schema(Kind.EVENT, "", _PAYLOAD)
CONFIG_SCHEMA = Schema(Kind.CONFIG, "", _PAYLOAD)
GAP_SCHEMA = Schema(Kind.GAP, "", _PAYLOAD)

Body = LogLine | Event | RunConfig | Gap


def body_draft(body: Body, time: float, step: int = 0, epoch: int = 0) -> Draft:
    """A draft of kind LOG, EVENT, CONFIG or GAP around its body."""
    match body:
        case LogLine(level, logger, message, host):
            schema = LOG_SCHEMA
            data: Message = pb.LogLine(level=level, logger=logger, message=message, host=host)
        case Event():
            schema, data = EVENT_SCHEMA, event_message(body)
        case RunConfig(json, pickled):
            schema, data = CONFIG_SCHEMA, pb.Config(json=json, pickled=pickled)
        case Gap(first, last, cause):
            schema, data = GAP_SCHEMA, pb.Gap(first=first, last=last, cause=cause)
    return Draft(schema, step, 0, epoch, time, (data.SerializeToString(),))


def record_body(record: Record) -> Body:
    """The body of a LOG, EVENT, CONFIG or GAP record.

    Raises:
        WireError: not such a record, or its payload cannot be read.
    """
    try:
        (payload,) = record.draft.values
        assert isinstance(payload, bytes)
        match record.kind:
            case Kind.LOG:
                line = pb.LogLine.FromString(payload)
                return LogLine(line.level, line.logger, line.message, line.host)
            case Kind.EVENT:
                return read_event(pb.Event.FromString(payload))
            case Kind.CONFIG:
                config = pb.Config.FromString(payload)
                return RunConfig(config.json, config.pickled)
            case Kind.GAP:
                gap = pb.Gap.FromString(payload)
                return Gap(gap.first, gap.last, gap.cause)
    except Exception as error:
        raise WireError(
            f"record {record.seq} of process {record.process}: unreadable body ({error})"
        ) from error
    raise WireError(f"record {record.seq} of process {record.process}: {record.kind} has no body")


def event_message(event: Event) -> pb.Event:
    """The message of an event."""
    return pb.Event(
        name=event.name,
        text=event.text,
        mode=event.mode,
        key=event.key,
        host=event.host,
        fields=event.fields,
    )


def read_event(message: pb.Event) -> Event:
    """The event in a message."""
    return Event(
        message.name, message.text, message.mode, message.key, message.host, dict(message.fields)
    )


def pack_array(array: np.ndarray) -> bytes:
    """An array of a plain NumPy dtype in the .npy format, without pickles."""
    out = io.BytesIO()
    np.lib.format.write_array(
        out, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False
    )
    return out.getvalue()


def unpack_array(data: bytes) -> np.ndarray:
    """The array in `data`.

    Raises:
        WireError: not an array, or one of objects.
    """
    try:
        array = np.asarray(np.lib.format.read_array(io.BytesIO(data), allow_pickle=False))
    except Exception as error:
        raise WireError(f"array of {len(data)} bytes: {error}") from error
    if array.nbytes > len(data) or not array.itemsize:
        raise WireError(f"array of {len(data)} bytes: {array.dtype} {array.shape} is larger")
    return array


def safe_text(text: str) -> str:
    """`text` with what UTF-8 cannot hold (lone surrogates) written as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
