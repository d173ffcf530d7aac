"""How well components agree with the truth."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components
from cnmf3d.errors import UsageError
from cnmf3d.simulate.similarity import assign, binned, correlations, iou, shares, unit
from cnmf3d.simulate.truth import Truth
from cnmf3d.simulate.unasked import on_active, on_still

MATCH = 0.5
"""Footprint cosine from which a component counts as a cell."""
PART = 0.4
"""Weight from which a component holds a part of a cell, for splits and merges."""
BIN = 3
"""Frames in a bin of spikes."""
LEVELS = (0.3, 0.5, 0.7)
"""Intersections over union that are reported beside the cosine."""


@dataclass(frozen=True)
class Measures:
    """Detection among one set of components, matched one to one.

    Attributes
    ----------
    components, cells, matches : int
    """

    components: int
    cells: int
    matches: int

    @property
    def precision(self) -> float:
        """Share of the components that are cells; NaN without components."""
        return self.matches / self.components if self.components else math.nan

    @property
    def recall(self) -> float:
        """Share of the cells that were found; NaN without cells."""
        return self.matches / self.cells if self.cells else math.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN without either."""
        total = self.components + self.cells
        return 2 * self.matches / total if total else math.nan

    def to_dict(self) -> dict[str, float]:
        """Give counts and ratios by name."""
        ratios = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return {**dataclasses.asdict(self), **ratios}


@dataclass(frozen=True)
class Match:
    """One component that is a cell.

    Attributes
    ----------
    component, cell : int
        Indices into the components and the truth.
    cosine, iou : float
        Of the footprints.
    trace, spikes : float
        Correlations.
    """

    component: int
    cell: int
    cosine: float
    iou: float
    trace: float
    spikes: float


@dataclass(frozen=True)
class Score:
    """Agreement of components with the truth; NaN where there is nothing to average.

    Attributes
    ----------
    accepted, all : Measures
        Of the accepted components, and of all of them, at footprint cosine >= 0.5.
    starred : Measures
        Of the accepted components (F1*) without those that are no cell, but something real that isn't asked for: they
        count neither as true nor as false.
    left_out : int
        Number of those.
    on_still : int
        Accepted components that are no cell and lie on a silent cell or a vessel; they count as false.
    iou : mapping of level to Measures
        Of the accepted components, matched by intersection over union in 3D >= 0.3, 0.5, 0.7.
    matches : tuple of Match
        Accepted components that are cells.
    cosine : float
        Mean footprint cosine of the matches.
    trace_mean, trace_median, trace_p5 : float
        Correlation of denoised with noise-free traces over the matches: mean, median, 5th percentile.
    spikes_mean, spikes_median, spikes_p5 : float
        Correlation of deconvolved with true spikes in bins of 3 frames.
    splits, merges : int
        Cells that are the largest part of two or more accepted components; accepted components that hold
        parts of two or more cells. A part has a weight >= 0.4 in the component as a sum of cells.
    recall_ends, recall_middle : float
        Recall of the cells centred nearest to the first or last plane, and of the others.
    cells_ends : int
        Number of the former.
    false_positives : int
        Accepted components that are no cell.
    false_per_million : float
        The same for each 10⁶ voxels.
    missed : tuple of int
        Cells without an accepted component.
    """

    accepted: Measures
    all: Measures
    starred: Measures
    left_out: int
    on_still: int
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
        """Give everything as JSON takes it; NaN becomes None."""
        numbers: dict[str, Any] = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        numbers |= {name: getattr(self, name).to_dict() for name in ("accepted", "all", "starred")}
        numbers["iou"] = {f"{level:g}": measures.to_dict() for level, measures in self.iou.items()}
        numbers["matches"] = [dataclasses.asdict(match) for match in self.matches]
        return {name: _without_nan(value) for name, value in numbers.items()}


