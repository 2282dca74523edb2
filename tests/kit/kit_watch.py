"""Looking at a job as `podlog watch` does, without its command."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kit_server import Net
from kit_until import until

from podlog.coordinator.watchfile import NAME
from podlog.coordinator.watchfolder import Seen, look_at_folder
from podlog.proto import podlog_pb2 as pb
from podlog.proto.channel import open_channel
from podlog.proto.contact import Contact

METHOD = "/podlog.v1.Podlog/Watch"


def calls(net: Net, frame: bytes, token: str | None = None) -> Iterator[pb.Snapshot]:
    """The answers to one raw call of Watch."""
    contact = Contact(net.address, "", b"", "", 0.0)
    metadata = (("podlog-token", net.setup.token if token is None else token),)
    with open_channel(contact) as channel:
        method = channel.unary_stream(METHOD, response_deserializer=pb.Snapshot.FromString)
        yield from method(frame, metadata=metadata, timeout=30)


def watch(net: Net, **request: Any) -> Iterator[pb.Snapshot]:
    """Snapshots of a job, a closed generator ends the call."""
    return calls(net, pb.WatchRequest(**request).SerializeToString())


def once(net: Net) -> pb.Snapshot:
    """How the job stands."""
    (snapshot,) = watch(net, once=True)
    return snapshot


def written(run: Path) -> Seen:
    """A look at a folder, once its coordinator has written one."""
    until(lambda: (run / NAME).exists())
    return look_at_folder(run)
