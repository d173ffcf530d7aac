"""Lines of a scanned image: noise that a line shares, stripes that stay, and lines scanned back and forth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft
from scipy import ndimage

from cnmf3d.engine.plausibility.check import Check
from cnmf3d.engine.plausibility.sample import Frames, Sample

Double = npt.NDArray[np.float64]

SHARED = 0.05
"""Share of a voxel's noise that its line shares, from which on that is said. In the mean over a cell of eight by eight
voxels line noise falls to an eighth, and voxels' own to a sixty-fourth: this share then adds 40 % to its noise."""

HUM, PEAK, SLOW = 0.02, 4.0, 6
"""Share of the noise in single frequencies from which on that is said (voxels' own leave as little in the mean over a
cell), how far a frequency must stand out of those beside it, and cycles a plane that are left to brightness and
motion."""

SPECTRA = 64
"""Planes whose spectra are averaged: their scatter is then an eighth."""

STRIPES, UNLIKE = 0.015, 3.0
"""Least difference of columns' gains for a caution, as a share of the light; and how much larger than that of rows (or
the other way round) it must be: anatomy has both."""

REACH = 6
"""Columns by which lines scanned back may be displaced."""

DISPLACED = 0.5
"""Least displacement of every second line for a caution, in columns."""


def check_lines(sample: Sample) -> Check:
    """Noise that lines (rows or columns of one volume) share."""
    if sample.small:
        return Check("lines", "the planes are too small to see lines")
    power = float(np.median(sample.noise)) or 1.0
    rows, columns = (shared_by_lines(sample.bends, axis) / power for axis in (2, 3))
    hum, period = hum_of(sample.bends)
    said = f"{rows:.1%} of a voxel's noise is its row's, {columns:.1%} its column's, {hum:.1%} hum"
    problems = []
    if max(rows, columns) > SHARED:
        what = "rows" if rows >= columns else "columns"
        problems.append(
            f"{what} of voxels fluctuate together: {said}. Subtract each line's median over dark voxels, and distrust "
            "components that are stripes"
        )
    if hum > HUM:
        problems.append(
            f"{hum:.1%} of the noise is a hum with a period of {period:.1f} voxels: look for an electrical "
            "disturbance at "
            "the microscope (mains, motors, lamps), and distrust components that are stripes"
        )
    figures = {"rows": rows, "columns": columns, "hum": hum, "period": period}
    return Check("lines", said, figures, ". ".join(problems))


def shared_by_lines(bends: tuple[Frames, ...], axis: int) -> float:
    """Variance that lines share.

    Parameters
    ----------
    bends : tuple of (volumes, planes, rows, columns)
        Noise.
    axis : int
        2: lines are rows; 3: columns.

    Notes
    -----
    The halves of a line share nothing but line noise; what neighbouring lines share, too, is taken off.
    """
    products = []
    for part in bends:
        half = part.shape[5 - axis] // 2
        lines = part if axis == 2 else part.swapaxes(2, 3)
        halves = (lines[..., :half], lines[..., half:])
        first, other = (_apart(each.mean(axis=3, dtype=np.float64)) for each in halves)
        products.append((first * other).mean())
    return float(max(np.mean(products), 0))


