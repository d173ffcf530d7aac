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
CLIMB = 0.15
"""Standard deviation of the climb of a process, voxels in depth as long as those in the plane for each voxel in it."""
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
        path = _path(start, rng.uniform(0, 2 * np.pi), scene.neurite_length, (WINDING, CLIMB * _flatness(scene)), rng)
        swellings = np.exp(SWELLING * ndimage.gaussian_filter1d(rng.standard_normal(len(path)), 4.0) * np.sqrt(14.0))
        image = _blurred(scene, path, swellings)
        top = image[scene.view].max()
        if top <= 0.3 * image.max():  # nearly all of it, or all, is out of sight
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
        path = _path(start, angle, length, (WINDING / 4, CLIMB / 10 * _flatness(scene)), rng) + scene.margin
        away = np.ones(scene.canvas, bool)
        away[tuple(_inside(np.rint(path).astype(int), scene.canvas).T)] = False
        sampling = (1 / _flatness(scene), 1, 1)
        distance = np.full(scene.canvas, np.inf) if away.all() else ndimage.distance_transform_edt(away, sampling)
        inside = np.clip(scene.vessel_width / 2 + 0.5 - distance, 0, 1)
        columns.append(sparse.csc_array(inside.reshape(-1, 1).astype(np.float32)))
    return stacked(columns, scene)


def stacked(columns: list[sparse.csc_array[Any]], scene: Scene) -> sparse.csc_array[Any]:
    """Columns over the canvas side by side, none too."""
    if not columns:
        return sparse.csc_array((int(np.prod(scene.canvas)), 0), dtype=np.float32)
    return sparse.csc_array(sparse.hstack(columns, format="csc"))


def _flatness(scene: Scene) -> float:
    """Planes for each voxel in the plane that is as long."""
    return scene.cell_size[2] / scene.cell_size[0]


def _path(
    start: Float, angle: float, length: float, turns: tuple[float, float], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Points (z, y, x) of a curve, voxels of the volume.

    `turns` are standard deviations: of the turn in the plane at each step, radians, and of the climb of the whole
    curve, planes for each voxel of length.
    """
    steps = max(2, round(length / STEP))
    angles = angle + np.cumsum(turns[0] * rng.standard_normal(steps))
    climb = np.full(steps, turns[1] * rng.standard_normal())
    ways = np.stack([climb, np.sin(angles), np.cos(angles)], axis=1)
    return np.asarray(start + STEP * np.cumsum(ways, axis=0))


def _blurred(scene: Scene, path: Float, weights: Float) -> Float:
    """Light of a path over the canvas."""
    image = np.zeros(scene.canvas)
    places = np.rint(path + scene.margin).astype(int)
    seen = np.all((places >= 0) & (places < np.array(scene.canvas)), axis=1)
    np.add.at(image, tuple(places[seen].T), weights[seen])
    width = scene.neurite_width * np.array([_flatness(scene), 1, 1])
    sigma = np.sqrt(width**2 + np.array(scene.blur[::-1]) ** 2)
    return np.asarray(ndimage.gaussian_filter(image, sigma, mode="constant"))


def _inside(places: npt.NDArray[np.int64], shape: tuple[int, int, int]) -> npt.NDArray[np.int64]:
    """Keep the places that are in a volume."""
    return places[np.all((places >= 0) & (places < np.array(shape)), axis=1)]
