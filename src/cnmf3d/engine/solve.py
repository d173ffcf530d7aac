"""One block solved: seeds, demixing, merging and pruning in rounds until little is left to find.

Sources: Pnevmatikakis et al. 2016, Neuron 89:285 (constrained matrix factorisation); Giovannucci et al. 2019,
eLife 8:e38173 (greedy initialisation, merging); the rounds on the residual and the pruning are ours.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from cnmf3d.components import Float, centroids_of
from cnmf3d.engine import demix
from cnmf3d.engine.background import SEEKING, SETTLED, constant_course, neuropil_courses
from cnmf3d.engine.block import Block, Fit, Footprints, entry_columns, subset, with_data
from cnmf3d.engine.cleaning import clean, grow, pick
from cnmf3d.engine.coarse import Coarse, coarsen
from cnmf3d.engine.echoes import is_echo
from cnmf3d.engine.merging import merge
from cnmf3d.engine.motion_courses import apart
from cnmf3d.engine.reliability import chance_level, reliability, required
from cnmf3d.engine.seeding.activity import Seeds, find_seeds, without_echoes
from cnmf3d.engine.supports import ellipsoids
from cnmf3d.engine.visibility import fill_hidden
from cnmf3d.geometry import ZYX

FEW, LITTLE = 0.05, 0.02
"""Rounds end when one offers fewer new seeds than this share of the components, or when the components that are left
after pruning are hardly more than before two rounds."""

MANY = 0.25
"""Where pruning leaves out this share, it may have made room for cells: then another two rounds are tried."""

CONFIRMED, WEAK = 0.5, 3.0
"""Where pruning confirms this share of the candidates, cells are many, and seeds of this score are worth a round."""


@dataclass(frozen=True)
class Settings:
    """What the block solver needs to know.

    Attributes
    ----------
    sigma : ZYX
        Standard deviation of a cell's footprint in voxels.
    reach : ZYX or None
        Half-axes of the ellipsoid in which a footprint starts; None: three sigmas.
    grid : int or None
        Voxels a supervoxel along x and y; None: `cnmf3d.engine.coarse.supervoxel`.
    limit : int or None
        Most components in a block (CaImAn's K); None: as many as there are.
    rank : int or None
        Neuropil courses; None: as many as the data show.
    merge_threshold : float
    rounds : int
        Most rounds of seeding on the residual.
    seed_score : float
        Least activity of a seed, in standard deviations of what noise gives.
    significance : float
        Least reliability of a component, in standard deviations of Fisher's z.
    """

    sigma: ZYX
    reach: ZYX | None = None
    grid: int | None = None
    limit: int | None = None
    rank: int | None = None
    merge_threshold: float = 0.8
    rounds: int = 8
    seed_score: float = 4.0
    significance: float = 4.5

    @property
    def start(self) -> ZYX:
        """Half-axes of the ellipsoid in which a footprint starts."""
        return self.reach or ZYX(*(3 * s for s in self.sigma))


def empty_fit(block: Block) -> Fit:
    """No components, a constant background."""
    none = sparse.csc_array((block.rows.shape[0], 0), dtype=np.float32)
    course = constant_course(block.bins)
    images = np.zeros((block.rows.shape[0], 1), np.float32)
    return demix.with_courses(block, Fit(none, np.zeros((0, block.bins), np.float32), images, course, images), course)


def solve(block: Block, settings: Settings) -> Fit:
    """Find and demix all components of a block."""
    fit, coarse = search(block, coarsen(block, settings.sigma, settings.grid), settings)
    fit = refined(block, with_neuropil(block, coarse, fit, settings, SETTLED), 4)
    fit = prune(block, fit, settings, chance_level(block, fit, settings.sigma))
    fit = merge(fit, grow(fit.footprints, block.shape), settings.merge_threshold)
    fit = dataclasses.replace(fit, footprints=grow(fit.footprints, block.shape))
    fit = refined(block, with_neuropil(block, coarse, fit, settings, SETTLED), 2)
    return pick(fit, np.arange(fit.count), fit.footprints.data > 0)


def search(block: Block, coarse: Coarse, settings: Settings) -> tuple[Fit, Coarse]:
    """Rounds of seeding and demixing, until they find little; some of what is there may be no cell.

    Returns
    -------
    fit : Fit
    coarse : Coarse
        With what the block's hidden values are expected to be.
    """
    fit = with_neuropil(block, coarse, empty_fit(block), settings)
    banned, known, weak, share = np.zeros((0, 3)), 0, False, 0.0
    for round_ in range(settings.rounds):
        seeds = _next_seeds(block, coarse, fit, banned, settings, weak)
        if len(seeds.positions) <= (FEW * fit.count if weak else 0):
            break
        banned = np.concatenate([banned, seeds.positions])
        fit = _add(block, fit, initialise(block, coarse, fit, seeds, settings.start))
        fit = _settle(block, coarse, fit, settings)
        if block.hidden is not None:
            fill_hidden(block, fit)
            coarse = coarse.of(block)
        done = round_ > 1 and len(seeds.positions) < FEW * fit.count
        if round_ == 0:
            known = fit.count
        if round_ % 2 == 1:
            found, fit = fit.count, prune(block, fit, settings)
            share = fit.count / max(found, 1)
            room = 0 < fit.count < (1 - MANY) * found or fit.count < (settings.limit or 0)
            done |= fit.count - known <= LITTLE * fit.count and not room
            known = fit.count
        if done and (weak or share < CONFIRMED):
            break
        weak = done
    return fit, coarse


def solve_seeded(block: Block, footprints: Footprints, settings: Settings, traces: Float | None = None) -> Fit:
    """Demix components that are given (CaImAn's ``Ain``, or a refit): none is added, and each keeps its number.

    Components that vanish, where the block has no light for them, are zeros in the result (`demix.living`).

    Parameters
    ----------
    block : Block
    footprints : csc (voxels, components), unit norm
    settings : Settings
    traces : (components, bins) float32, optional
        What is known of their traces: neuropil is then what they leave, from the first step.
    """
    coarse = coarsen(block, settings.sigma, settings.grid)
    fit = empty_fit(block)
    if traces is None:
        fit = with_neuropil(block, coarse, fit, settings)
        traces = np.ones((footprints.shape[1], block.bins), np.float32)
        fit = dataclasses.replace(fit, footprints=footprints, traces=traces)
        fit = demix.update_traces(block, fit, sweeps=8)
    else:
        fit = dataclasses.replace(fit, footprints=footprints, traces=np.ascontiguousarray(traces))
    fit = demix.refine(block, with_neuropil(block, coarse, fit, settings), 3)
    if block.hidden is not None:
        fill_hidden(block, fit)
        coarse = coarse.of(block)
    return demix.refine(block, with_neuropil(block, coarse, fit, settings, SETTLED), 4)


def _next_seeds(block: Block, coarse: Coarse, fit: Fit, banned: np.ndarray, settings: Settings, weak: bool) -> Seeds:
    residual = coarse.residual(fit).reshape(*coarse.shape, block.bins)
    seeds = find_seeds(residual, coarse.bandpass, coarse.sigma, WEAK if weak else settings.seed_score)
    known = coarse.to_coarse(centroids_of(fit.footprints, block.shape))
    seeds = without_echoes(seeds, coarse.sigma, known, fit.traces, banned, alone=weak)
    if settings.limit is not None:
        seeds = seeds.take(np.arange(min(len(seeds.positions), max(0, settings.limit - fit.count))))
    return seeds


def initialise(block: Block, coarse: Coarse, fit: Fit, seeds: Seeds, reach: ZYX) -> Fit:
    """Footprints of new components: the residual regressed on each seed's trace, within an ellipsoid of `reach`."""
    centres = coarse.to_voxels(seeds.positions, block.shape)
    supports = ellipsoids(block.shape, centres, reach)
    new = dataclasses.replace(fit, footprints=supports, traces=seeds.traces)
    correlated = demix.correlate_residual(block, new, seeds.traces)
    columns = entry_columns(supports)
    if fit.count:
        explained = fit.footprints @ (fit.traces @ seeds.traces.T)
        correlated -= explained[supports.indices, columns]
    power = np.maximum((seeds.traces**2).sum(axis=1), 1e-9)
    data = np.maximum(correlated / power[columns], 0).astype(np.float32)
    return demix.without_vanished(demix.unit_norm(dataclasses.replace(new, footprints=with_data(supports, data))))


def refined(block: Block, fit: Fit, rounds: int, smooth: bool = False) -> Fit:
    """`demix.refine`, without the components that vanished."""
    return demix.without_vanished(demix.refine(block, fit, rounds, smooth))


def _add(block: Block, fit: Fit, new: Fit) -> Fit:
    footprints: Footprints = sparse.csc_array(sparse.hstack([fit.footprints, new.footprints]))
    return dataclasses.replace(fit, footprints=footprints, traces=np.concatenate([fit.traces, new.traces]))


def with_neuropil(block: Block, coarse: Coarse, fit: Fit, settings: Settings, alike: float = SEEKING) -> Fit:
    """Background courses and images anew, from what the components leave unexplained."""
    courses = neuropil_courses(coarse.pooled_residual(fit), coarse.pool_grid, settings.rank, alike)
    neuropil = len(courses)
    if settings.rank is None:
        courses = np.concatenate([courses, apart(coarse.known, courses)])
        courses = np.concatenate([courses, coarse.shared.beside(courses)])
    fit = dataclasses.replace(fit, moving=len(courses) - neuropil)
    return demix.with_courses(block, fit, courses)


def _settle(block: Block, coarse: Coarse, fit: Fit, settings: Settings) -> Fit:
    fit = refined(block, with_neuropil(block, coarse, fit, settings), 3, smooth=True)
    fit = clean(fit, block.shape, settings.sigma, block.grain)
    fit = merge(fit, grow(fit.footprints, block.shape), settings.merge_threshold)
    fit = dataclasses.replace(fit, footprints=grow(fit.footprints, block.shape))
    return refined(block, with_neuropil(block, coarse, fit, settings), 2)


def prune(block: Block, fit: Fit, settings: Settings, chance: float = 0.0) -> Fit:
    """Leave out what is too small to be a cell, echoes of brighter neighbours, and what doesn't outlast a bin.

    Parameters
    ----------
    block : Block
    fit : Fit
    settings : Settings
    chance : float
        Reliability of places without a cell.
    """
    fit = clean(fit, block.shape, settings.sigma, block.grain)
    echo = is_echo(fit, grow(fit.footprints, block.shape), settings.sigma)
    fit = subset(fit, np.flatnonzero(~echo))
    scores = reliability(demix.raw_traces(block, fit))
    return subset(fit, np.flatnonzero(scores > required(scores, block.bins, settings.significance, chance)))
