"""Hostile frames for a coordinator: seeded, and known to be refused or to change nothing."""

import itertools
import math
import random
from collections.abc import Iterator

from podlog.coordinator.messages import VERSION
from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import encode_block, schema_message
from podlog.proto.records import OP_COLUMNS, Draft, Dtype, Kind, Metric, Op, Schema

LIMIT = (1 << 64) - 1
MODE = "evil"


def hello(process: int, processes: int, incarnation: int, **more: object) -> pb.Hello:
    """A Hello that a coordinator takes, but for what `more` says."""
    made = pb.Hello(
        protocol=1,
        podlog_version=VERSION,
        process=process,
        process_count=processes,
        incarnation=incarnation,
        host="evil",
        started=1.0,
    )
    for name, value in more.items():
        setattr(made, name, value)
    return made


def frame(**body: object) -> bytes:
    """A serialized `WorkerMessage`."""
    return pb.WorkerMessage(**body).SerializeToString()


class Hostile:
    """One hostile peer's inventions, from its seed.

    Args:
        who: the Hello of its streams.
        seed: the same seed says the same.
    """

    def __init__(self, who: pb.Hello, seed: int) -> None:
        self.random = random.Random(seed)
        self.who = who
        self.schema = Schema(
            Kind.STEP,
            MODE,
            (Metric("x", Op.NUMBER, (Dtype.F8,)), Metric("t", Op.TEXT, (Dtype.BYTES,))),
        )

    def noise(self, most: int = 2000) -> bytes:
        """Bytes of no meaning."""
        return self.random.randbytes(self.random.randrange(1, most))

    def harmless(self) -> bytes:
        """A message that a worker may send as often as it likes, and that stores nothing."""
        r = self.random
        progress = pb.Progress(mode=MODE, kind="STEP", step=r.randrange(100), seq=1 << 40)
        return r.choice(
            (
                frame(heartbeat=pb.Heartbeat(sent=r.random(), step=r.randrange(1 << 60))),
                frame(heartbeat=pb.Heartbeat(sent=float("nan"), backlog=LIMIT)),
                frame(batch=pb.Batch(progress=[progress])),
                frame(merged_request=pb.MergedRequest(id=r.randrange(LIMIT), mode=MODE, step=-1)),
                frame(batch=pb.Batch(backlog=r.randrange(LIMIT))),
                frame(batch=pb.Batch(schemas=[schema_message(Schema(Kind.HOST, MODE))])),
                frame(postprocess_answer=pb.PostprocessAnswer(id=r.randrange(LIMIT))),
            )
        )

    def valid(self, first: int, count: int) -> bytes:
        """A batch of new records."""
        drafts = [
            Draft(self.schema, step, 0, 0, 1.0, (self.random.random(), b"text"))
            for step in range(first, first + count)
        ]
        block = encode_block(self.who.process, self.who.incarnation, 0, first, drafts)
        said = pb.Progress(mode=MODE, kind="STEP", step=first, seq=first)
        return frame(
            batch=pb.Batch(schemas=[schema_message(self.schema)], blocks=[block], progress=[said])
        )

    def mutated(self, data: bytes) -> bytes:
        """`data` with some bytes flipped, cut, doubled or replaced."""
        r, found = self.random, bytearray(data)
        for _ in range(r.randrange(1, 6)):
            at = r.randrange(len(found)) if found else 0
            match r.randrange(5):
                case 0 if found:
                    found[at] ^= 1 << r.randrange(8)
                case 1 if found:
                    found[at] = r.choice((0, 1, 0x7F, 0x80, 0xFF))
                case 2:
                    del found[at : at + r.randrange(1, 9)]
                case 3:
                    found[at:at] = found[at : at + r.randrange(1, 20)]
                case _:
                    found[at:at] = r.randbytes(r.randrange(1, 5))
        return bytes(found)

    def refused(self) -> bytes:
        """A message that must end its stream and store nothing."""
        return self.random.choice(self._refused)(self)

    def strange(self, first: int = 1) -> Iterator[bytes]:
        """Records numbered from `first` that may be taken, each the worst of its kind."""
        r = self.random
        arrays = [
            array_head("|S0", (1 << 40,)),
            array_head("<f8", (1 << 50,)),
            array_head("<c16", (1,)) + bytes(16),
            array_head("<f8", (0, 1 << 40)),
            b"\x93NUMPY",
        ]
        for op, dtype in itertools.product(Op, Dtype):
            columns = (dtype,) * OP_COLUMNS[op]
            metrics = (Metric("k", op, columns), Metric("k", op, columns, (1, 2), True))
            schema = Schema(r.choice((Kind.STEP, Kind.HOST, Kind.LOG)), MODE, metrics)
            worst = {
                Dtype.F8: (math.nan, math.inf, -1e308, 0.0),
                Dtype.I8: (-(1 << 63), (1 << 63) - 1, 0),
                Dtype.BOOL: (True,),
                Dtype.BYTES: arrays,
            }[dtype]
            step = r.choice((-(1 << 63), (1 << 63) - 1, 0, 1))
            values = tuple(r.choice(worst) for _ in range(2 * len(columns)))
            draft = Draft(schema, step, (1 << 32) - 1, -(1 << 63), 1e308, values)
            block = encode_block(self.who.process, self.who.incarnation, 0, first, [draft])
            said = pb.Progress(mode=MODE, kind="STEP", step=step, seq=first, left=r.random() < 0.5)
            first += 1
            yield frame(
                batch=pb.Batch(schemas=[schema_message(schema)], blocks=[block], progress=[said])
            )
        batch = pb.WorkerMessage.FromString(self.valid(1, 3)).batch
        for more in ({}, {"job_id": MODE}, {"started": math.nan}, {"acked": (1 << 63) - 1}):
            dead = hello(r.choice((0, 99, (1 << 32) - 1)), 100, r.randrange(1 << 60), **more)
            yield frame(orphan=pb.Orphan(hello=dead, batch=batch, last=True))
            for block in batch.blocks:
                block.incarnation, block.process = dead.incarnation, dead.process
            yield frame(orphan=pb.Orphan(hello=dead, batch=batch))
        yield frame(finalize=pb.Finalize(status="\0" * 1000))

    def _block(self, **values: object) -> bytes:
        block = encode_block(
            self.who.process,
            self.who.incarnation,
            0,
            1,
            [Draft(self.schema, 1, 0, 0, 1.0, (1.0, b""))],
        )
        for name, value in values.items():
            if isinstance(value, list):
                del getattr(block, name)[:]
                getattr(block, name).extend(value)
            else:
                setattr(block, name, value)
        return frame(batch=pb.Batch(schemas=[schema_message(self.schema)], blocks=[block]))

    def _schema(self, **values: object) -> bytes:
        made = schema_message(self.schema)
        for name, value in values.items():
            setattr(made, name, value)
        return frame(batch=pb.Batch(schemas=[made]))

    _refused = (
        lambda self: b"\xff" + self.noise(),
        lambda self: frame(hello=self.who),
        lambda self: frame(open=pb.Open(log_path="/tmp/evil\0")),
        lambda self: frame(),
        lambda self: self.valid(1, 3)[:-1],
        lambda self: self._block(incarnation=self.random.randrange(1 << 60)),
        lambda self: self._block(process=self.random.choice((0, 7, 1 << 31))),
        lambda self: self._block(schema_id=self.random.randrange(1 << 60)),
        lambda self: self._block(first_seq=self.random.choice((0, LIMIT, 1 << 63))),
        lambda self: self._block(time=[self.random.choice((float("nan"), float("inf")))]),
        lambda self: self._block(step=[1] * self.random.randrange(2, 100)),
        lambda self: self._block(n=[]),
        lambda self: self._block(values=self.random.randbytes(7)),
        lambda self: self._block(payloads=[b"x"] * self.random.randrange(2, 50)),
        lambda self: self._block(occurrences=[1] * 99),
        lambda self: self._schema(mode="x" * self.random.randrange(1, 500_000)),
        lambda self: self._schema(kind=self.random.choice((0, 9, -5))),
        lambda self: self._schema(id=self.random.randrange(1 << 60)),
        lambda self: frame(chunk=pb.Chunk()),
        lambda self: frame(chunk=pb.Chunk(data=self.noise(), last=True)),
    )


def array_head(dtype: str, shape: tuple[int, ...]) -> bytes:
    """The head of an array file that says so; the data do not follow."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00\x76\x00" + text.encode().ljust(117) + b"\n"
