"""A gRPC server of tests, in the place of a coordinator's."""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import grpc

from podlog.proto import podlog_pb2 as pb


def serving(connect: Callable[..., Any], pool: Executor) -> grpc.Server:
    """One that answers `Connect` with the messages that `connect` yields; not started yet."""
    server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
    handler = grpc.stream_stream_rpc_method_handler(
        connect,
        request_deserializer=pb.WorkerMessage.FromString,
        response_serializer=pb.CoordinatorMessage.SerializeToString,
    )
    methods = grpc.method_handlers_generic_handler("podlog.v1.Podlog", {"Connect": handler})
    server.add_generic_rpc_handlers((methods,))
    return server
