"""Where a process is in its pod, and how it finds or starts the coordinator.

    import podlog.cluster

    podlog.cluster.initialize()   # joins the pod; nothing in a single process

Importing this imports no JAX.
"""

from .pod import Place, initialize, where

__all__ = ["Place", "initialize", "where"]
