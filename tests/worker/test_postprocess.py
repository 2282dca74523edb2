"""The thread that applies a user's ``metric_postprocess_fn``."""

import queue
from collections.abc import Mapping
from typing import Any

import pytest

from podlog.proto import podlog_pb2 as pb
from podlog.worker.postprocess import Postprocessor


@pytest.mark.parametrize("error", [SystemExit(3), ValueError("lone \ud800"), KeyError("loss")])
def test_whatever_the_function_raises_the_next_request_is_answered(error: BaseException) -> None:
    """An answer that names the error, then one with metrics, from the same thread."""
    errors = [error]

    def function(metrics: dict[str, Any]) -> Mapping[str, Any]:
        if errors:
            raise errors.pop()
        return metrics | {"twice": 2 * metrics["loss"]}

    answers: queue.SimpleQueue[pb.PostprocessAnswer] = queue.SimpleQueue()
    processor = Postprocessor(function, answers.put)
    processor.start()
    try:
        for number in (1, 2):
            request = pb.PostprocessRequest(id=number, metrics={"loss": pb.Value(f=1.5)})
            processor.submit(request)
        first, second = answers.get(timeout=10), answers.get(timeout=10)
    finally:
        processor.close(10)
    assert (first.id, second.id) == (1, 2)
    assert first.error.startswith(type(error).__name__)
    assert not second.error
    assert second.metrics["twice"].f == 3.0
