"""Frames that show nothing that can be used: flashes, blanked or saturated ones, those out of the field."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Double = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
WINDOW = 101
"""Frames over which the usual contrast is taken."""
BRIEF = 15
"""Frames over which the usual level is taken: flashes are shorter than half of it, and activity follows it."""
OFF = 12.0
"""Deviations (MAD) from the usual level that no tissue makes."""
FAINT = 0.35
"""Share of the template's contrast that a frame must show; active tissue has more, out of the plane it has less."""


def usual(values: Double, window: int = WINDOW) -> Double:
    """Running median, (T,)."""
    return np.asarray(ndimage.median_filter(values, min(window, 2 * (len(values) // 2) + 1), mode="nearest"))


def odd_levels(level: Double, contrast: float) -> Bool:
    """Frames whose mean is far from that of frames around them.

    Parameters
    ----------
    level : (T,)
        Mean of each frame; NaN where it has no value.
    contrast : float
        Standard deviation of the template over the volume: smaller deviations do no harm.
    """
    finite = np.isfinite(level)
    level = np.where(finite, level, np.median(level[finite]) if finite.any() else 0)
    apart = np.abs(level - usual(level, BRIEF))
    return np.asarray(~finite | (apart > np.maximum(OFF * 1.4826 * np.median(apart), contrast)))


def faint_frames(brightness: Double, error: Double) -> Bool:
    """Frames in which the template is hardly seen.

    Parameters
    ----------
    brightness : (T,)
        Times that a frame shows the template.
    error : (T,)
        Of the brightness.
    """
    typical = usual(brightness)
    return np.asarray((brightness < FAINT * typical) & (brightness + 3 * error < 0.7 * typical))


def bridged(shifts: Double, bad: Bool) -> Double:
    """Shifts with those of bad frames interpolated between their neighbours, (T, n)."""
    good = np.flatnonzero(~bad)
    if not len(good) or len(good) == len(shifts):
        return np.where(bad[:, None], 0.0, shifts)
    times = np.arange(len(shifts))
    return np.stack([np.interp(times, good, column[good]) for column in shifts.T], axis=1)
