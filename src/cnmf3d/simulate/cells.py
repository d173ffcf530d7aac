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
TRIES = 20_000

Float = npt.NDArray[np.float64]


def draw_cells(scene: Scene, rng: np.random.Generator) -> tuple[sparse.csc_array[Any], Float]:
    """Draw the cells of a scene, one after the other, wherever there is room.

    Centres fill the whole volume, borders included; a cell of which less than half would be in the volume, and one
    that is nearer to another than `Scene.separation`, is drawn anew.

    Returns
    -------
    footprints : csc_array, (voxels, cells) float32
        Unit Euclidean norm, voxels in C order over (Z, Y, X).
    centres : (cells, 3) float64
        Voxels, order z, y, x.

    Raises
    ------
    UsageError
        Where so many cells don't fit.
    """
    shape = np.array(scene.shape)
    axes = SOMA_RADIUS * np.array(scene.cell_size[::-1])
    centres: list[Float] = []
    columns: list[tuple[npt.NDArray[np.int64], Float]] = []
    for _ in range(TRIES * max(1, scene.cells // 100)):
        if len(centres) == scene.cells:
            break
        centre = rng.uniform(-0.5, shape - 0.5)
        near = (
            centres
            and np.min(np.sum(((np.array(centres) - centre) / axes) ** 2, axis=1)) < scene.separation**2
        )
        if near:
            continue
        voxels, values, inside = _footprint(scene, centre, rng)
        if inside >= LEAST_INSIDE:
            centres.append(centre)
            columns.append((voxels, values))
    if len(centres) < scene.cells:
        raise UsageError(
            f"Only {len(centres)} of {scene.cells} cells fit into {scene.size} voxels",
            "Ask for fewer cells, a larger size, or a smaller cell_size or separation.",
        )
    return _columns(columns, int(shape.prod())), np.array(centres).reshape(-1, 3)


def _columns(columns: list[tuple[npt.NDArray[np.int64], Float]], voxels: int) -> sparse.csc_array[Any]:
    """Sparse matrix of unit columns."""
    starts = np.cumsum([0, *(len(values) for _, values in columns)])
    rows = np.concatenate([rows for rows, _ in columns]) if columns else np.zeros(0, np.int64)
    data = [values / np.linalg.norm(values) for _, values in columns]
    flat = np.concatenate(data) if data else np.zeros(0)
    return sparse.csc_array((flat.astype(np.float32), rows, starts), shape=(voxels, len(columns)))


def _footprint(
    scene: Scene, centre: Float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], Float, float]:
    """Voxels (flat, ascending) and values of one cell, and the share of it that is inside the volume."""
    shape = np.array(scene.shape)
    spread = rng.lognormal(0.0, scene.size_spread, 3)
    angle = rng.uniform(0, np.pi)
    tilt = rng.normal(0, 0.1)
    semi = SOMA_RADIUS * np.array(scene.cell_size[::-1]) * spread
    blur = np.array(scene.blur[::-1])
    half = np.ceil(1.3 * max(spread) * SOMA_RADIUS * np.array(scene.cell_size[::-1]) + 3 * blur + 1).astype(
        int
    )
    if scene.look == "blob":
        half *= 2
    origin = np.round(centre).astype(int) - half
    z, y, x = (
        np.arange(low, low + 2 * h + 1).reshape(np.roll((-1, 1, 1), axis)) - c
        for axis, (low, h, c) in enumerate(zip(origin, half, centre, strict=True))
    )
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    distance = np.sqrt(
        ((z + tilt * along * semi[0] / semi[2]) / semi[0]) ** 2
        + (across / semi[1]) ** 2
        + (along / semi[2]) ** 2
    )
    if scene.look == "blob":
        values = np.exp(-0.5 * (distance * SOMA_RADIUS / BLOB_SIGMA) ** 2)
    else:
        width = float(np.mean(semi))
        values = np.clip((1 - distance) * width + 0.5, 0, 1)
        values -= scene.nucleus * np.clip((NUCLEUS_RADIUS - distance) * width + 0.5, 0, 1)
    values = ndimage.gaussian_filter(values, blur, mode="constant")
    low, high = np.maximum(origin, 0), np.minimum(origin + 2 * half + 1, shape)
    window = tuple(slice(a - o, b - o) for a, b, o in zip(low, high, origin, strict=True))
    inside = values[window]
    share = float(inside.sum() / values.sum())
    places = np.nonzero(inside >= FAINTEST * values.max())
    flat = np.ravel_multi_index(tuple(p + a for p, a in zip(places, low, strict=True)), tuple(shape))
    return flat, inside[places], share
