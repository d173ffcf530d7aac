"""How many of the accepted components noise alone explains: the movie's own traces, with their bins in random order.

A trace whose bins are shuffled keeps its noise, however skewed, and loses what lasts. How often such a trace is as
reliable as a component must be, times the places where a component could have been found, is how many false ones to
expect (Benjamini & Hochberg 1995, J R Stat Soc B 57:289, for the rate). What lasts and is no cell (neuropil, motion)
is not in it.
"""

from __future__ import annotations

import numpy as np

from cnmf3d.components import Float
from cnmf3d.engine.reliability import reliability, required
from cnmf3d.geometry import ZYX
from cnmf3d.traces import binned

SHUFFLED = 20_000
"""Shuffled traces: a rate of one in twenty thousand can be seen, a false one in some thousand places."""

PLACE = 8 * np.pi**1.5
"""Effective volume of a Gaussian footprint in units of σ_z σ_y σ_x: cells so far apart hardly overlap."""


def expected_false(raw: Float, width: int, significance: float, voxels: int, sigma: ZYX) -> float:
    """Number of components that noise alone would make reliable in the volume.

    Parameters
    ----------
    raw : (components, frames) float32
        Demixed traces with their noise.
    width : int
        Frames a bin.
    significance : float
        As for `reliability.required`.
    voxels : int
        Voxels of the volume that are used.
    sigma : ZYX
        Standard deviation of a cell's footprint in voxels.

    Returns
    -------
    float
        No less than what one in `SHUFFLED` would give: fewer can't be seen. Zero without components.
    """
    if len(raw) == 0:
        return 0.0
    traces = binned(raw, width)
    rng = np.random.default_rng(0)
    some = traces[np.arange(SHUFFLED) % len(traces)] if len(traces) < SHUFFLED else traces[:SHUFFLED]
    least, passed = required(reliability(traces), traces.shape[1], significance), 0
    for part in np.array_split(some, 10):
        passed += int((reliability(rng.permuted(part, axis=1)) > least).sum())
    places = voxels / (PLACE * float(np.prod([max(s, 0.5) for s in sigma])))
    return float(places * max(passed, 1) / SHUFFLED)
