"""Fixtures for pods in one process: N Loggers, one coordinator, real gRPC between them."""

import concurrent.futures
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from podlog.cluster import jobs
from podlog.coordinator import Endpoint, start
from podlog.coordinator.tools import FileLoggerConfig
from podlog.proto.config import LoggerConfig, SecurityConfig
from podlog.proto.records import Verdict
from podlog.worker import Logger


class Pod:
    """A coordinator with TLS and token, and the Loggers that speak to it over loopback."""

    def __init__(self, folder: Path, endpoint: Endpoint, make: Callable[[int], Logger], n: int):
        self.folder = folder
        self.endpoint = endpoint
        self.make = make
        self.loggers = [make(i) for i in range(n)]
        self.settings: dict[str, Any] = {}

    def __getitem__(self, index: int) -> Logger:
        return self.loggers[index]

    def each(self, call: Callable[[Logger], Any]) -> list[Any]:
        """`call` on every Logger at the same time; the results in order."""
        with concurrent.futures.ThreadPoolExecutor(len(self.loggers) or 1) as pool:
            return list(pool.map(call, self.loggers))

    def finish(self, status: str = "success") -> list[Verdict]:
        """Finalizes and closes all Loggers, then the coordinator; the verdicts."""
        verdicts = self.each(lambda logger: logger.finalize(status))
        self.close()
        return verdicts

    def close(self) -> None:
        self.each(lambda logger: logger.close())
        assert self.endpoint.close(timeout=20)

    def rows(self, mode: str) -> list[dict[str, Any]]:
        """The rows of the JSONL file of `mode`, read strictly."""
        path = self.folder / "file_logs" / f"metrics_{mode}.jsonl"
        return [json.loads(line, parse_constant=_refuse) for line in path.read_text().splitlines()]

    @property
    def log(self) -> str:
        return (self.folder / "output.log").read_text()


def _refuse(constant: str) -> None:
    raise ValueError(f"not strict JSON: {constant}")


@pytest.fixture
def make_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Pod]]:
    """Makes a pod of n processes, the first `loggers` of them with Loggers, in ``tmp_path/run``."""
    pods: list[Pod] = []

    def make(n: int, loggers: int | None = None, **settings: Any) -> Pod:
        folder = tmp_path / "run"
        settings = {"log_path": folder, "log_tools": [FileLoggerConfig()]} | settings
        setup = jobs.new_job(SecurityConfig(), n)
        endpoint = start(LoggerConfig(**settings), setup=setup, listen=True)
        monkeypatch.setenv("PODLOG_TOKEN", setup.token)
        monkeypatch.setenv("PODLOG_CERT", setup.cert.decode())
        monkeypatch.setenv("PODLOG_JOB", setup.job_id)

        def logger(index: int) -> Logger:
            return Logger(
                LoggerConfig(**settings),
                process_index=index,
                process_count=n,
                coordinator_address=f"127.0.0.1:{endpoint.port}",
            )

        try:
            pods.append(Pod(folder, endpoint, logger, n if loggers is None else loggers))
            pods[-1].settings = settings
        except BaseException:
            endpoint.close(timeout=5)
            raise
        return pods[-1]

    yield make
    for pod in pods:
        pod.close()
