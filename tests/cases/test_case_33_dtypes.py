"""Case 33: NaN is dropped or kept depending on its type."""

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import ml_dtypes
import numpy as np

NANS: dict[str, Any] = {
    "bf16": ml_dtypes.bfloat16("nan"),
    "f16": np.float16("nan"),
    "f32": np.float32("nan"),
    "f64": np.float64("nan"),
    "0d": np.array(math.nan),
    "size one": np.array([math.nan], np.float32),
    "python": math.nan,
    "jax": jnp.float32(math.nan),
    "jax bf16": jnp.bfloat16(math.nan),
}


def test_every_kind_of_nan_is_stored_and_attributed(make_pod: Callable[..., Any]) -> None:
    """NaN of any float type on process 1 reaches the row as NaN and names process and host."""
    pod = make_pod(2)
    pod[0].log_host_metrics(dict.fromkeys(NANS, 1.0), step=7, mode="train")
    pod[1].log_host_metrics(NANS, step=7, mode="train")
    pod.finish()

    (row,) = pod.rows("train")
    assert {key: row[key] for key in NANS} == dict.fromkeys(NANS, "NaN")
    assert sorted(
        (entry["key"], entry["process"], entry["step"], bool(entry["host"]))
        for entry in row["_podlog"]["non_finite"]
    ) == sorted((key, 1, 7, True) for key in NANS)
