"""What can be said of accepted components without truth, or with regions drawn by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse
from scipy.optimize import linear_sum_assignment

from cnmf3d.components import Components
from cnmf3d.engine.lasting import persistence
from cnmf3d.simulate.similarity import assign, unit

LEVEL = 0.3
"""Share of the peak from which a voxel belongs to a component's mask."""
WHITE = 0.1
"""Correlation of successive frames of the raw trace below which it is white."""
EDGE = 4
"""Voxels from the border of the field within which a centre lies at the border."""
NEAR = 5.0
"""Distance of centres, pixels, within which a component is a region drawn by hand."""
LASTS = 4.5
"""Standard deviations by which a region must outlast noise to count as active, as the engine asks of components."""
BIN, BASELINE = 0.4, 9.0
"""Seconds of a bin, and over which a running median is the resting level that is taken from a region's course."""
APART, SURROUND = 2, 9
"""Pixels from a region between which its surroundings lie."""
TRIES = 200
"""Places that are tried for each region that is moved elsewhere."""
SAME = 0.5
"""Footprint cosine from which components of two runs are the same cell."""

Masks = list[npt.NDArray[np.bool_]]
Course = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """Figures of the accepted components.

    Attributes
    ----------
    accepted : int
    in_pieces, doubled, white, at_border : int
        Accepted ones in more than one piece; with another accepted one within a cell's width in the plane; with a
        white raw trace; at the border.
    width : float
        Median over them of the diameter of a disc of their area seen from above, voxels.
    size : float
        Median number of voxels.
    by_chance : float
        How many would have another one within a cell's width if their centres were at random: where cells lie that
        densely, neighbours within a width are no fault.
    """

    accepted: int
    in_pieces: int
    doubled: int
    white: int
    at_border: int
    width: float
    size: float
    by_chance: float


