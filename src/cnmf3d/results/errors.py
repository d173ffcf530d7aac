"""Standard errors of traces, spikes and events in a results file: half precision, each row with its own scale.

Three digits of an error are enough; with a power of two as its scale each row keeps them whatever the movie's units
are, and what is read is what was written. Rows that are mostly zero take next to no room once they are compressed.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from cnmf3d.components import ERRORS, Components, Float

GROUP = "cnmf3d/errors"
"""Group of the file: a dataset for each of `ERRORS`, and ``NAME_scale``, (components,) float32."""


def scales_of(values: Float) -> Float:
    """(rows,) float32 powers of two, no less than the largest value of each row."""
    largest = np.nan_to_num(values).max(axis=1, initial=0)
    return np.exp2(np.ceil(np.log2(np.where(largest > 0, largest, 1)))).astype(np.float32)


def in_halves(values: Float) -> Float:
    """Values as exact as a file holds them."""
    scale = scales_of(values)[:, None]
    return np.asarray((values / scale).astype(np.float16).astype(np.float32) * scale)


def write_errors(file: h5py.File, components: Components) -> None:
    """Store the errors that there are."""
    for name in ERRORS:
        values = getattr(components, name)
        if values is None:
            continue
        scale = scales_of(values)
        data = (values / scale[:, None]).astype(np.float16)
        group = file.require_group(GROUP)
        if data.size:  # a row is read by itself
            group.create_dataset(name, data=data, chunks=(1, data.shape[1]), compression="gzip", compression_opts=1)
        else:
            group[name] = data
        group[f"{name}_scale"] = scale


def read_errors(file: h5py.File) -> dict[str, Any]:
    """All errors by the names of their fields; None for those that a file doesn't have, as older ones."""
    group = file.get(GROUP, {})
    return {
        name: group[name][()].astype(np.float32) * group[f"{name}_scale"][()][:, None] if name in group else None
        for name in ERRORS
    }
