"""Traces and footprints at the movie's full rate, by passes over its frames.

The blocks were solved on time bins. Here each frame is projected on all footprints (one pass), traces are demixed in
the small space of components, and footprints are regressed on the denoised traces (another pass).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Bool, Float
from cnmf3d.engine.block import Footprints, entry_columns, norms_of, overlaps, with_data
from cnmf3d.engine.cache import Cache, chunk_length, chunk_ranges, read_chunk
from cnmf3d.engine.demix import ByVoxel, descended
from cnmf3d.engine.kernels.numba import block as block_kernels
from cnmf3d.engine.kernels.numba import frames as kernels
from cnmf3d.engine.parallel import in_order
from cnmf3d.engine.volume import Neuropil
from cnmf3d.events import Progress, Reporter
from cnmf3d.movies import Movie


@dataclass(frozen=True)
class Source:
    """The movie with what turns its values into units of noise.

    Attributes
    ----------
    movie : Movie
    level : (voxels,) float32
        Resting level.
    scale : (voxels,) float32
        Noise of a frame: ``z = (y − level) / scale``.
    workers : int
    reporter : Reporter
    footprints : csr (voxels, components) or None
    traces : (components, frames) float32 or None
        What is expected where a frame shows nothing, beside the resting level; None: nothing.
    """

    movie: Movie
    level: Float
    scale: Float
    workers: int
    reporter: Reporter
    footprints: sparse.csr_array | None = None
    traces: Float | None = None

    @classmethod
    def of(cls, movie: Movie, cache: Cache, neuropil: Neuropil, workers: int, reporter: Reporter) -> Source:
        """Levels from the cache and the constant part of the background."""
        level = cache.centre + cache.scale * neuropil.rest / np.float32(np.sqrt(cache.width))
        scale = np.where(cache.statistics.valid, cache.scale, np.float32(1e12))
        return cls(movie, level.astype(np.float32), scale.astype(np.float32), workers, reporter)

    def expecting(self, footprints: Footprints, traces: Float) -> Source:
        """The same movie with these cells where it isn't seen."""
        return dataclasses.replace(self, footprints=sparse.csr_array(footprints), traces=traces)

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Frames as (frames, voxels); what they don't show is expected (see `visibility`)."""
        return self.look(start, stop)[0]

    def look(self, start: int, stop: int) -> tuple[npt.NDArray[Any], Bool | None]:
        """As `read`, and which values are only expected, (frames, voxels); None where all were seen."""
        frames, hidden = read_chunk(self.movie, start, stop, fill=self.level)
        if hidden is None or self.footprints is None or self.traces is None:
            return frames, hidden
        voxels = np.flatnonzero(hidden.any(axis=0) & (np.diff(self.footprints.indptr) > 0))
        if voxels.size == 0:
            return frames, hidden
        frames = frames.astype(np.float32)
        cells = (self.footprints[voxels] @ self.traces[:, start:stop]).T * self.scale[voxels]
        frames[:, voxels] = np.where(hidden[:, voxels], self.level[voxels] + cells, frames[:, voxels])
        return frames, hidden

    def ranges(self) -> list[tuple[int, int]]:
        """Time chunks; the same for any number of workers."""
        return chunk_ranges(self.movie.shape[0], chunk_length(self.movie))


@dataclass(frozen=True)
class Projections:
    """The movie seen through footprints and neuropil images, in units of noise.

    Attributes
    ----------
    components : (components, frames) float32
        ``Aᵀ z``.
    neuropil : (tiles * rank, frames) float32
        ``Bᵀ z`` over the sampled rows.
    shares : (components, frames) float32 or None
        Share of each footprint's light that a frame shows; None where all of it is always seen.
    """

    components: Float
    neuropil: Float
    shares: Float | None = None


