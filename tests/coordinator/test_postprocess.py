"""``metric_postprocess_fn`` of process 0, asked over a session."""

from kit_peers import Make, Voice, rows

from podlog.coordinator.tools import MemoryLoggerConfig
from podlog.proto import podlog_pb2 as pb
from podlog.proto.records import Kind
from podlog.proto.rowcodec import encode_value


def answer(voice: Voice, request: pb.PostprocessRequest, **metrics: float) -> None:
    values = {key: encode_value(value) for key, value in metrics.items()}
    voice.send(postprocess_answer=pb.PostprocessAnswer(id=request.id, metrics=values))


def test_postprocess_holds_rows_in_order_and_hides_own_keys(make: Make) -> None:
    """Tools see the answers, in order, though the second is answered first."""
    endpoint = make(None, [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.open(postprocess=True)
    voice.log(1, {"loss": 1.0, "epoch": 3, "step_time": 0.5})
    voice.log(2, {"loss": 2.0, "epoch": 3, "step_time": 0.5})
    one, two = (
        voice.ear.wait("postprocess_request", lambda r, k=k: r.metrics["loss"].f == k)
        for k in (1.0, 2.0)
    )
    assert set(one.metrics) == {"loss"}
    answer(voice, two, loss=20.0, perplexity=7.0)
    voice.log(2, kind=Kind.HOST, metrics={"lr": 0.1})
    voice.acked()
    assert rows(endpoint) == []

    answer(voice, one, loss=10.0)
    voice.finalize()
    voice.verdict()
    shown = [dict(row.shown or row.metrics) for row in rows(endpoint)]
    assert shown == [
        {"loss": 10.0, "epoch": 3, "step_time": 0.5},
        {"loss": 20.0, "perplexity": 7.0, "epoch": 3, "step_time": 0.5},
        {"lr": 0.1},
    ]
    assert rows(endpoint)[0].metrics["loss"] == 1.0


def test_postprocess_that_raises_or_is_gone_leaves_the_row_as_merged(make: Make) -> None:
    """Such a row is flagged, and those behind it go on."""
    endpoint = make(None, [MemoryLoggerConfig()])
    voice = Voice().connect(endpoint.connect)
    voice.open(postprocess=True)
    voice.log(1, {"loss": 1.0})
    request = voice.ear.wait("postprocess_request")
    voice.send(postprocess_answer=pb.PostprocessAnswer(id=request.id, error="KeyError: x"))
    voice.log(2, {"loss": 2.0})
    voice.ear.wait("postprocess_request", lambda r: r.metrics["loss"].f == 2.0)
    voice.goodbye("success")
    assert endpoint.wait_settled(10)
    assert [(row.shown, row.flags) for row in rows(endpoint)] == [(None, ("unprocessed",))] * 2
