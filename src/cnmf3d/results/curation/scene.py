"""What demixing ROIs by hand needs of the results: the surroundings of a few voxels, small enough for a file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Components, Float, VolumeShape, bridged
from cnmf3d.errors import InputError, UsageError
from cnmf3d.events import Progress, Reporter, silent
from cnmf3d.geometry import ZYX, sigma_of
from cnmf3d.movies import Movie
from cnmf3d.results.footprints import footprints_of
from cnmf3d.results.model import Results

Ints = npt.NDArray[np.int64]
Footprints = sparse.csc_array[Any]

MOST = 250_000_000
"""Values of voxels and frames that are demixed at once, most: twice a gigabyte of memory."""

CHUNK = 2**26
"""Values that are read at once."""

HALF_SIZES = 2.5
"""Half-axes of a seed's support in half-sizes (gSig) of a cell."""

TYPICAL_HALF_SIZE = 3.2
"""Half-size of a cell where the results don't tell it: voxels along x and y, as far along z in µm."""


@dataclass(frozen=True)
class Scene:
    """A few voxels of a movie, and everything known of them but the new ROIs.

    Attributes
    ----------
    shape : (3,) int64
        (Z, Y, X) of the volume.
    voxels : (n,) int64
        Flat numbers of the voxels, ascending, C order over (Z, Y, X).
    starts : (n, k) float32
        Weights that the new ROIs begin with; where they are zero, and `support` is too, the ROI doesn't reach.
    support : (n, k) bool
        Where each may have weight.
    others : (n, m) float32
        Footprints of the ROIs that stay and reach into the voxels.
    courses : (m, frames) float32
        Their demixed raw traces.
    images : (n, b) float32, background : (b, frames) float32
        Resting image and neuropil.
    noise : (n,) float32
        Standard deviation of each voxel; ones where it isn't known.
    g : (p,) float32
        AR coefficients; empty where there are none.
    rate : () float64
        Volumes a second.
    sigma : (3,) float64
        Standard deviation of a cell's footprint in voxels, z, y, x.
    resting : () str
        How F0 is taken, as `RestingLight.to_json` says it.
    fixed : () bool
        Whether a footprint has to keep all voxels of its support; otherwise only what is significant stays.
    """

    shape: Ints
    voxels: Ints
    starts: Float
    support: npt.NDArray[np.bool_]
    others: Float
    courses: Float
    images: Float
    background: Float
    noise: Float
    g: Float
    rate: npt.NDArray[np.float64]
    sigma: npt.NDArray[np.float64]
    resting: npt.NDArray[np.str_]
    fixed: npt.NDArray[np.bool_]

    @property
    def frames(self) -> int:
        """Number of time points."""
        return int(self.background.shape[1])

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """The smallest box that holds the voxels."""
        places = np.unravel_index(self.voxels, tuple(self.shape))
        z, y, x = (slice(int(p.min()), int(p.max()) + 1) for p in places)
        return z, y, x

    def save(self, path: Path) -> None:
        """Write to an ``.npz`` file."""
        np.savez(path, allow_pickle=False, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Scene:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{field.name: file[field.name] for field in fields(cls)})


def scene_of(results: Results, others: Components, starts: Footprints, support: Footprints, fixed: bool) -> Scene:
    """The surroundings of new ROIs.

    Parameters
    ----------
    results : Results
        For background, noise and rate.
    others : Components
        The ROIs that stay.
    starts : csc (voxels, k)
        What the new ROIs begin with.
    support : csc (voxels, k)
        Where they may have weight.
    fixed : bool
        See `Scene`.

    Raises
    ------
    UsageError
        Where the new ROIs have no voxels, or too many.
    """
    voxels = np.union1d(support.indices, starts.indices).astype(np.int64)
    if not voxels.size or (np.diff(starts.indptr) == 0).any():
        raise UsageError("a new ROI has no voxels", "Draw it, or click, inside the volume.")
    if voxels.size * others.frames > MOST:
        raise UsageError(
            f"the new ROIs cover {voxels.size} voxels of {others.frames} frames",
            f"{MOST // max(others.frames, 1)} voxels can be demixed at once: draw less, or fewer at a time.",
        )
    near = np.unique(sparse.csr_array(others.footprints)[voxels].indices)
    some = sparse.csr_array(others.footprints[:, near])[voxels].toarray()
    allowed = sparse.csr_array(support)[voxels].toarray() > 0
    first = sparse.csr_array(starts)[voxels].toarray()
    noise = np.ones(voxels.size) if results.noise is None else results.noise.ravel()[voxels]
    good = np.median(noise[noise > 0]) if (noise > 0).any() else 1.0
    g = others.kinetics.g
    told = np.flatnonzero(np.abs(g).sum(axis=1) > 0) if g.size else np.zeros(0, np.int64)
    back = others.background
    empty = np.zeros((0, others.frames), np.float32)
    return Scene(
        shape=np.array(others.shape, np.int64),
        voxels=voxels,
        starts=first.astype(np.float32),
        support=allowed | (first > 0),
        others=some.astype(np.float32),
        courses=bridged(others.rows("traces", near) + others.rows("residuals", near)).astype(np.float32),
        images=back.spatial[voxels].astype(np.float32),
        background=(back.temporal if back.temporal.size else empty).astype(np.float32),
        noise=np.where(noise > 0, noise, good).astype(np.float32),
        g=(g[told[0]] if told.size else np.zeros(0)).astype(np.float32),
        rate=np.array(results.rate, np.float64),
        sigma=np.array(sigma_of(half_size(results)), np.float64),
        resting=np.array(others.resting.to_json()),
        fixed=np.array(fixed),
    )


