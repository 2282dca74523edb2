"""Attackers of a coordinator: many streams of hostile frames, and how each was ended."""

import concurrent.futures
import contextlib
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import grpc
from kit_hostile import Hostile, frame, hello
from kit_target import PROCESSES, Target

from podlog.proto import podlog_pb2 as pb
from podlog.worker.transport import METHOD

ATTACKERS = 4


def speak(
    channel: grpc.Channel, frames: Iterable[bytes], token: str | None
) -> tuple[grpc.StatusCode, str]:
    """Sends frames on one stream and ends it; how the coordinator ended it."""
    metadata = () if token is None else (("podlog-token", token),)
    call = channel.stream_stream(METHOD)(iter(frames), metadata=metadata, timeout=30)
    try:
        for _ in call:
            pass
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


class Attack:
    """One attacker; counts what it sent and how its streams ended."""

    def __init__(self, target: Target, number: int, seed: int) -> None:
        who = hello(number, PROCESSES, 7000 + number)
        self.target = target
        self.hostile = Hostile(who, seed * 1000 + number)
        self.random = self.hostile.random
        self.ends: Counter[str] = Counter()
        self.sent = 0

    def strangers(self, frames: int) -> None:
        """Streams of a hundred frames with no token or a wrong one."""
        token = self.target.setup.token
        wrong = (None, "", "x", token[:-1], token + "0", token.upper() + " ", "0" * 64)
        with self.target.channel() as channel:
            for _ in range(max(1, frames // 100)):
                said = [self.hello(), *(self.hostile.noise(300) for _ in range(99))]
                self.say(channel, said, self.random.choice(wrong), "UNAUTHENTICATED")

    def foreign(self, frames: int) -> None:
        """Streams of another job, run or pod, and then a hundred good frames."""
        strange = (
            {"job_id": "another"},
            {"run_id": "another"},
            {"process_count": 3},
            {"process": PROCESSES},
            {"protocol": 9},
        )
        with self.target.channel() as channel:
            for _ in range(max(1, frames // 100)):
                said = [self.hello(**self.random.choice(strange))]
                said += [self.hostile.valid(1, 3) for _ in range(99)]
                self.say(channel, said, self.target.setup.token, "FAILED_PRECONDITION")

    def malformed(self, frames: int) -> None:
        """Good streams with one bad frame, or a bad Hello."""
        bad = (
            {"incarnation": 0},
            {"started": float("nan")},
            {"job_started": float("inf")},
            {"acked": (1 << 64) - 1},
            {"host": "x" * 70_000},
        )
        left = frames
        with self.target.channel() as channel:
            while left > 0:
                harmless = [self.hostile.harmless() for _ in range(self.random.randrange(60))]
                said = [self.hello(), *harmless, self.hostile.refused(), *harmless]
                if self.random.random() < 0.1:
                    said = [self.hello(**self.random.choice(bad)), *harmless]
                self.say(channel, said, self.target.setup.token, "INVALID_ARGUMENT")
                left -= len(said)

    def mutated_hellos(self, frames: int) -> None:
        """Each its own stream, most of them no Hello any more."""
        with self.target.channel() as channel:
            for _ in range(frames):
                said = self.hostile.mutated(self.hello())
                with contextlib.suppress(Exception):
                    found = pb.WorkerMessage.FromString(said).hello
                    if found.process != self.hostile.who.process:
                        continue
                self.say(channel, [said], self.target.setup.token)

    def mutated(self, frames: int) -> None:
        """Records of its own, good ones and mutated ones, until its stream is ended."""
        first = 1
        with self.target.channel() as channel:
            sent = 0
            while sent < frames:
                said = [self.hello()]
                for _ in range(self.random.randrange(1, 40)):
                    good = self.hostile.valid(first, 3)
                    first += 3
                    said.append(self.hostile.mutated(good) if self.random.random() < 0.3 else good)
                self.say(channel, said, self.target.setup.token)
                sent += len(said)

    def strange(self, lives: int) -> None:
        """Records that may be taken, the worst of each kind, each life from number 1 again."""
        with self.target.channel() as channel:
            for _ in range(lives):
                self.hostile.who.incarnation += 1000
                alone = [[each] for each in self.hostile.strange()]
                for said in [*alone, list(self.hostile.strange())]:
                    self.say(channel, [self.hello(), *said], self.target.setup.token)

    def flood(self, seconds: float) -> None:
        """As many harmless messages as the network takes, on streams that never end."""
        until = time.monotonic() + seconds

        def endless() -> Iterator[bytes]:
            yield self.hello()
            while time.monotonic() < until:
                self.sent += 1
                yield self.hostile.harmless()

        with self.target.channel() as channel:
            self.say(channel, endless(), self.target.setup.token)

    def pieces(self, count: int, size: int, *, last: bool = False) -> None:
        """Pieces of one message that has no end, or a senseless one."""
        whole = self.random.randbytes(size)
        said = [frame(chunk=pb.Chunk(data=whole)) for _ in range(count)]
        said.append(
            frame(chunk=pb.Chunk(data=b"x", last=True)) if last else self.hostile.harmless()
        )
        with self.target.channel() as channel:
            self.say(channel, [self.hello(), *said], self.target.setup.token, "INVALID_ARGUMENT")

    def noise(self, connections: int) -> None:
        """TCP connections that speak no TLS, or half of it."""
        for _ in range(connections):
            with socket.create_connection(self.target.address, timeout=5) as raw:
                noise = self.random.choice(
                    (
                        b"GET / HTTP/1.1\r\n\r\n",
                        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.hostile.noise(),
                        b"\x16\x03\x01" + self.hostile.noise(),
                        self.hostile.noise(100_000),
                    )
                )
                with contextlib.suppress(OSError):
                    raw.sendall(noise)
                    raw.shutdown(socket.SHUT_WR)
                    while raw.recv(65536):
                        pass
            self.sent += 1

    def say(
        self, channel: grpc.Channel, said: Iterable[bytes], token: str | None, wanted: str = ""
    ) -> None:
        code, details = speak(channel, said, token)
        assert wanted in ("", code.name), (code, details, said)
        self.ends[code.name] += 1
        self.sent += len(said) if isinstance(said, list) else 0

    def hello(self, **more: object) -> bytes:
        who = pb.Hello.FromString(self.hostile.who.SerializeToString())
        for name, value in more.items():
            setattr(who, name, value)
        return frame(hello=who)


def attack(target: Target, seed: int, call: Callable[[Attack], None]) -> list[Attack]:
    """Every attacker at the same time."""
    attackers = [Attack(target, number, seed) for number in range(1, ATTACKERS + 1)]
    with concurrent.futures.ThreadPoolExecutor(ATTACKERS) as pool:
        list(pool.map(call, attackers))
    return attackers
