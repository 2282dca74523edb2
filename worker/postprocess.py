"""Runs ``metric_postprocess_fn`` on merged rows, beside the training thread."""

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..proto import podlog_pb2 as pb
from ..proto.rowcodec import encode_metrics, read_metrics
from ..proto.rows import Value
from .inputs import said_error

Postprocess = Callable[[dict[str, Value]], Mapping[str, Any]]


class Postprocessor:
    """Answers requests one at a time (thread ``podlog-postprocess``).

    Args:
        function: the user's; may change its argument or return another mapping.
        answer: takes each answer; thread-safe, must not raise.
    """

    def __init__(
        self, function: Postprocess, answer: Callable[[pb.PostprocessAnswer], None]
    ) -> None:
        self._function = function
        self._answer = answer
        self._requests: queue.SimpleQueue[pb.PostprocessRequest | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="podlog-postprocess", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def submit(self, request: pb.PostprocessRequest) -> None:
        """Takes a request; never blocks."""
        self._requests.put(request)

    def close(self, timeout: float) -> None:
        """Ends the thread after the request it is at, if that is done in time. Safe twice."""
        self._requests.put(None)
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while (request := self._requests.get()) is not None:
            self._answer(self._apply(request))

    def _apply(self, request: pb.PostprocessRequest) -> pb.PostprocessAnswer:
        try:
            shown = self._function(read_metrics(request.metrics))
            metrics = encode_metrics({str(key): _plain(value) for key, value in shown.items()})
            return pb.PostprocessAnswer(id=request.id, metrics=metrics)
        except BaseException as error:  # the user's: whatever it is, the next request is answered
            return pb.PostprocessAnswer(id=request.id, error=said_error(error))


def _plain(value: Any) -> Value:
    """A user's value as one of a row: arrays of size one become scalars."""
    if not hasattr(value, "__array__"):
        plain: Value = value
        return plain
    array = np.asarray(value)
    return array.item() if array.size == 1 else array