def project(source: Source, footprints: Footprints, neuropil: Neuropil, stage: str = "traces") -> Projections:
    """One pass over the movie: every frame projected on all footprints and neuropil images."""
    frames = source.movie.shape[0]
    weights = footprints.data / source.scale[footprints.indices]
    levels = source.level[footprints.indices]
    images = neuropil.images / source.scale
    seen = np.empty((footprints.shape[1], frames), np.float32)
    courses = np.zeros((neuropil.tiles * neuropil.rank, frames), np.float32)
    light = with_data(footprints, footprints.data * source.scale[footprints.indices])
    total = np.maximum(np.asarray(light.sum(axis=0)).ravel(), np.float32(1e-30))
    parts = sparse.csr_array(with_data(light, np.asarray(light.data / total[entry_columns(light)], np.float32)))
    under = np.diff(parts.indptr) > 0
    lost = np.zeros_like(seen)  # takes no memory where nothing is hidden

    def digest(span: tuple[int, int]) -> int:
        part, hidden = source.look(*span)
        if hidden is not None:
            voxels = np.flatnonzero(hidden.any(axis=0) & under)
            lost[:, span[0] : span[1]] = parts[voxels].T @ hidden[:, voxels].T.astype(np.float32)
        out = np.empty((footprints.shape[1], len(part)), np.float32)
        kernels.project_frames(part, footprints.indptr, footprints.indices, weights, levels, out)
        seen[:, span[0] : span[1]] = out
        if neuropil.rank:
            sums = np.zeros((courses.shape[0], len(part)), np.float64)
            kernels.project_runs(part, neuropil.sampled, images, source.level, sums)
            courses[:, span[0] : span[1]] = sums
        return span[1]

    for stop in in_order(digest, source.ranges(), source.workers):
        source.reporter(Progress(stage, stop, frames, "frames", stop * source.level.size))
    return Projections(seen, courses, 1 - lost if lost.any() else None)


@dataclass(frozen=True)
class Mixing:
    """How footprints and neuropil images overlap.

    Attributes
    ----------
    gram : csr (components, components)
    cross : csr (components, tiles * rank)
    sampled_cross : csr (components, tiles * rank)
        The same over the sampled rows.
    inverse : csr (tiles * rank, tiles * rank)
        Inverse of the sampled neuropil images' Gram matrix, block by block.
    """

    gram: sparse.csr_array
    cross: sparse.csr_array
    sampled_cross: sparse.csr_array
    inverse: sparse.csr_array

    @classmethod
    def of(cls, footprints: Footprints, neuropil: Neuropil) -> Mixing:
        """Products of the images."""
        gram = sparse.csr_array(footprints.T @ footprints).astype(np.float32)
        cross = sparse.csr_array(footprints.T @ neuropil.matrix(sampled=False)).astype(np.float32)
        images = neuropil.matrix(sampled=True)
        sampled = sparse.csr_array(footprints.T @ images).astype(np.float32)
        own = sparse.csr_array(images.T @ images)
        rank = neuropil.rank
        blocks = []
        for tile in range(neuropil.tiles if rank else 0):
            part = own[tile * rank : (tile + 1) * rank, tile * rank : (tile + 1) * rank].toarray()
            blocks.append(sparse.coo_array(np.linalg.pinv(part)))
        inverse = sparse.csr_array(sparse.block_diag(blocks)) if blocks else sparse.csr_array((0, 0))
        return cls(gram, cross, sampled, inverse.astype(np.float32))

    def courses(self, seen: Projections, traces: Float) -> Float:
        """Neuropil courses given the traces."""
        return np.asarray(self.inverse @ (seen.neuropil - self.sampled_cross.T @ traces), np.float32)

    def unexplained(self, seen: Projections, courses: Float) -> Float:
        """Projections of the components with the neuropil taken out."""
        if not courses.size:
            return seen.components
        return np.asarray(seen.components - self.cross @ courses, np.float32)


def demix_traces(seen: Projections, mixing: Mixing, start: Float, sweeps: int = 6) -> tuple[Float, Float]:
    """Signed least-squares traces and neuropil courses.

    Parameters
    ----------
    seen : Projections
    mixing : Mixing
    start : (components, frames) float32
    sweeps : int
        Alternations of courses and traces.

    Returns
    -------
    traces : (components, frames) float32
    courses : (tiles * rank, frames) float32
    """
    traces = start.copy()
    courses = mixing.courses(seen, traces)
    for _ in range(sweeps):
        target = mixing.unexplained(seen, courses)
        for _ in range(2):
            block_kernels.update_traces(target, mixing.gram.indptr, mixing.gram.indices, mixing.gram.data, True, traces)
        courses = mixing.courses(seen, traces)
    return traces, courses


def raw_traces(seen: Projections, mixing: Mixing, traces: Float, courses: Float) -> Float:
    """``C + (U − G C) / diag G``: each component's own part of the movie, given all others' `traces`."""
    diagonal = np.maximum(mixing.gram.diagonal(), 1e-12)[:, None]
    left = mixing.unexplained(seen, courses) - mixing.gram @ traces
    return np.asarray(traces + left / diagonal, np.float32)


