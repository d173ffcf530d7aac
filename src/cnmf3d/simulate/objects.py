"""What is in the tissue beside the cells that are asked for: silent cells, processes, vessels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse

from cnmf3d.simulate.cells import FAINTEST
from cnmf3d.simulate.scene import Scene

Float = npt.NDArray[np.float64]
STEP = 0.5
"""Distance of two points of a path, voxels."""
WINDING = 0.12
"""Standard deviation of the turn at each step of a process, radians."""
SWELLING = 0.5
"""Standard deviation of the logarithm of a process's brightness along its path."""


def draw_neurites(scene: Scene, rng: np.random.Generator) -> sparse.csc_array[Any]:
    """Draw thin winding processes, brighter here and there, blurred by the point spread function.

    Returns
    -------
    csc_array, (canvas voxels, neurites) float32
        1 at the brightest voxel inside the volume.
    """
    columns: list[sparse.csc_array[Any]] = []
    while len(columns) < scene.neurites:
        start = rng.uniform(-0.5, np.array(scene.shape) - 0.5)
        path = _path(scene, start, rng.uniform(0, 2 * np.pi), scene.neurite_length, WINDING, rng)
        swellings = np.exp(SWELLING * ndimage.gaussian_filter1d(rng.standard_normal(len(path)), 4.0) * np.sqrt(14.0))
        image = _blurred(scene, path, swellings)
        top = image[scene.view].max()
        if top < 0.3 * image.max():
            continue
        flat = np.where(image >= FAINTEST * top, image / top, 0).ravel()
        columns.append(sparse.csc_array(flat[:, None].astype(np.float32)))
    return stacked(columns, scene)


def draw_vessels(scene: Scene, rng: np.random.Generator) -> sparse.csc_array[Any]:
    """Draw vessels that cross the field: 1 within them, falling to 0 at the wall.

    Returns
    -------
    csc_array, (canvas voxels, vessels) float32
    """
    columns: list[sparse.csc_array[Any]] = []
    for _ in range(scene.vessels):
        shape = np.array(scene.canvas) - 1.0
        angle = rng.uniform(0, 2 * np.pi)
        middle = rng.uniform(0.3, 0.7, 3) * shape
        length = 1.5 * float(np.hypot(*shape[1:]))
        start = middle - 0.5 * length * np.array([0, np.sin(angle), np.cos(angle)]) - np.array(scene.margin)
        path = _path(scene, start, angle, length, WINDING / 4, rng) + scene.margin
        away = np.ones(scene.canvas, bool)
        away[tuple(_inside(np.rint(path).astype(int), scene.canvas).T)] = False
        flatness = scene.cell_size[0] / scene.cell_size[2]
        distance = ndimage.distance_transform_edt(away, sampling=(flatness, 1, 1)) if not away.all() else away * np.inf
        inside = np.clip(scene.vessel_width / 2 + 0.5 - distance, 0, 1)
        columns.append(sparse.csc_array(inside.reshape(-1, 1).astype(np.float32)))
    return stacked(columns, scene)


def stacked(columns: list[sparse.csc_array[Any]], scene: Scene) -> sparse.csc_array[Any]:
    """Columns over the canvas side by side, none too."""
    if not columns:
        return sparse.csc_array((int(np.prod(scene.canvas)), 0), dtype=np.float32)
    return sparse.csc_array(sparse.hstack(columns, format="csc"))


def _path(
    scene: Scene, start: Float, angle: float, length: float, winding: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Points (z, y, x) of a curve that winds in the plane and climbs a little, voxels of the volume."""
    steps = max(2, round(length / STEP))
    angles = angle + np.cumsum(winding * rng.standard_normal(steps))
    climb = 0.15 * rng.standard_normal() * scene.cell_size[2] / scene.cell_size[0]
    ways = np.stack([np.full(steps, climb), np.sin(angles), np.cos(angles)], axis=1)
    return np.asarray(start + STEP * np.cumsum(ways, axis=0))


def _blurred(scene: Scene, path: Float, weights: Float) -> Float:
    """Light of a path over the canvas."""
    image = np.zeros(scene.canvas)
    places = np.rint(path + scene.margin).astype(int)
    seen = np.all((places >= 0) & (places < np.array(scene.canvas)), axis=1)
    np.add.at(image, tuple(places[seen].T), weights[seen])
    flatness = scene.cell_size[2] / scene.cell_size[0]
    width = scene.neurite_width * np.array([flatness, 1, 1])
    sigma = np.sqrt(width**2 + np.array(scene.blur[::-1]) ** 2)
    return np.asarray(ndimage.gaussian_filter(image, sigma, mode="constant"))


def _inside(places: npt.NDArray[np.int64], shape: tuple[int, int, int]) -> npt.NDArray[np.int64]:
    """Keep the places that are in a volume."""
    return places[np.all((places >= 0) & (places < np.array(shape)), axis=1)]
