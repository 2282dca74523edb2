"""Payloads of histograms, images and tables."""

import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..proto.floats import json_float
from .columns import BadValueError, plain
from .values import Histogram

_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}


def bins(histogram: Histogram) -> tuple[np.ndarray, np.ndarray]:
    """Edges (k + 1,) and counts (k,) of a histogram.

    Raises:
        BadValueError: samples that are not finite, edges that do not increase,
            or counts that do not fit the edges.
    """
    edges = plain(histogram.edges)
    if histogram.values is not None:
        samples = plain(histogram.values).ravel()
        strange = int(np.count_nonzero(~np.isfinite(samples)))
        if strange:
            raise BadValueError(
                f"{strange} of {samples.size} samples of a histogram are not finite"
            )
        counts, edges = np.histogram(samples, int(edges) if edges.ndim == 0 else edges)
        return edges, counts

    counts = plain(histogram.counts)
    if edges.ndim != 1 or counts.ndim != 1 or len(edges) != len(counts) + 1:
        raise BadValueError(
            f"a histogram with edges {edges.shape} and counts {counts.shape}: (k + 1,) and (k,)"
        )
    if not np.all(np.diff(edges) > 0):
        raise BadValueError("the edges of a histogram must increase")
    return edges, counts


def png(pixels: Any) -> bytes:
    """Pixels as a PNG file.

    Raises:
        BadValueError: not (height, width[, 1 | 3 | 4]) of uint8 or floats.
    """
    array = plain(pixels)
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in _COLOUR_TYPES or not array.size:
        raise BadValueError(f"an image of shape {array.shape}: (height, width[, 1 | 3 | 4])")
    if array.dtype.kind == "f":
        array = np.round(np.clip(np.nan_to_num(array), 0, 1) * 255).astype(np.uint8)
    if array.dtype != np.uint8:
        raise BadValueError(f"an image of {array.dtype}: uint8, or floats in [0, 1]")

    height, width, channels = array.shape
    lines = np.zeros((height, 1 + width * channels), np.uint8)
    lines[:, 1:] = array.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """A table as strict JSON: ``{"columns": [...], "rows": [[...], ...]}``.

    Raises:
        BadValueError: a row of another length than `columns`.
    """
    names = [str(name) for name in columns]
    for i, row in enumerate(rows):
        if len(row) != len(names):
            raise BadValueError(f"row {i} of a table has {len(row)} cells for {len(names)} columns")
    cells = [[_cell(cell) for cell in row] for row in rows]
    return json.dumps({"columns": names, "rows": cells}, allow_nan=False).encode()


def _cell(cell: Any) -> bool | int | float | str | None:
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, float):
        return json_float(cell)
    if cell is None or isinstance(cell, bool | int | str):
        return cell
    return str(cell)
