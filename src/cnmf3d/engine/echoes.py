"""Echoes: components that hold what the model of a brighter neighbour left over."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Bool, Float
from cnmf3d.engine.block import Fit, Footprints, overlaps
from cnmf3d.engine.lasting import noise_free_correlation, standardised
from cnmf3d.geometry import ZYX

LEAST_SIZE = 0.33
"""Effective volume of a footprint over that of a typical cell. In simulated volumes of nine kinds no cell, dim ones and
those cut by a border included, had less than 0.35; most fragments have less."""

ALONE = 0.08
"""The same for a component that touches no brighter one: a cell that a plane cuts near its pole is small, too."""

ENOUGH, PLAUSIBLE = 10, (0.2, 1.0)
"""With so many components the brighter ones give the typical size, within these bounds of the expected one."""

FAINT, FAINT_SIZE = 0.10, 0.75
"""A component with a trace this faint beside a touching neighbour's, and smaller than this, is that neighbour's."""

FOLLOWS = 0.33
"""Correlation with a brighter neighbour's trace, corrected for noise, from which a small or faint component may be what
that one left over: a small cell among large ones has a trace of its own."""

IN_ITS_PLACE, FAINTER = 0.6, 0.5
"""Cosine with a brighter one's footprint from which on a component fainter than this share of it is that one's: of
cells that lie over each other one pair in some hundreds has a larger cosine."""

EXPLAINED = 0.7
"""Share of a trace's variance that brighter touching neighbours may explain together."""


def effective_size(footprints: Footprints, sigma: ZYX) -> npt.NDArray[np.float64]:
    """Effective volume ``(Σ a)²/Σ a²`` over that of a Gaussian with these `sigma`: ``8 π^{3/2} σ_z σ_y σ_x``."""
    total = np.asarray(footprints.sum(axis=0)).ravel()
    power = np.asarray(footprints.multiply(footprints).sum(axis=0)).ravel()
    typical = 8 * np.pi**1.5 * float(np.prod([max(s, 0.3) for s in sigma]))
    return np.asarray(total**2 / np.maximum(power, 1e-30) / typical, np.float64)


def relative_size(size: npt.NDArray[np.float64], brightness: Float) -> npt.NDArray[np.float64]:
    """Sizes over that of the brighter half of the components, so that a wrong guess of the cells' size does no harm."""
    if size.size < ENOUGH:
        return size
    bright = brightness >= np.median(brightness)
    return size / float(np.clip(np.median(size[bright]), *PLAUSIBLE))


def is_echo(fit: Fit, grown: Footprints, sigma: ZYX) -> Bool:
    """Which components are too small for a cell, or follow from brighter neighbours; (components,) bool.

    Parameters
    ----------
    fit : Fit
    grown : csc (voxels, components)
        Supports widened by a voxel: components whose grown supports share voxels touch.
    sigma : ZYX
        Standard deviation of a cell's footprint in voxels.
    """
    brightness = np.linalg.norm(fit.traces, axis=1)
    size = relative_size(effective_size(fit.footprints, sigma), brightness)
    touching = overlaps(grown)
    cosines = sparse.csc_array(fit.footprints.T @ fit.footprints)
    centred = fit.traces - fit.traces.mean(axis=1, keepdims=True)
    unit = standardised(fit.traces)
    echo = size < ALONE
    for k in np.argsort(-brightness, kind="stable"):
        near = touching.indices[touching.indptr[k] : touching.indptr[k + 1]]
        near = near[(brightness[near] > brightness[k]) & ~echo[near]]
        if near.size == 0 or echo[k]:
            continue
        brighter = cosines.indices[cosines.indptr[k] : cosines.indptr[k + 1]]
        over = cosines.data[cosines.indptr[k] : cosines.indptr[k + 1]] > IN_ITS_PLACE
        over &= (brightness[k] < FAINTER * brightness[brighter]) & ~echo[brighter]
        faint = brightness[k] < FAINT * brightness[near].max() and size[k] < FAINT_SIZE
        follows = False
        if size[k] < LEAST_SIZE or faint:
            itself = np.full(near.size, k)
            follows = bool(noise_free_correlation(unit, itself, near, stands_out=0).max() > FOLLOWS)
        echo[k] = over.any() or follows or explained_variance(centred[k], centred[near]) > EXPLAINED
    return np.asarray(echo)


def explained_variance(trace: Float, others: Float) -> float:
    """Share of a trace's variance that a linear combination of others explains (all of mean zero)."""
    weights = np.linalg.lstsq(others.T, trace, rcond=None)[0]
    left = trace - weights @ others
    return float(1 - (left @ left) / max(float(trace @ trace), 1e-30))
