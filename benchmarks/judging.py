"""What can be said of accepted components without truth, or with regions drawn by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse
from scipy.optimize import linear_sum_assignment

from cnmf3d.components import Components
from cnmf3d.simulate.similarity import assign, unit

LEVEL = 0.3
"""Share of the peak from which a voxel belongs to a component's mask."""
WHITE = 0.1
"""Correlation of successive frames of the raw trace below which it is white."""
EDGE = 4
"""Voxels from the border of the field within which a centre lies at the border."""
NEAR = 5.0
"""Distance of centres, pixels, within which a component is a region drawn by hand."""
SAME = 0.5
"""Footprint cosine from which components of two runs are the same cell."""

Masks = list[npt.NDArray[np.bool_]]


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
    """

    accepted: int
    in_pieces: int
    doubled: int
    white: int
    at_border: int
    width: float
    size: float


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
        return Judged(0, 0, 0, 0, 0, float("nan"), float("nan"))
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


def agreement(first: Components, second: Components) -> tuple[int, int, int]:
    """Accepted components of two runs, and how many are in both."""
    a, b = accepted_of(first), accepted_of(second)
    if not a.count or not b.count:
        return a.count, b.count, 0
    cosines = (unit(a.footprints).T @ unit(b.footprints)).toarray().astype(np.float64)
    return a.count, b.count, len(assign(cosines, SAME)[0])


def _centres(masks: Sequence[npt.NDArray[np.bool_]]) -> npt.NDArray[np.float64]:
    return np.array([np.argwhere(mask).mean(axis=0) for mask in masks])
