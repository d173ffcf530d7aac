"""Quality measures under CaImAn's names, as published (Giovannucci et al. 2019, eLife 8:e38173)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float
from cnmf3d.engine.block import Footprints, entry_columns
from cnmf3d.traces import quiet_level, skewness, trace_snr

__all__ = ["active_frames", "quiet_level", "skewness", "spatial_correlation", "trace_snr"]


def active_frames(traces: Float, window: int) -> Float:
    """Flags (0 or 1) of the frames in which each component is most active: about ten transients.

    Parameters
    ----------
    traces : (components, frames) float32
        Denoised.
    window : int
        Length of a typical transient in frames.
    """
    frames = traces.shape[1]
    count = int(np.clip(10 * window, min(10, frames), max(frames // 4, 1)))
    cut = np.partition(traces, frames - count, axis=1)[:, frames - count]
    return ((traces >= cut[:, None]) & (traces > 0)).astype(np.float32)


def spatial_correlation(footprints: Footprints, images: Float) -> Float:
    """Space correlation (``r_values``): footprint against the mean image of its active frames, on its support.

    Parameters
    ----------
    footprints : csc (voxels, components)
    images : (entries,) float32
        Mean residual images at the footprints' entries, other components and neuropil taken out.
    """
    columns = entry_columns(footprints)
    count = footprints.shape[1]
    size = np.maximum(np.bincount(columns, minlength=count), 1)

    def centred(values: Float) -> npt.NDArray[np.float64]:
        mean = np.bincount(columns, values, minlength=count) / size
        return np.asarray(values - mean[columns], np.float64)

    a, b = centred(footprints.data), centred(images)
    product = np.bincount(columns, a * b, minlength=count)
    power = np.sqrt(np.bincount(columns, a * a, minlength=count) * np.bincount(columns, b * b, minlength=count))
    return np.asarray(np.where(power > 0, product / np.maximum(power, 1e-30), 0), np.float32)
