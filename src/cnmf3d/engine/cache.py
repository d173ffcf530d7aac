"""Ingest: one pass over the movie gives each voxel's statistics and a cache of time bins in units of noise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from cnmf3d.components import Bool, Float, VolumeShape
from cnmf3d.engine.block import STEP, Block, Hidden
from cnmf3d.engine.blocks import Box
from cnmf3d.engine.borders import unseen
from cnmf3d.engine.kernels.numba import ingest as kernels
from cnmf3d.engine.noise import noise_grain, regular_noise, shared_noise
from cnmf3d.engine.parallel import in_order
from cnmf3d.events import Progress, Reporter
from cnmf3d.movies import Movie

CHUNK_VALUES = 2**23
"""Values in a time chunk, as which a movie is read by each worker: 16 or 32 MiB. Counted in values, so that the chunks
of a movie, and with them all sums over time, do not depend on the type of its pixels."""

EXACT = 16
"""Levels are multiples of a power of two that is at most this part of the noise, and at most one."""

SAMPLES, SAMPLED = 12, 12
"""Stretches of the movie that tell level and noise beforehand, and frames of each."""

MOSTLY = 0.5
"""Share of frames in which a voxel may be unseen (NaN, or in a border that registration filled) and still be used: a
cell at an edge that was seen half of the time is better than none."""

NATIVE = (np.uint8, np.uint16, np.int16, np.float32)
"""Pixel types that the kernels take as they are; others are read as float32."""


@dataclass(frozen=True)
class Statistics:
    """What one pass tells of each voxel; arrays are (voxels,) float32 in C order over (Z, Y, X).

    Attributes
    ----------
    mean, std, maximum, minimum : over all frames
    noise : standard deviation of white noise, from second differences
    unknown : frames in which the voxel is not finite (NaN, infinity)
    valid : voxels that are finite in nearly every frame and not constant
    grain : (3, lags) float32, correlation of the noise of voxels so far apart along z, y and x
    """

    mean: Float
    std: Float
    maximum: Float
    minimum: Float
    noise: Float
    unknown: Float
    valid: Bool
    grain: Float

    def seldom_seen(self, frames: int) -> Bool:
        """Voxels that are hidden in more than `MOSTLY` of the frames that show anything, of so many in all."""
        return seldom_seen(self.unknown, frames)


def seldom_seen(unknown: Float, frames: int) -> Bool:
    """As `Statistics.seldom_seen`: frames that show no voxel at all are bad ones, and say nothing of voxels."""
    empty = unknown.min(initial=frames)
    return np.asarray(unknown - empty > MOSTLY * (frames - empty))


@dataclass(frozen=True)
class Cache:
    """The binned movie on disk.

    Attributes
    ----------
    path : Path
        Raw int16 file of shape (chunks, voxels, chunk_bins): ``STEP * (bin mean - centre) / scale``, the mean of
        the frames that show a voxel; `ingest.HIDDEN` where none does.
    shape : (Z, Y, X)
    bins : int
        Number of time bins.
    width : int
        Frames a bin.
    chunk_bins : int
        Bins a chunk; the last chunk is padded with zeros.
    centre, scale : (voxels,) float32
        Level subtracted, and noise of a single frame that was divided by; bins are scaled by ``sqrt(width)`` more.
    statistics : Statistics
    source : str
        Hash of all of the movie's values.
    """

    path: Path
    shape: VolumeShape
    bins: int
    width: int
    chunk_bins: int
    centre: Float
    scale: Float
    statistics: Statistics
    source: str = ""

    def load(self, box: Box, step: int = 1) -> Block:
        """Read one block, halo included, all bins or each of so many; voxels that are not valid are zero."""
        chunks = -(-self.bins // self.chunk_bins)
        rows = np.empty((*box.shape, -(-self.bins // step)), np.int16)
        size = (*self.shape, self.chunk_bins)
        for chunk in range(chunks):  # a map for each: what is mapped counts as memory in use
            stored = np.memmap(self.path, np.int16, "r", offset=2 * chunk * int(np.prod(size)), shape=size)
            start = chunk * self.chunk_bins
            part = stored[box.slices][..., -start % step : self.bins - start : step]
            first = -(-start // step)
            rows[..., first : first + part.shape[-1]] = part
            del stored, part
        rows[~self.statistics.valid.reshape(self.shape)[box.slices]] = 0
        flat = rows.reshape(-1, rows.shape[-1])
        hidden = hidden_in(flat, self.statistics.unknown.reshape(self.shape)[box.slices].ravel() > 0)
        rest, unit = (
            values.reshape(self.shape)[box.slices].ravel()
            for values in (self.statistics.mean, self.scale / np.float32(np.sqrt(self.width)))
        )
        return Block(flat, box.shape, rest, unit, self.statistics.grain, hidden)


def hidden_in(rows: npt.NDArray[np.int16], sometimes: Bool) -> Hidden | None:
    """Which bins show nothing of a voxel, of those that are `sometimes` unseen; these are zeros in `rows` then.

    Bins that show nothing of any voxel (bad frames) are on a straight line between those around them.
    """
    everywhere = int(rows.any(axis=1).sum()) if sometimes.any() else 0
    voxels = np.flatnonzero(sometimes)
    mask = rows[voxels] == kernels.HIDDEN
    some = mask.any(axis=1)
    if not some.any():
        return None
    voxels, mask = voxels[some], mask[some]
    rows[voxels] = np.where(mask, np.int16(0), rows[voxels])
    empty = mask.all(axis=0)
    good = np.flatnonzero(~empty)
    if len(voxels) == everywhere and good.size:
        for b in np.flatnonzero(empty):
            place = int(np.searchsorted(good, b))
            before, after = good[max(place - 1, 0)], good[min(place, good.size - 1)]
            share = (b - before) / (after - before) if after > before else 0.0
            rows[:, b] = np.rint((1 - share) * rows[:, before] + share * rows[:, after])
    return Hidden(voxels, mask)


def kernel_type(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """The type as which the kernels see pixels of `dtype`."""
    given = np.dtype(dtype)
    return given if given.type in NATIVE and given.isnative else np.dtype(np.float32)


def prepared(frames: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Frames as (frames, voxels) as the kernels take them: of a type of theirs, contiguous, not to be written to.

    Not-a-number stays.
    """
    flat = frames.reshape(len(frames), -1)
    out = np.ascontiguousarray(flat, kernel_type(flat.dtype)).view()
    out.flags.writeable = False
    return out