@dataclass(frozen=True)
class AgainstRegions:
    """Agreement with regions drawn by hand; `overlapping` is the share of regions with an IoU above 0.5."""

    components: int
    regions: int
    found: int
    overlapping: float

    @property
    def recall(self) -> float:
        """Share of the regions that were found."""
        return self.found / max(self.regions, 1)

    @property
    def precision(self) -> float:
        """Share of the components that are regions."""
        return self.found / max(self.components, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.found / max(self.components + self.regions, 1)


def accepted_of(components: Components) -> Components:
    """The accepted components alone."""
    return components.select(np.asarray(components.accepted))


def masks_of(components: Components) -> Masks:
    """Mask of each component, (Z, Y, X)."""
    masks = []
    for low, high in zip(components.footprints.indptr[:-1], components.footprints.indptr[1:], strict=True):
        values, flat = components.footprints.data[low:high], np.zeros(int(np.prod(components.shape)), bool)
        flat[components.footprints.indices[low:high][values >= LEVEL * values.max(initial=0)]] = True
        masks.append(flat.reshape(components.shape))
    return masks


def judge(components: Components) -> Judged:
    """Measure accepted components; the others are left out."""
    some = accepted_of(components)
    if not some.count:
        return Judged(0, 0, 0, 0, 0, float("nan"), float("nan"), 0.0)
    masks, centres = masks_of(some), some.centroids()
    above = [mask.any(axis=0).sum() for mask in masks]
    width = float(np.median(2 * np.sqrt(np.array(above) / np.pi)))
    apart = np.linalg.norm(centres[:, None, 1:] - centres[None, :, 1:], axis=-1) + 1e9 * np.eye(some.count)
    centred = some.raw - some.raw.mean(axis=1, keepdims=True)
    lag = (centred[:, 1:] * centred[:, :-1]).sum(axis=1) / np.maximum((centred**2).sum(axis=1), 1e-12)
    last = np.array(some.shape[1:]) - 1
    return Judged(
        accepted=some.count,
        in_pieces=sum(int(ndimage.label(mask)[1] > 1) for mask in masks),
        doubled=int((apart < width).any(axis=1).sum()),
        white=int((lag < WHITE).sum()),
        at_border=int((np.minimum(centres[:, 1:], last - centres[:, 1:]) < EDGE).any(axis=1).sum()),
        width=width,
        size=float(np.median([mask.sum() for mask in masks])),
        by_chance=some.count * (1 - float(np.exp(-(some.count - 1) * np.pi * width**2 / np.prod(some.shape[1:])))),
    )


def regions_in(path: Path, shape: tuple[int, int]) -> Masks:
    """Regions drawn by hand, (Y, X): a JSON list of objects with ``coordinates``, [[row, column], ...]."""
    regions = []
    for region in json.loads(path.read_text()):
        places = np.array(region["coordinates"], int).reshape(-1, 2)
        image = np.zeros(shape, bool)
        inside = np.all((places >= 0) & (places < shape), axis=1)
        image[tuple(places[inside].T)] = True
        if image.any():
            regions.append(image)
    return regions


def against(masks: Masks, regions: Masks) -> AgainstRegions:
    """Compare masks, (Y, X), with regions: one to one by their centres, and by intersection over union."""
    if not masks or not regions:
        return AgainstRegions(len(masks), len(regions), 0, 0.0)
    apart = np.linalg.norm(_centres(regions)[:, None] - _centres(masks), axis=-1)
    rows, columns = linear_sum_assignment(np.where(apart < NEAR, apart, 1e3))
    a, b = (
        sparse.vstack([sparse.csr_array(image.reshape(1, -1)) for image in some], "csr", np.float32)
        for some in (regions, masks)
    )
    common = (a @ b.T).toarray()
    iou = common / np.maximum(a.sum(axis=1)[:, None] + b.sum(axis=1) - common, 1)
    return AgainstRegions(
        len(masks), len(regions), int((apart[rows, columns] < NEAR).sum()), float((iou.max(axis=1) > 0.5).mean())
    )


@dataclass(frozen=True)
class Active:
    """Regions drawn by hand that the recording itself shows to be active, whatever a run makes of it.

    Attributes
    ----------
    drawn, elsewhere : float
        Share of the regions whose mean, less that of its surroundings, outlasts noise; of the same shapes put on places
        at random beside them, where neuropil, motion and cells that nobody drew last, too.
    close : float
        Share of the regions with the centre of another one within a stated width.
    """

    drawn: float
    elsewhere: float
    close: float

    @property
    def share(self) -> float:
        """Share of the regions that are active beyond what any place shows: about the recall that can be reached."""
        return max(0.0, (self.drawn - self.elsewhere) / max(1 - self.elsewhere, 1e-9))


def active_in(movie: npt.NDArray[Any], regions: Masks, rate: float, width: float, seed: int = 0) -> Active:
    """How many regions are active at all, and how many lie close to another one.

    Parameters
    ----------
    movie : (T, Y, X) array
    regions : masks, (Y, X)
    rate : float
        Hz.
    width : float
        Of a cell, pixels.
    seed : int
        Of the places at random.
    """
    occupied = np.any(regions, axis=0)
    rng = np.random.default_rng(seed)
    moved = [place for region in regions if (place := _elsewhere(region, occupied, rng)) is not None]
    shares = []
    for masks in (regions, moved):
        courses = np.array([_course(movie, mask, occupied) for mask in masks])
        courses -= ndimage.median_filter(courses, size=(1, 2 * round(BASELINE * rate / 2) + 1), mode="reflect")
        wide = max(1, round(BIN * rate))
        bins = courses[:, : courses.shape[1] // wide * wide].reshape(len(courses), -1, wide).mean(axis=2)
        shares.append(float((persistence(bins.astype(np.float32)) > LASTS).mean()))
    centres = _centres(regions)
    apart = np.linalg.norm(centres[:, None] - centres, axis=-1) + 1e9 * np.eye(len(centres))
    return Active(*shares, close=float((apart < width).any(axis=1).mean()))


def _course(movie: npt.NDArray[Any], mask: npt.NDArray[np.bool_], occupied: npt.NDArray[np.bool_]) -> Course:
    """Mean of a region less that of its surroundings without other regions, (T,)."""
    box = tuple(
        slice(max(0, int(places.min()) - SURROUND), int(places.max()) + SURROUND + 1) for places in np.nonzero(mask)
    )
    inside, part = mask[box], np.nan_to_num(movie[(slice(None), *box)].astype(np.float64))
    distance = ndimage.distance_transform_edt(~inside)
    around = (distance > APART) & (distance < SURROUND)
    if (around & ~occupied[box]).sum() >= inside.sum() / 2:
        around &= ~occupied[box]
    return np.asarray(part[:, inside].mean(axis=1) - part[:, around].mean(axis=1))


def _elsewhere(
    mask: npt.NDArray[np.bool_], occupied: npt.NDArray[np.bool_], rng: np.random.Generator
) -> npt.NDArray[np.bool_] | None:
    """The same shape at a random place off all regions; None where none was found."""
    places = np.argwhere(mask)
    low, high = -places.min(axis=0), np.array(mask.shape) - places.max(axis=0)
    for _ in range(TRIES):
        there = places + rng.integers(low, high)
        if not occupied[tuple(there.T)].any():
            moved = np.zeros_like(mask)
            moved[tuple(there.T)] = True
            return moved
    return None


def agreement(first: Components, second: Components) -> tuple[int, int, int]:
    """Accepted components of two runs, and how many are in both."""
    a, b = accepted_of(first), accepted_of(second)
    if not a.count or not b.count:
        return a.count, b.count, 0
    cosines = (unit(a.footprints).T @ unit(b.footprints)).toarray().astype(np.float64)
    return a.count, b.count, len(assign(cosines, SAME)[0])


def _centres(masks: Sequence[npt.NDArray[np.bool_]]) -> npt.NDArray[np.float64]:
    return np.array([np.argwhere(mask).mean(axis=0) for mask in masks])
