"""Case 32: NaN at the same step breaks a unique key, or comes twice."""

import math
from collections.abc import Callable
from typing import Any

from podlog.proto.codec import encode_block, schema_message
from podlog.proto.records import Draft, Dtype, Kind, Metric, Op, Schema
from podlog.worker import identity


def test_resent_nan_is_dropped_by_its_number(make_pod: Callable[..., Any]) -> None:
    """The same record of value NaN sent three times is one sample of one row."""
    from podlog.cluster.pod import Place
    from podlog.proto import podlog_pb2 as pb

    pod = make_pod(2, loggers=1)
    pod[0].log_host_metrics({"a": 1.0}, step=1, mode="train")
    pod[0].flush(10)

    received: list[Any] = []

    class Receiver:
        def received(self, message: pb.CoordinatorMessage) -> None:
            received.append(message)

        def ended(self, error: Exception | None) -> None:
            pass

    schema = Schema(Kind.HOST, "train", (Metric("a", Op.NUMBER, (Dtype.F8,)),))
    block = encode_block(1, 77, 0, 1, [Draft(schema, 1, 0, 0, 1.0, (math.nan,))])
    hello = identity.hello(Place(1, 2, "elsewhere"), "", None, None)
    hello.incarnation = 77
    session = pod.endpoint.connect(Receiver())
    session.send(pb.WorkerMessage(hello=hello))
    for _ in range(3):
        batch = pb.Batch(schemas=[schema_message(schema)], blocks=[block])
        session.send(pb.WorkerMessage(batch=batch))
    session.send(pb.WorkerMessage(goodbye=pb.Goodbye(status="success")))
    pod.finish()
    session.close()

    rows = [row for row in pod.rows("train") if "a" in row]
    assert [(row["a"], row["_podlog"]["processes"]) for row in rows] == [("NaN", [0, 1])]
    assert len(rows[0]["_podlog"]["non_finite"]) == 1
