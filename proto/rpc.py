"""gRPC, imported through this module only, so that forked children leave its connections alone.

By default gRPC's threads come to life in a forked child too and read from the
parent's connections, which breaks them. It looks at the variable when it is
imported first; whoever set it, or imported gRPC before podlog, decides.
"""

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

__all__ = ["grpc", "health", "health_pb2", "health_pb2_grpc"]
