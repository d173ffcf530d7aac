"""How much of each component was seen in each frame, in a results file: a byte for each, only where something wasn't.

CaImAn's arrays hold finite numbers, so that its own tools work with them; those of frames that show nothing of a
component become NaN when they are read, and ΔF/F is NaN in the file, too.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from cnmf3d.components import Components, Float, bridged, hidden_traces

SEEN = "cnmf3d/seen"
"""(components, frames) uint8: the share in 255ths."""

HIDES = "hides"
"""Attribute: whether traces are NaN below `UNSEEN`; else the run was asked to interpolate them."""

WHOLE = 255


def in_bytes(share: Float) -> Float:
    """Shares as exact as a file holds them, so that what is read is what was written."""
    return (np.rint(np.clip(share, 0, 1) * WHOLE) / np.float32(WHOLE)).astype(np.float32)


def write_seen(file: h5py.File, components: Components) -> None:
    """Store the shares where not all was seen."""
    if components.seen is None:
        return
    data = np.rint(components.seen * WHOLE).astype(np.uint8)
    chunks = (1, max(1, data.shape[1])) if data.size else None  # a row is read by itself
    more: dict[str, Any] = {} if chunks is None else {"chunks": chunks, "compression": "gzip", "compression_opts": 1}
    file.create_dataset(SEEN, data=data, **more)
    file[SEEN].attrs[HIDES] = bool(np.isnan(components.traces).any())


def finite(components: Components, name: str) -> Float:
    """Traces as CaImAn's arrays hold them: a straight line over what wasn't seen; no spikes and no residuals there."""
    values: Float = getattr(components, name)
    if components.seen is None or name == "dff":
        return values
    return bridged(values) if name == "traces" else np.nan_to_num(values)


def read_seen(file: h5py.File) -> Float | None:
    """All shares; None where all was seen."""
    return np.asarray(file[SEEN][()], np.float32) / np.float32(WHOLE) if SEEN in file else None


def hides(file: h5py.File) -> bool:
    """Whether traces are NaN where nothing of a component was seen."""
    return SEEN in file and bool(file[SEEN].attrs.get(HIDES, True))


def hidden(file: h5py.File, values: Float) -> Float:
    """All traces of one kind, as a file holds them, with NaN where nothing was seen."""
    return hidden_traces(values, read_seen(file)) if hides(file) else values
