"""How sure registration is of a frame: from its expected error to a number between 0 and 1, and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Double = npt.NDArray[np.float64]
UNSURE = 0.5
"""Voxels of expected error at which the confidence is one half."""
SEEN = 0.7
"""Share of the usual brightness of the template below which a frame is less sure: it may be out of the plane."""


def confidence(seen: Double, error: Double) -> Double:
    """Confidence of frames, (T,), 0 to 1.

    Parameters
    ----------
    seen : (T,)
        Brightness of the template in each frame over the usual one.
    error : (T,)
        Expected standard error of the shift, voxels.
    """
    return np.asarray(np.minimum(np.clip(seen, 0, 1) / SEEN, 1) / (1 + (error / UNSURE) ** 2))


def expected_error(confidences: npt.NDArray[np.floating], most: float = 2.0) -> Double:
    """Expected error of frames of a given confidence, (T,) voxels, at most so much: the inverse of `confidence`.

    A frame that shows little of the template counts as one whose shift is as uncertain.
    """
    known = np.clip(np.asarray(confidences, np.float64), 1e-6, 1)
    return np.asarray(np.minimum(UNSURE * np.sqrt(1 / known - 1), most))
