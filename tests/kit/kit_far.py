"""Fixture for Loggers whose coordinator is behind a `Proxy`."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kit_pods import Pod
from kit_proxy import Faults, Proxy

from podlog.proto.config import LoggerConfig
from podlog.worker import Logger


class FarPod:
    """A pod whose Loggers reach their coordinator through a proxy, each through its own.

    Attributes:
        pod: the coordinator and the Loggers.
        proxies: one a Logger.
    """

    def __init__(self, pod: Pod, n: int, config: dict[str, Any]) -> None:
        self.pod = pod
        self.proxies = [Proxy(pod.endpoint.port, Faults()) for _ in range(n)]
        for index, proxy in enumerate(self.proxies):
            pod.loggers.append(
                Logger(
                    LoggerConfig(**config),
                    process_index=index,
                    process_count=n,
                    coordinator_address=f"127.0.0.1:{proxy.port}",
                )
            )

    def hole(self, deaf: bool) -> None:
        """A black hole from now on, or no more: what is sent is swallowed, nothing comes."""
        for proxy in self.proxies:
            proxy.faults.deaf_up = proxy.faults.deaf_down = deaf

    def away(self, gone: bool) -> None:
        """As if the coordinator had died, or were back."""
        for proxy in self.proxies:
            proxy.faults.refuse = gone
            if gone:
                proxy.reset_all()


@pytest.fixture
def make_far(make_pod: Callable[..., Pod]) -> Iterator[Callable[..., FarPod]]:
    """Makes such a pod of n processes."""
    made: list[FarPod] = []

    def make(n: int, **settings: Any) -> FarPod:
        pod = make_pod(n, 0, **settings)
        made.append(FarPod(pod, n, pod.settings))
        return made[-1]

    yield make
    for far in made:
        far.hole(False)
        far.away(False)
        far.pod.close()
        for proxy in far.proxies:
            proxy.close()
