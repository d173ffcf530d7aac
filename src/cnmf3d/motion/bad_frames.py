"""Frames that show nothing that can be used: flashes, blanked or saturated ones, those out of the field.

The rules are here for all who need them: registration, and the engine for movies that nobody registered.
"""

from __future__ import annotations

from typing import Any

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
RETURNS = 0.5
"""Share of its deviation that a bad frame loses to the next good one, at both ends: light comes and goes at once, and
activity decays."""
FAINT = 0.35
"""Share of the template's contrast that a frame must show; active tissue has more, out of the plane it has less."""


def usual(values: Double, window: int = WINDOW) -> Double:
    """Running median, (T,)."""
    # mirrored: a flash in the first or last frame isn't repeated beyond it
    return np.asarray(ndimage.median_filter(values, min(window, 2 * (len(values) // 2) + 1), mode="mirror"))


def contrast(frames: npt.NDArray[Any]) -> float:
    """Standard deviation of what frames show: of the median image of some of them, in every fourth row and column."""
    some = frames[:: max(1, len(frames) // 16), :, ::4, ::4].astype(np.float32)
    return float(np.median(np.nan_to_num(some, posinf=0, neginf=0), axis=0).std())


def odd_levels(level: Double, contrast: float) -> Bool:
    """Frames whose mean is far from that of frames around them, and gets there and back at once.

    Parameters
    ----------
    level : (T,)
        Mean of each frame; NaN where it has no value.
    contrast : float
        Standard deviation of the template over the volume: smaller deviations do no harm.
    """
    finite = np.isfinite(level)
    level = np.where(finite, level, np.median(level[finite]) if finite.any() else 0)
    apart = level - usual(level, BRIEF)
    size = np.abs(apart)
    return ~finite | at_once(apart, size > np.maximum(OFF * 1.4826 * np.median(size), contrast))


def at_once(apart: Double, odd: Bool) -> Bool:
    """Of stretches of odd frames those that begin and end from one frame to the next.

    Parameters
    ----------
    apart : (T,)
        Deviation of each frame's level.
    odd : (T,) bool
    """
    around = np.concatenate([[0.0], np.where(odd, np.nan, apart), [0.0]])  # beyond the ends it is as usual
    out = np.zeros(len(odd), np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], odd, [False]]).astype(np.int8)))
    for first, stop in edges.reshape(-1, 2):
        before, after = around[first], around[stop + 1]
        lost = (apart[first] - before) / apart[first], (apart[stop - 1] - after) / apart[stop - 1]
        out[first:stop] = min(lost) > RETURNS
    return out


def blank_frames(level: Double, brightness: Double) -> Bool:
    """Frames that are darker than those around them, and in which the template is hardly seen.

    Tissue that moves out of the plane, or to where the template isn't, makes frames faint, but hardly changes their
    mean.

    Parameters
    ----------
    level : (T,)
        Mean of each frame.
    brightness : (T,)
        Times that a frame shows the template.
    """
    finite = np.isfinite(level) & np.isfinite(brightness)
    if not finite.any():
        return np.zeros(len(level), np.bool_)
    level = np.where(finite, level, np.median(level[finite]))
    brightness = np.where(finite, brightness, np.median(brightness[finite]))
    apart = level - usual(level, BRIEF)
    error = 1.4826 * np.median(np.abs(brightness - usual(brightness, BRIEF)))
    dark = at_once(apart, apart < -OFF * 1.4826 * np.median(np.abs(apart)))
    return dark & faint_frames(brightness, np.full(len(level), error))


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
