"""What the scanner does, the same in every frame: offsets of planes, and of the lines that run backwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

Float = npt.NDArray[np.float32]
Double = npt.NDArray[np.float64]
FARTHEST = 6.0
"""Voxels that odd lines may be off."""
STEP = 0.02
"""Voxels between the offsets that are tried."""
GROUPS = 8
"""Groups of lines that are measured separately: their scatter says how sure the offset is."""
LEAST_PHASE = 0.1
"""Voxels from which an offset of lines is worth an interpolation."""
SURE = 4.0
"""Standard errors that an offset of lines must have."""
LEAST_OFFSET = 0.7
"""Voxels from which an offset of planes is believed: cells that lean make less."""
STANDS_OUT = 10.0
"""Standard deviations by which the peak of two planes' correlation must stand out: noise reaches 6 to 9."""


def scan_phase(frames: npt.NDArray[Any]) -> float:
    """Measure how far odd lines lie off even ones along x.

    A scanner that goes both ways samples every other line backwards; a delay moves these lines against the others.
    Each odd line is compared with the mean of its neighbours through their cross-spectrum.

    Parameters
    ----------
    frames : (n, Z, Y, X)
        As recorded.

    Returns
    -------
    float
        Voxels: odd rows show ``x`` what even rows show at ``x - phase``. 0 where there is none.
    """
    height, width = frames.shape[2:]
    if height < 2 * GROUPS + 1 or width < 16:
        return 0.0
    lines = np.nan_to_num(frames.astype(np.float32), posinf=0, neginf=0)
    lines = (lines - lines.mean(axis=3, keepdims=True)) * np.hanning(width).astype(np.float32)
    waves = fft.rfft(lines, axis=3)
    pairs = (height - 1) // 2
    odd = waves[:, :, 1 : 2 * pairs : 2]
    even = (waves[:, :, 0 : 2 * pairs : 2] + waves[:, :, 2 : 2 * pairs + 1 : 2]) / 2
    cross = (np.conj(even) * odd).sum(axis=(0, 1), dtype=np.complex128)
    power = np.sqrt(np.prod([(np.abs(of) ** 2).sum(axis=(0, 1, 2), dtype=np.float64) for of in (even, odd)], axis=0))
    total = cross.sum(axis=0)
    if not total.any():
        return 0.0
    weight = np.abs(total) / np.maximum(power, 1e-9 * power.max()) ** 2
    weight[0] = 0
    tried = np.arange(-FARTHEST, FARTHEST + STEP / 2, STEP)
    turn = np.exp(2j * np.pi * fft.rfftfreq(width)[:, None] * tried)

    def best(of: npt.NDArray[np.complexfloating]) -> float:
        return float(tried[((weight * of) @ turn).real.argmax()])

    phase = best(total)
    groups = [best(part.sum(axis=0)) for part in np.array_split(cross, GROUPS)]
    unsure = 1.4826 * float(np.median(np.abs(np.array(groups) - np.median(groups)))) / np.sqrt(GROUPS) + STEP / 2
    return phase if abs(phase) > max(LEAST_PHASE, SURE * unsure) and abs(phase) < FARTHEST - STEP else 0.0


def with_lines_back(frames: npt.NDArray[Any], phase: int) -> npt.NDArray[Any]:
    """Move odd lines back by whole voxels, (n, Z, Y, X); ends of lines are repeated."""
    out = frames.copy()
    at = np.clip(np.arange(frames.shape[3]) + phase, 0, frames.shape[3] - 1)
    out[:, :, 1::2] = frames[:, :, 1::2, at]
    return out


def with_planes_back(frames: npt.NDArray[Any], offsets: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Move planes back by whole voxels along y and x, (n, Z, Y, X); borders are repeated."""
    out = np.empty_like(frames)
    height, width = frames.shape[2:]
    for z, (y, x) in enumerate(offsets):
        rows, columns = np.clip(np.arange(height) + y, 0, height - 1), np.clip(np.arange(width) + x, 0, width - 1)
        out[:, z] = frames[:, z, rows[:, None], columns]
    return out


def plane_offsets(template: Float) -> Double:
    """Measure how far each plane lies off its neighbours along y and x.

    Planes that are taken by beams or mirrors of their own may be displaced; what neighbours share shows by how much
    (phase correlation, subpixel by a parabola).

    Parameters
    ----------
    template : (Z, Y, X)

    Returns
    -------
    (Z, 2) float64
        y, x, voxels; around the median. Zeros where no two neighbours are clearly off.
    """
    planes = template.shape[0]
    steps = np.zeros((planes, 2))
    for z in range(1, planes):
        steps[z] = _offset(template[z - 1], template[z])
    if not (np.abs(steps) > LEAST_OFFSET).any():
        return np.zeros((planes, 2))
    out = np.cumsum(steps, axis=0)
    return np.asarray(out - np.median(out, axis=0))


def _offset(one: Float, other: Float) -> Double:
    """How far the second image lies off the first along y and x; zeros where that isn't plain."""
    window = np.hanning(one.shape[0])[:, None] * np.hanning(one.shape[1])
    narrow = (ndimage.gaussian_filter(image, 1.0) - ndimage.gaussian_filter(image, 8.0) for image in (one, other))
    parts = [fft.rfft2(image * window) for image in narrow]
    cross = np.conj(parts[0]) * parts[1]
    size = np.abs(cross)
    seen = fft.irfft2(cross / np.maximum(size, 0.01 * size.max() + 1e-30), one.shape)
    reach = [n // 6 for n in one.shape]
    near = np.roll(seen, reach, axis=(0, 1))[: 2 * reach[0] + 1, : 2 * reach[1] + 1]
    y, x = np.unravel_index(int(near.argmax()), near.shape)
    if near[y, x] < STANDS_OUT * seen.std() or not (0 < y < near.shape[0] - 1 and 0 < x < near.shape[1] - 1):
        return np.zeros(2)
    around = near[y - 1 : y + 2, x - 1 : x + 2]
    tops = []
    for below, top, above in (around[:, 1], around[1]):
        bend = 2 * top - below - above
        tops.append(float(np.clip((above - below) / (2 * bend), -0.5, 0.5)) if bend > 0 else 0.0)
    return np.array([y - reach[0] + tops[0], x - reach[1] + tops[1]])