def score(components: Components, truth: Truth) -> Score:
    """Compare components with the truth.

    Components are matched with cells one to one so that the sum of footprint cosines is largest; a pair
    counts from a cosine of 0.5.

    Parameters
    ----------
    components : Components
    truth : Truth

    Raises
    ------
    UsageError
        Where the volumes or the numbers of frames differ.
    """
    _check(components, truth)
    keep = np.flatnonzero(components.accepted)
    found, real = unit(components.footprints), unit(truth.footprints)
    cosines = (found.T @ real).toarray().astype(np.float64)
    overlaps = iou(found[:, keep], real)
    rows, cells = assign(cosines[keep], MATCH)
    index = keep[rows]
    traces = correlations(components.traces[index], truth.traces[cells])
    spikes = correlations(binned(components.spikes[index], BIN), binned(truth.spikes[cells], BIN))
    parts = shares(cosines[keep], (real.T @ real).toarray())
    splits, merges = _splits_and_merges(parts)
    hit = np.isin(np.arange(truth.count), cells)
    ends = cells_at_ends(truth)
    alike, masks = cosines[index, cells], overlaps[rows, cells]
    unmatched = np.setdiff1d(keep, index)
    spare = unmatched[on_active(components, found, truth.others)[unmatched]]
    still = on_still(found, truth.others)[np.setdiff1d(unmatched, spare)]
    wrong = len(keep) - len(cells)
    return Score(
        accepted=Measures(len(keep), truth.count, len(cells)),
        all=Measures(components.count, truth.count, len(assign(cosines, MATCH)[0])),
        starred=Measures(len(keep) - len(spare), truth.count, len(cells)),
        left_out=len(spare),
        on_still=int(still.sum()),
        iou={level: Measures(len(keep), truth.count, len(assign(overlaps, level)[0])) for level in LEVELS},
        matches=_matches(index, cells, np.stack([alike, masks, traces, spikes], axis=1)),
        cosine=_mean(alike),
        **_summary("trace", traces),
        **_summary("spikes", spikes),
        splits=splits,
        merges=merges,
        recall_ends=_mean(hit[ends]),
        recall_middle=_mean(hit[~ends]),
        cells_ends=int(ends.sum()),
        false_positives=wrong,
        false_per_million=wrong / truth.voxels * 1e6,
        missed=tuple(int(n) for n in np.flatnonzero(~hit)),
    )


def _check(components: Components, truth: Truth) -> None:
    """See that both are of the same movie."""
    fix = "Score results against the truth file of their own movie; check the axes it was opened with."
    if tuple(components.shape) != tuple(truth.shape):
        volumes = f"{tuple(components.shape)}, the truth of {tuple(truth.shape)} (z, y, x)"
        raise UsageError(f"The components are of a volume {volumes}", fix)
    frames = truth.traces.shape[1]
    if components.count and components.frames != frames:
        raise UsageError(f"The components have {components.frames} frames, the truth {frames}", fix)


def _splits_and_merges(parts: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Count split cells and merged components, given the (components, cells) weights."""
    if not parts.size:
        return 0, 0
    largest = parts.argmax(axis=1)[parts.max(axis=1) >= PART]
    return int((np.bincount(largest) > 1).sum()), int(((parts >= PART).sum(axis=1) > 1).sum())


def _matches(
    index: npt.NDArray[np.int64], cells: npt.NDArray[np.int64], likeness: npt.NDArray[np.float64]
) -> tuple[Match, ...]:
    """Rows as objects; `likeness` holds cosine, intersection over union, trace and spikes in its columns."""
    rows = zip(index.tolist(), cells.tolist(), likeness.tolist(), strict=True)
    return tuple(Match(component, cell, *values) for component, cell, values in rows)


def cells_at_ends(truth: Truth) -> npt.NDArray[np.bool_]:
    """Tell the cells whose centre is nearest to the first or last plane."""
    plane = np.rint(truth.centres[:, 0])
    return np.asarray((plane <= 0) | (plane >= truth.shape[0] - 1))


def _summary(name: str, values: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Mean, median and 5th percentile, under the names of `Score`."""
    median, low = np.percentile(values, (50, 5)) if len(values) else (math.nan, math.nan)
    return {f"{name}_mean": _mean(values), f"{name}_median": float(median), f"{name}_p5": float(low)}


def _mean(values: npt.NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and math.isnan(value) else value