def read_voxels(movie: Movie, scene: Scene, reporter: Reporter = silent) -> Float:
    """(frames, n) values of the scene's voxels; only the box around them is read, where that can be had.

    Raises
    ------
    InputError
        Where the movie isn't the one of the results.
    """
    if movie.shape != (scene.frames, *scene.shape):
        raise InputError(
            f"the movie has the shape {movie.shape}, the results are of {(scene.frames, *scene.shape.tolist())}",
            "Open the movie that the results were made of.",
        )
    z, y, x = scene.box
    shape = (z.stop - z.start, y.stop - y.start, x.stop - x.start)
    places = np.unravel_index(scene.voxels, tuple(scene.shape))
    local = np.ravel_multi_index(tuple(p - s.start for p, s in zip(places, (z, y, x), strict=True)), shape)
    out = np.empty((scene.frames, scene.voxels.size), np.float32)
    mapped = movie.contiguous()
    step = max(1, CHUNK // int(np.prod(scene.shape if mapped is None else shape)))
    for start in range(0, scene.frames, step):
        stop = min(start + step, scene.frames)
        part = movie.read(start, stop)[:, z, y, x] if mapped is None else mapped[start:stop, z, y, x]
        out[start:stop] = part.reshape(stop - start, -1)[:, local]
        reporter(Progress("ingest", stop, scene.frames))
    return out


def cell_reach(results: Results) -> ZYX:
    """Half-axes of the ellipsoid in which a clicked cell is sought, in voxels: two and a half half-sizes gSig."""
    return ZYX(*(HALF_SIZES * length for length in half_size(results)))


def half_size(results: Results) -> ZYX:
    """Half-size gSig of the results' cells in voxels; a typical one where they don't tell it."""
    init = results.parameters.get("init")
    told = init.get("gSig") if isinstance(init, dict) else None
    if isinstance(told, (list, tuple)) and len(told) == 3 and all(isinstance(v, (int, float)) for v in told):
        x, y, z = (max(float(v), 0.5) for v in told)
        return ZYX(z, y, x)
    size = results.voxel_size
    depth = TYPICAL_HALF_SIZE if size is None else TYPICAL_HALF_SIZE * size.x / size.z
    return ZYX(max(depth, 1 / HALF_SIZES) if results.components.shape[0] > 1 else 0.0, *(2 * [TYPICAL_HALF_SIZE]))


def ellipsoid(shape: VolumeShape, place: tuple[int, int, int], reach: ZYX) -> Footprints:
    """Weights that fall off from one at `place` to zero at the ellipsoid with the half-axes `reach`; one column.

    Raises
    ------
    UsageError
        Where the place isn't in the volume.
    """
    if not all(0 <= p < n for p, n in zip(place, shape, strict=True)):
        raise UsageError(f"{place} (z, y, x) isn't in the volume of {shape}", "Click inside it.")
    spans = [range(max(0, int(p - r)), min(n, int(p + r) + 1)) for p, r, n in zip(place, reach, shape, strict=True)]
    grid = np.stack(np.meshgrid(*spans, indexing="ij"), axis=-1).reshape(-1, 3)
    distance = (((grid - np.array(place)) / np.maximum(np.array(reach), 0.5)) ** 2).sum(axis=1)
    inside = distance < 1
    voxels = np.ravel_multi_index(tuple(grid[inside].T), shape)
    return footprints_of([(voxels, (1 - distance[inside]).astype(np.float32))], int(np.prod(shape)))
