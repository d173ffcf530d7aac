"""One pass over a time chunk of the movie: sums for the statistics, and time bins in units of noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

BIG = np.float32(3e38)
TILE = 2048
"""Voxels handled at once: their accumulators stay in the first-level cache."""


@njit(cache=True, nogil=True, fastmath=True)
def chunk_statistics(frames: Any, centre: Any, out: Any) -> None:
    """Sums over the frames of a chunk.

    Parameters
    ----------
    frames : (frames, voxels) any real dtype
    centre : (voxels,) float32
        Subtracted before summing, for accuracy.
    out : (5, voxels) float32, written
        Sum, sum of squares, maximum, minimum (all of ``frames - centre``), and the sum of squared second
        differences ``y[t-1] - 2 y[t] + y[t+1]``.
    """
    n_frames, n_voxels = frames.shape
    d1 = np.empty(TILE, np.float32)
    d2 = np.empty(TILE, np.float32)
    for start in range(0, n_voxels, TILE):
        stop = min(start + TILE, n_voxels)
        size = stop - start
        mid = centre[start:stop]
        total = out[0, start:stop]
        square = out[1, start:stop]
        top = out[2, start:stop]
        low = out[3, start:stop]
        rough = out[4, start:stop]
        for i in range(size):
            total[i] = 0
            square[i] = 0
            rough[i] = 0
            top[i] = -BIG
            low[i] = BIG
        for t in range(n_frames):
            row = frames[t, start:stop]
            for i in range(size):
                d = np.float32(row[i]) - mid[i]
                total[i] += d
                square[i] += d * d
                top[i] = max(top[i], d)
                low[i] = min(low[i], d)
            if t == 0:
                for i in range(size):
                    d1[i] = np.float32(row[i]) - mid[i]
            elif t == 1:
                for i in range(size):
                    d2[i] = d1[i]
                    d1[i] = np.float32(row[i]) - mid[i]
            else:
                for i in range(size):
                    d = np.float32(row[i]) - mid[i]
                    bend = d - 2 * d1[i] + d2[i]
                    rough[i] += bend * bend
                    d2[i] = d1[i]
                    d1[i] = d


@njit(cache=True, nogil=True, fastmath=True)
def bin_chunk(frames: Any, width: int, centre: Any, gain: Any, out: Any) -> None:
    """Mean over bins of `width` frames, centred, scaled and rounded to int16, voxel-major.

    Parameters
    ----------
    frames : (bins * width or fewer, voxels) any real dtype
        The last bin may be short.
    centre, gain : (voxels,) float32
        The centre is subtracted before summing: differences of whole numbers are exact.
        ``out = round((bin mean - centre) * gain)``, clipped to the range of int16.
    out : (voxels, bins or more) int16, written as far as there are frames
    """
    n_frames, n_voxels = frames.shape
    n_bins = (n_frames + width - 1) // width
    sums = np.empty((n_bins, TILE), np.float32)
    for start in range(0, n_voxels, TILE):
        stop = min(start + TILE, n_voxels)
        size = stop - start
        mid = centre[start:stop]
        for b in range(n_bins):
            acc = sums[b]
            for i in range(size):
                acc[i] = 0
            first = b * width
            last = min(first + width, n_frames)
            for t in range(first, last):
                row = frames[t, start:stop]
                for i in range(size):
                    acc[i] += np.float32(row[i]) - mid[i]
            scale = np.float32(1.0 / max(last - first, 1))
            for i in range(size):
                value = acc[i] * scale * gain[start + i]
                value = min(max(value, np.float32(-32767)), np.float32(32767))
                acc[i] = np.rint(value)
        for i in range(size):
            for b in range(n_bins):
                out[start + i, b] = np.int16(sums[b, i])


HIDDEN = -32768
"""Marks a bin in which no frame shows a voxel."""


@njit(cache=True, nogil=True, fastmath=True)
def bin_seen(frames: Any, hidden: Any, width: int, centre: Any, gain: Any, out: Any) -> None:
    """Like `bin_chunk`, over the frames that show a voxel; `HIDDEN` where none does.

    Parameters
    ----------
    frames, width, centre, gain, out : as those of `bin_chunk`
    hidden : (frames, voxels) bool
    """
    n_frames, n_voxels = frames.shape
    for b in range((n_frames + width - 1) // width):
        first, last = b * width, min(b * width + width, n_frames)
        for v in range(n_voxels):
            total, count = np.float32(0), 0
            for t in range(first, last):
                if not hidden[t, v]:
                    total += np.float32(frames[t, v]) - centre[v]
                    count += 1
            value = total / np.float32(max(count, 1)) * gain[v]
            value = np.rint(min(max(value, np.float32(-32767)), np.float32(32767)))
            out[v, b] = np.int16(value) if count else np.int16(HIDDEN)


@njit(cache=True, nogil=True, fastmath=True)
def shared_noise(frames: Any, step: int, shapes: Any, out: Any) -> None:
    """How much of some images is in the noise of each frame: what it has beside the mean of the two around it.

    Parameters
    ----------
    frames : (frames, voxels) any real dtype
    step : int
        Each so many voxels are looked at.
    shapes : (2, n) float32
        The images, on the voxels that are looked at.
    out : (frames - 2, 2) float64, written
        ``Σ_v noise · image``.
    """
    for t in range(1, frames.shape[0] - 1):
        before, here, after = frames[t - 1], frames[t], frames[t + 1]
        first = np.float64(0)
        second = np.float64(0)
        for i in range(shapes.shape[1]):
            v = i * step
            noise = np.float32(here[v]) - np.float32(0.5) * (np.float32(before[v]) + np.float32(after[v]))
            first += noise * shapes[0, i]
            second += noise * shapes[1, i]
        out[t - 1, 0] = first
        out[t - 1, 1] = second


@njit(cache=True, nogil=True, fastmath=True)
def noise_cumulants(frames: Any, step: int, shapes: Any, shares: Any, out: Any) -> None:
    """Sums of squares and of cubes of the noise of each voxel, without the images that whole frames share.

    Parameters
    ----------
    frames, step, shapes : as those of `shared_noise`
    shares : (frames - 2, 2) float64
        What `shared_noise` wrote.
    out : (2, n) float32, written
    """
    for i in range(out.shape[1]):
        out[0, i] = 0
        out[1, i] = 0
    for t in range(1, frames.shape[0] - 1):
        before, here, after = frames[t - 1], frames[t], frames[t + 1]
        first = np.float32(shares[t - 1, 0])
        second = np.float32(shares[t - 1, 1])
        for i in range(out.shape[1]):
            v = i * step
            noise = np.float32(here[v]) - np.float32(0.5) * (np.float32(before[v]) + np.float32(after[v]))
            noise -= first * shapes[0, i] + second * shapes[1, i]
            out[0, i] += noise * noise
            out[1, i] += noise * noise * noise
