"""What a synthetic recording is like, in figures measured on its truth."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from cnmf3d.simulate.scoring import cells_at_ends
from cnmf3d.simulate.surroundings import swing
from cnmf3d.simulate.truth import Truth

TOUCHING = 0.1
"""Footprint cosine from which two cells overlap."""


@dataclass(frozen=True)
class Figures:
    """How hard a recording is; NaN where there is nothing to measure.

    Attributes
    ----------
    cells : int
    voxels_a_cell : float
        Voxels of the volume over cells: the smaller, the denser.
    overlap : float
        Share of the cells whose footprint has a cosine >= 0.1 with another cell's.
    snr_p5, snr_median, snr_p95 : float
        Over the cells: peak ΔF over the standard deviation of a frame's noise, at the brightest voxel.
        The noise is that of the voxel without activity of cells, averaged over time.
    neuropil : float
        Median over voxels of the peak to peak over time of the neuropil, over the resting light of the voxel.
    spikes_a_minute : float
        Median over cells.
    decay_p5, decay_p95 : float
        Decay time constants, s.
    ends : int
        Cells centred nearest to the first or last plane.
    motion : float
        Largest displacement along any axis, voxels.
    """

    cells: int
    voxels_a_cell: float
    overlap: float
    snr_p5: float
    snr_median: float
    snr_p95: float
    neuropil: float
    spikes_a_minute: float
    decay_p5: float
    decay_p95: float
    ends: int
    motion: float

    def to_dict(self) -> dict[str, float]:
        """Give the figures by name."""
        return dataclasses.asdict(self)


def measure(truth: Truth) -> Figures:
    """Measure how hard a recording is.

    Parameters
    ----------
    truth : Truth
        One that `simulate` or `draw` made.
    """
    gram = (truth.footprints.T @ truth.footprints).toarray()
    np.fill_diagonal(gram, 0)
    nan = np.full(1, np.nan)
    snr = np.percentile(truth.snr if truth.count else nan, (5, 50, 95))
    decay = np.percentile(truth.decay if truth.count else nan, (5, 95))
    relative = truth.neuropil_images / np.maximum(truth.resting, 1e-6)
    minutes = truth.traces.shape[1] / (truth.rate or np.nan) / 60
    return Figures(
        cells=truth.count,
        voxels_a_cell=truth.voxels / truth.count if truth.count else float("nan"),
        overlap=float((gram >= TOUCHING).any(axis=1).mean()) if truth.count else float("nan"),
        snr_p5=float(snr[0]),
        snr_median=float(snr[1]),
        snr_p95=float(snr[2]),
        neuropil=swing(relative, truth.neuropil_courses),
        spikes_a_minute=float(np.median(truth.spikes.sum(axis=1)) / minutes) if truth.count else float("nan"),
        decay_p5=float(decay[0]),
        decay_p95=float(decay[1]),
        ends=int(cells_at_ends(truth).sum()),
        motion=float(np.abs(truth.shifts).max(initial=0)),
    )