def changes(traces: Float) -> Float:
    """Traces less their means: what footprints are fitted to, so that a resting level that is wrong has no say.

    What traces are above zero at rest would be shared out by how bright cells are: to a bright one its neighbour's.
    """
    return np.asarray(traces - traces.mean(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True)
class ShapeSums:
    """Sums over time on the supports, in units of noise: weighted by `changes`, and over active frames."""

    weighted: Float
    active: Float


def accumulate_shapes(source: Source, supports: Footprints, traces: Float, active: Float) -> ShapeSums:
    """One pass over the movie for the footprints and for the images of the active frames.

    Parameters
    ----------
    source : Source
    supports : csc (voxels, components)
    traces, active : (components, frames) float32
    """
    frames = source.movie.shape[0]
    levels, weights = source.level[supports.indices], changes(traces)
    total = np.zeros((2, supports.nnz), np.float64)

    def digest(span: tuple[int, int]) -> tuple[int, Float]:
        part = source.read(*span)
        sums = np.zeros((2, supports.nnz), np.float32)
        here = slice(*span)
        kernels.correlate_frames(
            part,
            supports.indptr,
            supports.indices,
            levels,
            np.ascontiguousarray(weights[:, here]),
            np.ascontiguousarray(active[:, here]),
            sums,
        )
        return span[1], sums

    for stop, sums in in_order(digest, source.ranges(), source.workers):
        total += sums
        source.reporter(Progress("shapes", stop, frames, "frames", stop * source.level.size))
    total /= source.scale[supports.indices]
    return ShapeSums(total[0].astype(np.float32), total[1].astype(np.float32))


def fit_footprints(
    sums: Float, supports: Footprints, traces: Float, neuropil: Neuropil, courses: Float, sweeps: int = 4
) -> Footprints:
    """Non-negative footprints on their supports, given what `accumulate_shapes` sums and the traces.

    Parameters
    ----------
    sums : (entries,) float32
    supports : csc (voxels, components)
        Its values are where the iteration starts.
    traces : (components, frames) float32
    neuropil : Neuropil
    courses : (tiles * rank, frames) float32
    sweeps : int
    """
    weights = changes(traces)
    target = sums - neuropil_part(supports, weights, neuropil, courses)
    return with_data(supports, descended(ByVoxel.of(supports), target, weights, supports.data, sweeps))


def neuropil_part(supports: Footprints, weights: Float, neuropil: Neuropil, courses: Float) -> Float:
    """``B (F weightsᵀ)`` at the entries of the supports, (entries,)."""
    out = np.zeros(supports.nnz, np.float32)
    if not neuropil.rank:
        return out
    tile = neuropil.tile_of[supports.indices]
    leak = courses @ weights.T
    columns = entry_columns(supports)
    for r in range(neuropil.rank):
        out += neuropil.images[r, supports.indices] * leak[tile * neuropil.rank + r, columns]
    return out


def residual_images(
    sums: Float, footprints: Footprints, traces: Float, weights: Float, neuropil: Neuropil, courses: Float
) -> Float:
    """Mean image of each component over its weighted frames, others and neuropil taken out; at the entries.

    Parameters
    ----------
    sums : (entries,) float32
        ``Σ_t weight z``.
    footprints : csc (voxels, components)
    traces, weights : (components, frames) float32
    """
    left = sums - neuropil_part(footprints, weights, neuropil, courses)
    shared = traces @ weights.T
    np.fill_diagonal(shared, 0)
    explained = sparse.csr_array(footprints @ sparse.csc_array(_near(shared, footprints)))
    columns = entry_columns(footprints)
    if footprints.nnz:
        left -= np.asarray(explained[footprints.indices, columns]).ravel()
    total = np.maximum(weights.sum(axis=1), 1e-9)
    return np.asarray(left / total[columns], np.float32)


def _near(values: Float, footprints: Footprints) -> sparse.csr_array:
    """`values` (components, components) only where supports overlap."""
    overlap = sparse.coo_array(overlaps(footprints))
    data = values[overlap.row, overlap.col]
    return sparse.csr_array((data, (overlap.row, overlap.col)), shape=overlap.shape)


def rescaled(footprints: Footprints, traces: Float) -> tuple[Footprints, Float]:
    """Unit norm footprints, their scale in the traces; vanished footprints stay as zeros."""
    norms = norms_of(footprints)
    safe = np.where(norms > 0, norms, 1)
    data = np.asarray(footprints.data / safe[entry_columns(footprints)], np.float32)
    return with_data(footprints, data), np.asarray(traces * norms[:, None], np.float32)
