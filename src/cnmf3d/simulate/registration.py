"""What registration leaves of a frame: whole voxels shifted back, and a fill where nothing was seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def shift_back(frame: npt.NDArray[Any], shift: npt.NDArray[np.int64], fill: str) -> npt.NDArray[Any]:
    """Undo a displacement of a frame by whole voxels.

    Parameters
    ----------
    frame : (Z, Y, X)
    shift : (3,) int
        Displacement of the tissue in it, order z, y, x, voxels.
    fill : {"zero", "nan", "mean", "edge"}
        What voxels get that come from beyond the frame; ``nan`` needs a floating type.

    Returns
    -------
    (Z, Y, X), of the same type
    """
    index = [np.arange(n) + int(s) for n, s in zip(frame.shape, shift, strict=True)]
    inside = [(i >= 0) & (i < n) for i, n in zip(index, frame.shape, strict=True)]
    back = frame[np.ix_(*(np.clip(i, 0, n - 1) for i, n in zip(index, frame.shape, strict=True)))]
    if fill != "edge":
        value = {"zero": 0.0, "nan": np.nan, "mean": float(frame.mean())}[fill]
        back[~(inside[0][:, None, None] & inside[1][:, None] & inside[2])] = value
    return np.asarray(back)
