"""The coordinator: takes records from every process, merges them, feeds the tools.

Two doors. A worker's floor opens the first, the `podlog` command the second
(`podlog.coordinator.cli`)::

    endpoint = start(config, setup=setup, listen=False, in_process_tools=config.log_tools)
    session = endpoint.connect(receiver)      # a podlog.proto.session.Session
    ...
    endpoint.close(timeout=60.0)

In a pod the same code runs in a process of its own, started with
``python -m podlog.coordinator``; nothing here imports jax.
"""

from .endpoint import Endpoint, start

__all__ = ["Endpoint", "start"]