def hum_of(bends: tuple[Frames, ...]) -> tuple[float, float]:
    """Share of the noise in frequencies that stand out, and the strongest one's period in voxels.

    Parameters
    ----------
    bends : tuple of (volumes, planes, rows, columns)
    """
    planes = np.concatenate([part.reshape(-1, *part.shape[2:]) for part in bends])
    planes = planes[:: max(1, len(planes) // SPECTRA)]
    _, y, x = planes.shape
    window = (np.hanning(y)[:, None] * np.hanning(x)).astype(np.float32)
    planes = (planes - planes.mean(axis=(1, 2), keepdims=True)) * window
    power = np.square(np.abs(scipy.fft.rfft2(planes))).mean(axis=0, dtype=np.float64)
    around = ndimage.median_filter(power, (9, 9), mode="wrap")
    along_y, along_x = np.fft.fftfreq(y)[:, None], np.fft.rfftfreq(x)
    fast = np.hypot(along_y * y, along_x * x) > SLOW
    peaks = fast & (power > PEAK * around)
    if not peaks.any():
        return 0.0, 0.0
    share = float((power - around)[peaks].sum() / power.sum())
    best = np.unravel_index(int(np.argmax(np.where(peaks, power, 0))), power.shape)
    frequency = float(np.hypot(along_y[best[0], 0], along_x[best[1]]))
    return share, 1 / frequency


def _apart(lines: Double) -> Double:
    """Lines (..., n) less the mean of their two neighbours, scaled to the variance of what each has of its own."""
    return np.asarray((lines[..., 1:-1] - (lines[..., :-2] + lines[..., 2:]) / 2) / np.sqrt(1.5))


def check_stripes(sample: Sample) -> Check:
    """Columns or rows that are always brighter or darker than those beside them."""
    if sample.small:
        return Check("stripes", "the planes are too small to see stripes")
    columns, rows = (fixed_stripes(sample.mean, axis) / sample.light for axis in (2, 1))
    said = f"columns' brightness differs by {columns:.1%} from that of those beside them, rows' by {rows:.1%}"
    caution = ""
    if max(columns, rows) > STRIPES and max(columns, rows) > UNLIKE * min(columns, rows):
        what = "columns" if columns > rows else "rows"
        caution = (
            f"{what} have gains or offsets of their own: {said}. Their edges look like cells when the movie moves: "
            f"divide by the {what}' mean brightness (a flat field), or subtract a dark image"
        )
    return Check("stripes", said, {"columns": columns, "rows": rows}, caution)


def fixed_stripes(mean: npt.NDArray[np.float32], axis: int) -> float:
    """Standard deviation of what columns (axis 2) or rows (1) of a mean image have of their own."""
    lines = mean.astype(np.float64) if axis == 2 else mean.astype(np.float64).swapaxes(1, 2)
    parts = np.array_split(lines, 4, axis=1)
    profiles = np.stack([_apart(np.median(part, axis=1)) for part in parts])
    pairs = [(profiles[i] * profiles[j]).mean() for i in range(4) for j in range(i)]
    return float(np.sqrt(max(np.median(pairs), 0)))


def check_phase(sample: Sample) -> Check:
    """Every second line displaced, as where lines are scanned back and forth."""
    if sample.small:
        return Check("phase", "the planes are too small to see displaced lines")
    shift, like = phase_shift(sample.mean)
    said = f"every second row is displaced by {abs(shift):.2f} columns"
    caution = ""
    if abs(shift) > DISPLACED and like > 0.3:
        caution = (
            f"{said}: the phase of bidirectional scanning is off. Shift every second row back before motion is "
            "corrected"
        )
    return Check("phase", said, {"columns": shift, "likeness": like}, caution)


def phase_shift(mean: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Displacement of odd rows against even ones in columns, and how alike they are when it is undone."""
    image = mean.astype(np.float64)
    fine = image - ndimage.gaussian_filter(image, (0, 0, 4))
    middle, around = fine[:, 1:-1], (fine[:, :-2] + fine[:, 2:]) / 2
    width = fine.shape[2]
    shifts = []
    for first in (1, 0):  # rows whose numbers are even, then odd
        here, there = middle[:, first::2], around[:, first::2]
        core = here[..., REACH : width - REACH]
        powers = np.sqrt((core**2).sum() * (there**2).sum()) + 1e-30
        like = np.array(
            [(core * there[..., REACH + d : width - REACH + d]).sum() / powers for d in range(-REACH, REACH + 1)]
        )
        best = int(np.clip(np.argmax(like), 1, 2 * REACH - 1))
        low, top, high = like[best - 1 : best + 2]
        bend = low - 2 * top + high
        shifts.append((best - REACH + (0.5 * (low - high) / bend if bend < 0 else 0.0), float(like.max())))
    (even, one), (odd, two) = shifts
    return (float(even - odd) / 2 if even * odd < 0 else 0.0), min(one, two)