def chunk_ranges(frames: int, length: int) -> list[tuple[int, int]]:
    """The movie's frames cut into ranges of `length`."""
    return [(start, min(start + length, frames)) for start in range(0, frames, length)]


def chunk_length(movie: Movie, multiple: int = 1) -> int:
    """Frames to read at once, a multiple of `multiple`."""
    return max(1, CHUNK_VALUES // (int(np.prod(movie.shape[1:])) * multiple)) * multiple


def cache_bytes(movie: Movie, width: int) -> int:
    """Size of a movie's binned cache on disk; the last chunk is whole."""
    bins = max(1, movie.shape[0] // width)
    chunk_bins = min(chunk_length(movie, width), bins * width) // width
    return 2 * int(np.prod(movie.shape[1:])) * chunk_bins * -(-bins // chunk_bins)


def read_chunk(movie: Movie, start: int, stop: int, fill: Float | None = None) -> tuple[npt.NDArray[Any], Bool | None]:
    """Frames as (frames, voxels), and which values show nothing; None where all do.

    Values that are not finite, and those in borders that registration filled, are replaced by `fill`.
    """
    frames = movie.read(start, stop)
    flat = prepared(frames)
    hidden = unseen(frames)
    hidden = None if hidden is None else hidden.reshape(flat.shape)
    if flat.dtype == np.float32:
        lost = ~np.isfinite(flat)
        if lost.any():
            hidden = lost if hidden is None else hidden | lost
    if hidden is None:
        return flat, None
    level = np.zeros(flat.shape[1]) if fill is None else fill
    if flat.dtype != np.float32:
        limits = np.iinfo(flat.dtype)
        level = np.clip(np.rint(level), limits.min, limits.max)
    flat = prepared(np.where(hidden, level.astype(flat.dtype), flat))
    return flat, hidden


def source_hash(movie: Movie, cache: Cache, workers: int) -> str:
    """Hash of all of a movie's values, as `ingest` takes it; reads the whole movie."""

    def digest(span: tuple[int, int]) -> bytes:
        return xxhash.xxh3_128_digest(read_chunk(movie, *span, fill=cache.centre)[0].data)

    ranges = chunk_ranges(movie.shape[0], cache.chunk_bins * cache.width)
    return xxhash.xxh3_128_hexdigest(b"".join(in_order(digest, ranges, workers)))


def sample_levels(movie: Movie, workers: int) -> tuple[Float, Float, Float]:
    """Level and noise of each voxel, and the grain of the noise, from a few short stretches of the movie.

    They are good to some per cent, for scaling.

    A level is one of the voxel's values plus a multiple of a power of two (see `EXACT`): what is left of whole numbers
    when it is subtracted is exact. So a constant that is added to a movie changes no bit of the time bins.
    """
    total = movie.shape[0]
    length = min(SAMPLED, total)
    starts = sorted({int(s) for s in np.linspace(0, total - length, SAMPLES)})
    voxels = int(np.prod(movie.shape[1:]))
    centre = first_values(movie, starts, length)
    missing = np.zeros(voxels, np.float64)
    sums = np.zeros(voxels, np.float64)
    bends = np.zeros(voxels, np.float64)

    shared: list[npt.NDArray[np.float64]] = []

    def digest(start: int) -> tuple[Float, Bool | None, npt.NDArray[np.float64]]:
        out = np.empty((5, voxels), np.float32)
        frames, hidden = read_chunk(movie, start, start + length, fill=centre)
        kernels.chunk_statistics(frames, centre, out)
        return out, hidden, shared_noise(frames, movie.shape[1:])

    for out, hidden, products in in_order(digest, starts, min(workers, max(1, chunk_length(movie) // length))):
        sums += out[0]
        bends += out[4]
        shared.append(products)
        if hidden is not None:
            missing += hidden.sum(axis=0)
    seen = np.maximum(len(starts) * length - missing, 1)
    noise = np.sqrt(bends / (6 * max(1, len(starts) * (length - 2))) * len(starts) * length / seen)
    typical = float(np.median(noise[noise > 0])) if (noise > 0).any() else 1.0
    noise = np.maximum(regular_noise(noise, movie.shape[1:]), 0.05 * typical)
    step = np.minimum(np.exp2(np.floor(np.log2(noise / EXACT))), 1)
    level = centre + step * np.floor(sums / seen / step + 0.5)
    grain = noise_grain(np.sum(shared, axis=0))
    return level.astype(np.float32), noise.astype(np.float32), grain


def first_values(movie: Movie, starts: list[int], length: int) -> Float:
    """A first value of each voxel that was seen, (voxels,) float32; zero for one that never is in these stretches."""
    voxels = int(np.prod(movie.shape[1:]))
    value, open_ = np.zeros(voxels, np.float32), np.ones(voxels, bool)
    for start in starts:
        frames = movie.read(start, min(start + length, movie.shape[0]))
        hidden = unseen(frames)
        flat = prepared(frames)
        visible = np.isfinite(flat) if hidden is None else np.isfinite(flat) & ~hidden.reshape(flat.shape)
        first = visible.argmax(axis=0)
        found = open_ & visible.any(axis=0)
        value[found] = flat[first[found], np.flatnonzero(found)]
        open_ &= ~found
        if not open_.any():
            break
    return value


def ingest(movie: Movie, path: Path, width: int, *, workers: int, reporter: Reporter) -> Cache:
    """Read the movie once: statistics of each voxel, and the binned cache written to `path`.

    Parameters
    ----------
    movie : Movie
    path : Path
        File to write.
    width : int
        Frames a time bin.
    workers : int
        Threads; the result doesn't depend on it.
    reporter : Reporter
    """
    total, shape = movie.shape[0], (movie.shape[1], movie.shape[2], movie.shape[3])
    voxels = int(np.prod(shape))
    centre, scale, grain = sample_levels(movie, workers)
    bins = max(1, total // width)
    length = min(chunk_length(movie, width), bins * width)
    chunk_bins = length // width
    gain = (STEP * np.sqrt(width) / scale).astype(np.float32)
    ranges = chunk_ranges(total, length)

    def digest(span: tuple[int, int]) -> tuple[Float, Float | None, bytes]:
        frames, hidden = read_chunk(movie, *span, fill=centre)
        sums = np.empty((5, voxels), np.float32)
        kernels.chunk_statistics(frames, centre, sums)
        chunk = span[0] // length
        whole = min(chunk_bins, bins - chunk * chunk_bins)
        if whole > 0:
            binned = np.zeros((voxels, chunk_bins), np.int16)
            if hidden is None:
                kernels.bin_chunk(frames[: whole * width], width, centre, gain, binned)
            else:
                kernels.bin_seen(frames[: whole * width], hidden[: whole * width], width, centre, gain, binned)
            with path.open("r+b") as file:
                file.seek(chunk * voxels * chunk_bins * 2)
                file.write(binned.data)
        bad = None if hidden is None else np.asarray(hidden.sum(axis=0), np.float32)
        return sums, bad, xxhash.xxh3_128_digest(frames.data)

    path.touch()
    total_sums = np.zeros((2, voxels), np.float64)
    bends = np.zeros(voxels, np.float64)
    top = np.full(voxels, -kernels.BIG, np.float32)
    low = np.full(voxels, kernels.BIG, np.float32)
    unknown = np.zeros(voxels, np.float32)
    hashes = []
    for (_, end), (sums, bad, value) in zip(ranges, in_order(digest, ranges, workers), strict=True):
        hashes.append(value)
        total_sums += sums[:2]
        np.maximum(top, sums[2], out=top)
        np.minimum(low, sums[3], out=low)
        bends += sums[4]
        if bad is not None:
            unknown += bad
        reporter(Progress("ingest", end, total, "frames", end * voxels))
    seen = np.maximum(total - unknown, 1)
    mean = total_sums[0] / seen
    variance = np.maximum(total_sums[1] / seen - mean**2, 0)
    degrees = sum(max(stop - start - 2, 0) for start, stop in ranges)
    noise = np.sqrt(bends / (6 * max(degrees, 1)) * total / seen)
    statistics = Statistics(
        mean=(mean + centre).astype(np.float32),
        std=np.sqrt(variance).astype(np.float32),
        maximum=top + centre,
        minimum=low + centre,
        noise=noise.astype(np.float32),
        unknown=unknown,
        valid=~seldom_seen(unknown, total) & (variance > 0),
        grain=grain,
    )
    source = xxhash.xxh3_128_hexdigest(b"".join(hashes))
    return Cache(path, shape, bins, width, chunk_bins, centre, scale, statistics, source)
