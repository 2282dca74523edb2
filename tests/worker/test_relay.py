"""Spools of processes that are gone reach the coordinator through somebody else's stream."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kit_double import Double, Server
from kit_until import until

from podlog.proto import podlog_pb2 as pb
from podlog.proto.codec import body_draft
from podlog.proto.contact import Contact
from podlog.proto.gaps import block_span
from podlog.proto.records import LogLine
from podlog.worker.handed import Handed
from podlog.worker.link import Link
from podlog.worker.relay import Relay
from podlog.worker.spool import Spool
from podlog.worker.transport import grpc_connector

OWN = pb.Hello(protocol=1, process=0, process_count=2, incarnation=77, host="h")


def _lines(count: int, size: int = 10) -> list[Any]:
    return [body_draft(LogLine(20, "app", f"{i} " + "x" * size), 1.0) for i in range(count)]


def _left(folder: Path, incarnation: int, count: int, size: int = 10, run_id: str = "") -> None:
    """A spool whose writer has ended without being acknowledged."""
    hello = pb.Hello(protocol=1, process=3, process_count=4, incarnation=incarnation, host="gone")
    hello.run_id = run_id
    spool = Spool(folder, hello, segment_bytes=100_000)
    for draft in _lines(count, size):
        spool.append([draft])
    spool.close()


def _spools(folder: Path) -> list[str]:
    """Of others; the folder goes with the last file in it."""
    try:
        return [path.name for path in folder.iterdir() if path.name.startswith("3-")]
    except FileNotFoundError:
        return []


class Keeper(Double):
    """A coordinator that stores orphans too, and acknowledges them."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[int, int] = {}
        self.drops = 0

    def begin(self, send: Any, drop: Any) -> Any:
        conversation = super().begin(send, drop)
        receive = conversation.receive
        known: set[int] = set()

        def hear(message: pb.WorkerMessage) -> None:
            receive(message)
            if message.WhichOneof("body") == "orphan":
                self._orphan(conversation, message.orphan, known)

        conversation.receive = hear
        return conversation

    def _orphan(self, conversation: Any, orphan: pb.Orphan, known: set[int]) -> None:
        if self.drops:
            self.drops -= 1
            conversation.drop()
            return
        incarnation = orphan.hello.incarnation
        known |= {schema.id for schema in orphan.batch.schemas}
        for block in orphan.batch.blocks:
            assert block.schema_id in known, "a block before its schema"
            assert block.first_seq <= self.stored.get(incarnation, 0) + 1, "a hole"
            end = block.first_seq + len(block.step) - 1
            self.stored[incarnation] = max(end, self.stored.get(incarnation, 0))
        ack = pb.Ack(incarnation=incarnation, seq=self.stored[incarnation])
        conversation.send(pb.CoordinatorMessage(ack=ack))


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def link(keeper: Keeper, tmp_path: Path) -> Iterator[Link]:
    server = Server(keeper)
    contact = Contact(f"127.0.0.1:{server.port}", "secret", b"", "job", 1.0)
    spool = Spool(tmp_path, OWN)
    spool.append(_lines(5))
    link = Link(
        grpc_connector(lambda: contact),
        OWN,
        spool,
        Handed(),
        heartbeat=pb.Heartbeat,
        open=pb.Open,
        orphans=tmp_path,
    )
    yield link
    link.close(1)
    spool.close()
    server.stop()


def test_orphans_are_delivered_and_deleted(link: Link, keeper: Keeper, tmp_path: Path) -> None:
    """All of them, whosever they were, at most 256 KiB at a time; the own spool is left alone."""
    _left(tmp_path, 5, 40, 20_000)
    _left(tmp_path, 6, 3)
    link.start()
    assert link.wait_acked(5, 15)
    until(lambda: not _spools(tmp_path))
    assert keeper.stored == {5: 40, 6: 3}
    orphans = keeper.of("orphan")
    assert all(o.batch.ByteSize() < 300_000 for o in orphans)
    assert [o.last for o in orphans if o.hello.incarnation == 5].count(True) == 1
    assert {o.hello.host for o in orphans} == {"gone"}
    assert len(list(tmp_path.glob("0-*"))) == 1
    assert keeper.kinds().index("open") < keeper.kinds().index("orphan")


