"""Case 43: the last, smaller batch makes the average wrong."""

from collections.abc import Callable
from typing import Any

from podlog.worker import Mean


def test_mean_over_unequal_shards_is_the_pooled_mean(make_pod: Callable[..., Any]) -> None:
    """Accuracy over shards of 450, 449, 449 and 449 samples equals that over all 1,797."""
    correct, samples = [450, 400, 13, 0], [450, 449, 449, 449]
    pod = make_pod(4)
    for logger, right, count in zip(pod.loggers, correct, samples, strict=True):
        logger.log_host_metrics({"accuracy": Mean(right, count)}, step=1, mode="val")
    pod.finish()

    (row,) = pod.rows("val")
    assert row["accuracy"] == sum(correct) / sum(samples)
