"""How well components agree with the truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from cnmf3d.components import Components
from cnmf3d.errors import UsageError
from cnmf3d.simulate.truth import Truth

MATCH = 0.5
"""Footprint cosine from which a component counts as a cell."""
PART = 0.3
"""Cosine from which a component holds a part of a cell, for splits and merges."""
SUPPORT = 0.2
"""Share of the brightest voxel from which a voxel belongs to a footprint's mask, for the intersection over union."""
BIN = 3
"""Frames in a bin of spikes."""

Float = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Measures:
    """Detection among one set of components, matched one to one.

    Attributes
    ----------
    components, cells, matches : int
    precision, recall, f1 : float
        NaN where there is nothing to divide by.
    """

    components: int
    cells: int
    matches: int

    @property
    def precision(self) -> float:
        """Share of the components that are cells."""
        return self.matches / self.components if self.components else float("nan")

    @property
    def recall(self) -> float:
        """Share of the cells that were found."""
        return self.matches / self.cells if self.cells else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.components + self.cells
        return 2 * self.matches / total if total else float("nan")

    def to_dict(self) -> dict[str, float]:
        """Counts and ratios."""
        return {**dataclasses.asdict(self), "precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(frozen=True)
class Match:
    """One component that is a cell."""

    component: int
    cell: int
    cosine: float
    iou: float
    trace: float
    spikes: float


@dataclass(frozen=True)
class Score:
    """Agreement of components with the truth.

    Attributes
    ----------
    accepted, all : Measures
        Of the accepted components, and of all of them, at footprint cosine >= 0.5.
    iou : mapping of threshold to Measures
        Of the accepted components, matched by intersection over union in 3D.
    matches : tuple of Match
        Accepted components that are cells; what follows is over these.
    cosine : float
        Mean footprint cosine.
    trace_mean, trace_median, trace_p5 : float
        Correlation of denoised with noise-free traces.
    spikes_mean, spikes_median, spikes_p5 : float
        Correlation of deconvolved with true spikes in bins of 3 frames.
    splits, merges : int
        Cells of which two or more accepted components hold a part (cosine >= 0.3); components that hold parts of two
        or more cells.
    recall_ends, recall_middle : float
        Recall of cells centred in the first or last plane, and of the others; NaN where there are none.
    cells_ends : int
        Number of cells centred in the first or last plane.
    false_positives : int
        Accepted components that are no cell.
    false_per_million : float
        The same for each 10⁶ voxels.
    missed : tuple of int
        Cells without a component.
    """

    accepted: Measures
    all: Measures
    iou: Mapping[float, Measures]
    matches: tuple[Match, ...]
    cosine: float
    trace_mean: float
    trace_median: float
    trace_p5: float
    spikes_mean: float
    spikes_median: float
    spikes_p5: float
    splits: int
    merges: int
    recall_ends: float
    recall_middle: float
    cells_ends: int
    false_positives: int
    false_per_million: float
    missed: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Numbers as JSON takes them; NaN becomes None."""
        numbers = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        numbers["accepted"], numbers["all"] = self.accepted.to_dict(), self.all.to_dict()
        numbers["iou"] = {f"{level:g}": measures.to_dict() for level, measures in self.iou.items()}
        numbers["matches"] = [dataclasses.asdict(match) for match in self.matches]
        return _without_nan(numbers)


def score(components: Components, truth: Truth) -> Score:
    """Compare components with the truth.

    Components are matched with cells one to one so that the sum of footprint cosines is largest (Kuhn 1955), and a
    pair counts from a cosine of 0.5.

    Parameters
    ----------
    components : Components
    truth : Truth

    Raises
    ------
    UsageError
        Where the volumes or numbers of frames differ.
    """
    if tuple(components.shape) != tuple(truth.shape):
        raise UsageError(
            f"The components are of a volume {components.shape}, the truth of {truth.shape} (z, y, x)",
            "Score the results against the truth file of their own movie; check the axes given when it was opened.",
        )
    if components.count and components.frames != truth.traces.shape[1]:
        raise UsageError(
            f"The components have {components.frames} frames, the truth {truth.traces.shape[1]}",
            "Score the results against the truth file of their own movie.",
        )
    keep = np.flatnonzero(components.accepted)
    found = _unit(components.footprints)
    real = _unit(truth.footprints)
    cosines = (found.T @ real).toarray()
    overlap = _iou(found[:, keep], real)
    everything = _assign(cosines, MATCH)
    rows, cells = _assign(cosines[keep], MATCH)
    index = keep[rows]
    traces = _correlations(components.traces[index], truth.traces[cells])
    spikes = _correlations(_binned(components.spikes[index]), _binned(truth.spikes[cells]))
    matches = tuple(
        Match(int(k), int(n), float(cosines[k, n]), float(overlap[r, n]), float(c), float(s))
        for r, k, n, c, s in zip(rows, index, cells, traces, spikes, strict=True)
    )
    parts = cosines[keep] >= PART
    ends = _at_ends(truth)
    hit = np.zeros(truth.count, bool)
    hit[cells] = True
    wrong = len(keep) - len(matches)
    return Score(
        accepted=Measures(len(keep), truth.count, len(matches)),
        all=Measures(components.count, truth.count, len(everything[0])),
        iou={
            level: Measures(len(keep), truth.count, len(_assign(overlap, level)[0]))
            for level in (0.3, 0.5, 0.7)
        },
        matches=matches,
        cosine=_mean(cosines[index, cells]),
        trace_mean=_mean(traces),
        trace_median=_percentile(traces, 50),
        trace_p5=_percentile(traces, 5),
        spikes_mean=_mean(spikes),
        spikes_median=_percentile(spikes, 50),
        spikes_p5=_percentile(spikes, 5),
        splits=int((parts.sum(axis=0) > 1).sum()),
        merges=int((parts.sum(axis=1) > 1).sum()),
        recall_ends=_mean(hit[ends]),
        recall_middle=_mean(hit[~ends]),
        cells_ends=int(ends.sum()),
        false_positives=wrong,
        false_per_million=wrong / truth.voxels * 1e6,
        missed=tuple(int(n) for n in np.flatnonzero(~hit)),
    )


def _unit(columns: sparse.csc_array[Any]) -> sparse.csc_array[Any]:
    """Columns over their Euclidean norms."""
    norms = np.sqrt(np.asarray(columns.multiply(columns).sum(axis=0))).ravel()
    return sparse.csc_array(columns @ sparse.diags_array(1 / np.maximum(norms, 1e-30)))


def _iou(found: sparse.csc_array[Any], real: sparse.csc_array[Any]) -> Float:
    """Intersection over union of the masks, (components, cells)."""
    masks = []
    for columns in (found, real):
        coo = columns.tocoo()
        top = columns.max(axis=0).toarray().ravel() if min(columns.shape) else np.zeros(columns.shape[1])
        inside = coo.data > SUPPORT * top[coo.coords[1]]
        places = (coo.coords[0][inside], coo.coords[1][inside])
        masks.append(sparse.csc_array((np.ones(int(inside.sum())), places), shape=columns.shape))
    common = (masks[0].T @ masks[1]).toarray()
    sizes = [np.asarray(mask.sum(axis=0)).ravel() for mask in masks]
    return np.asarray(common / np.maximum(sizes[0][:, None] + sizes[1][None] - common, 1))


def _assign(similarity: Float, least: float) -> tuple[Ints, Ints]:
    """One-to-one pairs of at least `least` with the largest sum."""
    rows, columns = linear_sum_assignment(np.where(similarity >= least, similarity, 0), maximize=True)
    good = similarity[rows, columns] >= least
    return rows[good], columns[good]


def _correlations(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> Float:
    """Pearson correlation of each row of `a` with that of `b`; 0 where one is constant."""
    a = a - a.mean(axis=1, keepdims=True, dtype=np.float64)
    b = b - b.mean(axis=1, keepdims=True, dtype=np.float64)
    norms = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.asarray((a * b).sum(axis=1) / np.where(norms > 0, norms, np.inf))


def _binned(spikes: npt.NDArray[Any]) -> Float:
    """Sums over bins of frames; an incomplete last bin is left out."""
    bins = spikes.shape[1] // BIN
    return np.asarray(spikes[:, : bins * BIN].reshape(len(spikes), bins, BIN).sum(axis=2, dtype=np.float64))


def _at_ends(truth: Truth) -> npt.NDArray[np.bool_]:
    """Cells whose centre is nearest to the first or last plane."""
    plane = np.rint(truth.centres[:, 0])
    return np.asarray((plane <= 0) | (plane >= truth.shape[0] - 1))


def _mean(values: npt.NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _percentile(values: Float, percent: float) -> float:
    return float(np.percentile(values, percent)) if len(values) else float("nan")


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and np.isnan(value) else value