def test_a_break_is_followed_by_the_rest(link: Link, keeper: Keeper, tmp_path: Path) -> None:
    """On the next connection it goes on behind the last ack, schemas told anew."""
    _left(tmp_path, 5, 40, 20_000)
    keeper.drops = 2
    link.start()
    until(lambda: not _spools(tmp_path))
    assert keeper.stored == {5: 40}
    assert keeper.connections == 3


def test_a_spool_on_which_connections_break_is_left_alone(
    link: Link, keeper: Keeper, tmp_path: Path
) -> None:
    """Own records pass in the end; the file stays, its lock is released."""
    _left(tmp_path, 5, 3)
    keeper.drops = 100
    link.start()
    until(lambda: keeper.connections >= 6)
    assert link.wait_acked(5, 15)
    assert link.close(10)
    assert keeper.drops >= 94
    assert _spools(tmp_path)


def test_close_waits_for_orphans_for_half_of_its_time(
    link: Link, keeper: Keeper, tmp_path: Path
) -> None:
    """A job that ends at once still delivers what lay there."""
    _left(tmp_path, 5, 40, 20_000)
    link.start()
    assert link.wait_opened(15) is not None
    assert link.close(20)
    assert keeper.stored == {5: 40}
    assert keeper.kinds()[-1] == "goodbye"


def test_no_folder_and_no_orphans_are_no_trouble(tmp_path: Path) -> None:
    """The thread ends by itself."""
    relay = Relay(tmp_path / "none", 1, lambda: None)
    relay.connected()
    relay.begin("run")
    until(lambda: not relay.busy(time.monotonic()))
    assert relay.take() is None
    relay.close(5)


def test_a_spool_of_another_run_is_left_alone(tmp_path: Path) -> None:
    """Those behind it do not wait for it."""
    _left(tmp_path, 4, 3, run_id="other")
    _left(tmp_path, 5, 3)
    relay = Relay(tmp_path, 1, lambda: None)
    relay.connected()
    relay.begin("run")
    offered: list[Any] = []
    until(lambda: offered.append(relay.take()) or offered[-1] is not None)
    assert offered[-1].hello.incarnation == 5
    relay.acked(5, 3)
    until(lambda: not relay.busy(time.monotonic()))
    assert _spools(tmp_path) == [f"3-{4:016x}.000001"]
    relay.close(5)


def test_locks_are_released_when_it_is_closed(tmp_path: Path) -> None:
    """Somebody else may deliver what was not acknowledged."""
    _left(tmp_path, 5, 3)
    offered: list[Any] = []
    relay = Relay(tmp_path, 1, lambda: None)
    relay.connected()
    relay.begin("run")
    until(lambda: offered.append(relay.take()) or offered[-1] is not None)
    relay.close(5)
    again = Relay(tmp_path, 1, lambda: None)
    again.connected()
    again.begin("run")
    until(lambda: again.take() is not None)
    again.acked(5, 3)
    until(lambda: not _spools(tmp_path))
    again.close(5)


def test_a_segment_that_vanishes_takes_no_other_with_it(tmp_path: Path) -> None:
    """Somebody cleans the folder file by file: what was not delivered is not deleted."""
    _left(tmp_path, 5, 40, 20_000)
    paths = sorted(tmp_path.iterdir())
    relay = Relay(tmp_path, OWN.incarnation, lambda: None)
    relay.connected()
    relay.begin("run")
    while relay.busy(time.monotonic()):
        offer = relay.take()
        if offer is not None:
            paths[6].unlink(missing_ok=True)
            relay.acked(5, max(block_span(block)[1] for block in offer.batch.blocks))
        time.sleep(0.005)
    relay.close(5)
    assert sorted(_spools(tmp_path)) == [path.name for path in paths if path != paths[6]]
    again = Relay(tmp_path, OWN.incarnation, lambda: None)
    again.connected()
    again.begin("run")
    until(lambda: again.take() is not None)
    again.acked(5, 40)
    until(lambda: not _spools(tmp_path))
    again.close(5)
