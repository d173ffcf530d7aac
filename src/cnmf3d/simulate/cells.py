"""Cells of a synthetic volume: where they are and what they look like."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse

from cnmf3d.errors import UsageError
from cnmf3d.simulate.scene import Scene

SOMA_RADIUS = 1.5
"""Semi-axes of a soma in cell sizes (gSig)."""
BLOB_SIGMA = 0.8
"""Standard deviation of a blob in cell sizes."""
NUCLEUS_RADIUS = 0.55
"""Semi-axes of the nucleus in semi-axes of the soma."""
FAINTEST = 0.02
"""Voxels below this share of the brightest one are no part of a footprint."""
LEAST_INSIDE = 0.5
"""Share of a footprint that must lie in the volume."""
TRIES = 200
"""Centres that are tried for each cell before giving up."""

Float = npt.NDArray[np.float64]


def draw_cells(
    scene: Scene, rng: np.random.Generator, number: int | None = None, avoid: npt.NDArray[np.bool_] | None = None
) -> tuple[sparse.csc_array[Any], Float]:
    """Draw the cells of a scene, one after the other, wherever there is room; by default `Scene.cells` of them.

    Centres fill the whole volume, borders included; a cell of which less than half would be inside, and one
    that is nearer to another than `Scene.separation` or centred on a voxel of `avoid`, (Z, Y, X), is drawn anew.

    Returns
    -------
    footprints : csc_array, (canvas voxels, cells) float32
        Voxels in C order over `Scene.canvas`; 1 at the brightest voxel inside the volume.
    centres : (cells, 3) float64
        Voxels of the volume, order z, y, x.

    Raises
    ------
    UsageError
        Where so many cells don't fit.
    """
    semi = SOMA_RADIUS * np.array(scene.cell_size[::-1])
    shape = np.array(scene.shape)
    number = scene.cells if number is None else number
    centres, scales = np.zeros((0, 3)), np.zeros((0, 1))
    columns: list[sparse.coo_array[Any]] = []
    for _ in range(TRIES * number):
        if len(columns) == number:
            break
        centre = rng.uniform(-0.5, shape - 0.5)
        scale = float(rng.lognormal(0.0, scene.scale_spread)) if scene.scale_spread else 1.0
        apart = (centres - centre) / (semi * (scales + scale) / 2)
        if (np.sum(apart**2, axis=1) < scene.separation**2).any():
            continue
        if avoid is not None and avoid[tuple(np.clip(np.rint(centre).astype(int), 0, shape - 1))]:
            continue
        column, inside = _footprint(scene, centre, scale, rng)
        if inside >= LEAST_INSIDE:
            centres, scales = np.vstack([centres, centre]), np.vstack([scales, scale])
            columns.append(column)
    if len(columns) < number:
        raise UsageError(
            f"Only {len(columns)} of {number} cells fit into {scene.size} voxels",
            "Ask for fewer cells, a larger size, or a smaller cell_size or separation.",
        )
    if not columns:
        return sparse.csc_array((int(np.prod(scene.canvas)), 0), dtype=np.float32), centres
    return sparse.csc_array(sparse.hstack(columns, format="csc")), centres


def inside_view(columns: sparse.csc_array[Any], scene: Scene) -> sparse.csc_array[Any]:
    """Rows of the canvas that are voxels of the volume, in C order over (Z, Y, X)."""
    if scene.canvas == scene.shape:
        return columns
    rows = np.arange(int(np.prod(scene.canvas))).reshape(scene.canvas)[scene.view].ravel()
    return sparse.csc_array(columns.tocsr()[rows])


def _footprint(
    scene: Scene, centre: Float, scale: float, rng: np.random.Generator
) -> tuple[sparse.coo_array[Any], float]:
    """One cell as a column over the canvas, and the share of it that is inside the volume."""
    spread = rng.lognormal(0.0, scene.size_spread, 3)
    semi = SOMA_RADIUS * np.array(scene.cell_size[::-1]) * spread * scale
    blur = np.array(scene.blur[::-1])
    reach = 2.5 if scene.look == "blob" else 1.2
    half = np.ceil(reach * np.array([semi[0], *[semi[1:].max()] * 2]) + 3 * blur + 1).astype(int)
    origin = np.round(centre).astype(int) - half
    values = _sampled(scene, origin - centre, 2 * half + 1, semi, rng)
    places = np.indices(values.shape).reshape(3, -1) + origin[:, None]
    flat = values.ravel()
    seen = np.all((places >= 0) & (places < np.array(scene.shape)[:, None]), axis=0)
    top = flat[seen].max(initial=0)
    places += np.array(scene.margin)[:, None]
    keep = np.all((places >= 0) & (places < np.array(scene.canvas)[:, None]), axis=0) & (flat >= FAINTEST * top)
    rows = np.ravel_multi_index(tuple(places[:, keep]), scene.canvas)
    column = sparse.coo_array(
        ((flat[keep] / max(top, 1e-12)).astype(np.float32), (rows, np.zeros_like(rows))),
        shape=(int(np.prod(scene.canvas)), 1),
    )
    return column, float(flat[seen].sum() / max(flat.sum(), 1e-12))


def _sampled(scene: Scene, origin: Float, size: npt.NDArray[np.int64], semi: Float, rng: np.random.Generator) -> Float:
    """Blurred brightness of a box of voxels whose first is at `origin` from the centre; a mean over each voxel."""
    fine = scene.oversampling
    within = (np.arange(fine) + 0.5) / fine - 0.5
    axes = ((np.arange(n)[:, None] + start + within).ravel() for n, start in zip(size, origin, strict=True))
    z, y, x = np.meshgrid(*axes, indexing="ij")
    sharp = _brightness(scene, (z, y, x), semi, rng)
    blurred = ndimage.gaussian_filter(sharp, fine * np.array(scene.blur[::-1]), mode="constant")
    if fine == 1:
        return np.asarray(blurred)
    depth, height, width = size
    return np.asarray(blurred.reshape(depth, fine, height, fine, width, fine).mean(axis=(1, 3, 5)))


def _brightness(scene: Scene, offsets: tuple[Float, Float, Float], semi: Float, rng: np.random.Generator) -> Float:
    """Brightness before the blur, at offsets (z, y, x) from the centre; turned in the plane, tilted."""
    z, y, x = offsets
    angle, tilt = rng.uniform(0, np.pi), rng.normal(0, 0.1)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    height = z / semi[0] + tilt * along / semi[2]
    distance = np.sqrt(height**2 + (across / semi[1]) ** 2 + (along / semi[2]) ** 2)
    if scene.look == "blob":
        return np.asarray(np.exp(-0.5 * (distance * SOMA_RADIUS / BLOB_SIGMA) ** 2))
    width = float(np.mean(semi)) * scene.oversampling
    soma = np.clip((1 - distance) * width + 0.5, 0, 1)
    return np.asarray(soma - scene.nucleus * np.clip((NUCLEUS_RADIUS - distance) * width + 0.5, 0, 1))
