"""Case 42: processes with different keys get their values mixed without a word."""

from collections.abc import Callable
from typing import Any


def test_rows_merge_by_name_and_say_who_holds_a_key(make_pod: Callable[..., Any]) -> None:
    """w1 {a, b} and w2 {b, c} make one row; `b` is pooled, `a` and `c` name their process."""
    pod = make_pod(2)
    pod[0].log_host_metrics({"a": 1.0, "b": 2.0}, step=1, mode="train")
    pod[1].log_host_metrics({"b": 4.0, "c": 8.0}, step=1, mode="train")
    pod.finish()

    (row,) = pod.rows("train")
    assert (row["a"], row["b"], row["c"]) == (1.0, 3.0, 8.0)
    about = row["_podlog"]
    assert about["processes"] == [0, 1]
    assert about["min"]["b"] == 2.0
    assert about["max"]["b"] == 4.0
    assert about["who"]["b"] == [0, 1]
    assert about["holders"] == {"a": [0], "c": [1]}
