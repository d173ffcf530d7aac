"""From stored numbers to intensities: the one rule for scales and offsets that files carry.

Programs store intensities as other numbers and write into the file how to get back: ImageJ stores signed 16-bit
as unsigned and notes an offset of -32768; NWB has ``conversion`` and ``offset``; netCDF ``scale_factor`` and
``add_offset``. Whatever the format, a movie is read as ``gain × stored + offset``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cnmf3d.movies.stored import Index, LazyArray


@dataclass(frozen=True)
class Calibration:
    """Intensity = `gain` × stored number + `offset`.

    Attributes
    ----------
    gain : float
        Not 0.
    offset : float
        In `unit`.
    unit : str
        Of the intensities, as the file names it; empty where it doesn't.
    """

    gain: float = 1.0
    offset: float = 0.0
    unit: str = ""

    @property
    def changes(self) -> bool:
        """Whether intensities differ from what is stored."""
        return (self.gain, self.offset) != (1.0, 0.0)

    def as_metadata(self) -> dict[str, Any]:
        """Plain values, for a movie's metadata."""
        named = {"unit": self.unit} if self.unit else {}
        return {"gain": self.gain, "offset": self.offset, **named}


def calibration_of(gain: Any, offset: Any, unit: str = "") -> Calibration | None:
    """Make a calibration of what a file says; None where it says nothing usable.

    Parameters
    ----------
    gain, offset : number, array of one number, or None
        None and what is no finite number count as not said. A gain of 0 would erase the movie: not usable.
    unit : str
    """
    scale, shift = _number(gain), _number(offset)
    if scale == 0 or (scale is None and shift is None):
        return None
    return Calibration(1.0 if scale is None else scale, shift or 0.0, unit.strip())


def calibrated(data: LazyArray, calibration: Calibration | None) -> LazyArray:
    """See stored numbers as intensities.

    Returns
    -------
    LazyArray
        `data` itself where nothing changes. Integers with a gain of 1 or -1 and a whole offset stay integers where a
        type of the same size holds them (unsigned 16-bit with -32768 becomes int16), and nothing is rounded; all else
        becomes float32, or float64 where values have more than 16 bits or are float64.
    """
    if calibration is None or not calibration.changes:
        return data
    return Calibrated(data, calibration, _kind(np.dtype(data.dtype), calibration))


@dataclass(frozen=True)
class Calibrated:
    """An array whose values are converted as they are read.

    Attributes
    ----------
    source : LazyArray
    calibration : Calibration
    dtype : numpy.dtype
        Type of the intensities.
    """

    source: LazyArray
    calibration: Calibration
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""
        return tuple(self.source.shape)

    def __getitem__(self, index: Index, /) -> npt.NDArray[Any]:
        """Read a part."""
        values = np.asarray(self.source[index]).astype(self.dtype)
        gain, offset = self.calibration.gain, self.calibration.offset
        if self.dtype.kind == "f":
            values *= self.dtype.type(gain)
            values += self.dtype.type(offset)
        else:  # integers wrap around, and the intensity is in range: it is right whatever wrapped on the way
            if gain < 0:
                np.negative(values, out=values)
            values += np.array(int(offset)).astype(self.dtype)
        return values


def _kind(stored: np.dtype[Any], calibration: Calibration) -> np.dtype[Any]:
    """Type that holds the intensities."""
    if stored.kind in "iu" and abs(calibration.gain) == 1 and calibration.offset.is_integer():
        limits, sign, shift = np.iinfo(stored), int(calibration.gain), int(calibration.offset)
        ends = sorted((sign * limits.min + shift, sign * limits.max + shift))
        for kind in (f"u{stored.itemsize}", f"i{stored.itemsize}"):
            ours = np.iinfo(kind)
            if ours.min <= ends[0] and ends[1] <= ours.max:
                return np.dtype(kind)
    exact = stored.itemsize <= (4 if stored.kind == "f" else 2)
    return np.dtype(np.float32 if exact else np.float64)


def _number(value: Any) -> float | None:
    """Read one finite number, also from an array of one."""
    try:
        number = float(np.asarray(value).reshape(-1)[0]) if np.size(value) == 1 else math.nan
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
