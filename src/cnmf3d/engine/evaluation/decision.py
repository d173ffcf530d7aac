"""Accept or reject: CaImAn's rule on its two measures, and the calibrated reliability."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cnmf3d.components import Bool, Float, VolumeShape
from cnmf3d.engine.block import Footprints
from cnmf3d.engine.deconvolution.noise import noise_level
from cnmf3d.engine.evaluation.doubles import is_double
from cnmf3d.engine.evaluation.faint import change_of_light, is_faint
from cnmf3d.engine.evaluation.kinds import soma_probability
from cnmf3d.engine.evaluation.probability import cell_probability
from cnmf3d.engine.plan import Plan
from cnmf3d.engine.reliability import required

PLAIN = 2.0
"""SNR over ``min_SNR`` that a component needs whose trace isn't skewed, or which doesn't look like one cell."""

FOLLOWS = 4.0
"""SNR over ``min_SNR`` that a component needs whose trace follows the motion. What motion leaves has up to 3: fewer
would accept it, more would reject cells that are active when the animal moves."""

RAGGED = 0.75
"""Share of ``smooth_thr`` below which an outline is no cell's: with their dendrites cells have 0.3 and more."""

SILENT = 0.4
"""SNR over ``min_SNR`` below which a trace that isn't skewed shows nothing: then no r value shows a cell."""

UNLIKE, BARELY = 0.8, 1.6
"""Share of ``rval_thr`` below which a component's active frames don't show it, so that it needs this SNR over
``min_SNR``. In presets with truth no cell has neither, nor has any region drawn by hand in the mouse cortex, but one in
twenty of what nobody drew there."""

SURE = 1.5
"""Standard errors of the skewness that it must have: neuropil and other slow courses are skewed by chance. Of cells one
in some hundreds has less, of neuropil nearly all."""

ALIKE = 0.97
"""Or the r value: neuropil has no footprint that its active frames repeat so exactly, a cell that never rests has.
Not where the SNR is below ``min_SNR``, the trace swings down about as far as up (`SURE`) and isn't `LIVELY`: slow
changes of brightness last so long that the mean of many frames repeats any footprint."""

LIVELY = 4.0
"""Standard deviations of a frame's noise that a trace has as its own, from which on it is no slow change of brightness.
Those have up to 3 in recordings, cells that are never at rest 5 and more."""


def judge(
    quality: Mapping[str, Float],
    plan: Plan,
    bins: int,
    footprints: Footprints,
    raw: Float,
    scale: Float,
    shape: VolumeShape,
) -> tuple[dict[str, Float], Bool]:
    """The measures with the kind of each component added, and which are accepted: each cell whole, and once.

    Components within a brighter one that follow its trace are rejected. Where the rest is of two kinds by their widths,
    cell bodies and thinner things, the thinner ones are rejected from ``soma_thr`` down. What is far fainter than those
    with a clear trace (`PLAIN` times ``min_SNR``) needs one as well.

    Parameters
    ----------
    quality : mapping
        As for `decide`, and ``width`` and ``aspect``.
    plan : Plan
    bins : int
    footprints : csc (voxels, components)
    raw : (components, frames) float32
    scale : (voxels,) float32
        Noise of each voxel, in the movie's units.
    shape : (Z, Y, X)

    Returns
    -------
    quality : with ``double``, 1 for what a brighter component left over, ``soma``, the probability that a component is
        a cell body, and ``p_cell``, that it is a cell at all (which decides nothing)
    accepted : (components,) bool
    """
    lively = raw.std(axis=1) >= LIVELY * noise_level(raw)
    real = decide(quality, plan, bins, lively)
    double = is_double(footprints, raw, plan.width, real, quality["r_value"])
    quality, real = {**quality, "double": double.astype(np.float32)}, real & ~double
    soma = soma_probability(quality["width"], quality["aspect"], real)
    real, clear = real & (soma >= plan.least_soma), quality["snr"] >= PLAIN * plan.min_snr
    light = change_of_light(footprints, raw, plan.width, scale)
    real &= clear | ~is_faint(light, real & clear, footprints, shape)
    return {**quality, "soma": soma, "p_cell": cell_probability(quality, bins)}, np.asarray(real)


def decide(quality: Mapping[str, Float], plan: Plan, bins: int, lively: Bool | None = None) -> Bool:
    """Which components are real and look like a cell; (components,) bool.

    A component passes with ``r_value >= rval_thr`` or ``snr >= min_SNR``, if neither is below its lower bound
    (``rval_lowest``, ``SNR_lowest``), and if its reliability exceeds what noise reaches with the stated probability.
    Where the r value is far below its threshold (`UNLIKE`), the SNR must be `BARELY` times ``min_SNR``.
    A trace that isn't skewed (``skew_thr``) may be neuropil: it needs `PLAIN` times ``min_SNR`` or the r value `ALIKE`;
    one whose skewness may be chance (`SURE`) needs that r value.
    A footprint unlike one cell (``compact_thr``), or with a ragged outline (``smooth_thr``), may be a cell's edge: it
    needs `PLAIN` times ``min_SNR``, one whose trace follows the motion (``motion_thr``) `FOLLOWS` times. A very ragged
    one (`RAGGED` times ``smooth_thr``) is none whatever its trace.

    Parameters
    ----------
    quality : mapping
        ``snr``, ``r_value``, ``reliability``, ``skewness`` and its ``skewness_error``, ``compactness``,
        ``smoothness`` and ``motion_r``, each (components,) float32.
    plan : Plan
    bins : int
        Time bins that the reliability was computed on.
    lively : (components,) bool, optional
        Whose trace moves far more than its noise (`LIVELY`); None: nothing is known of that.
    """
    snr, r_value = quality["snr"], quality["r_value"]
    silent = (snr < SILENT * plan.min_snr) & (quality["skewness"] < plan.min_skew)
    passes = ((r_value >= plan.min_r) & ~silent) | (snr >= plan.min_snr)
    passes &= (r_value >= UNLIKE * plan.min_r) | (snr >= BARELY * plan.min_snr)
    bounded = (r_value > plan.lowest_r) & (snr > plan.lowest_snr)
    reliable = quality["reliability"] > required(quality["reliability"], bins, plan.significance)
    strong = snr >= PLAIN * plan.min_snr
    upward = quality["skewness"] >= SURE * quality["skewness_error"]
    moves = np.zeros(snr.shape, bool) if lively is None else lively
    restless = (r_value >= ALIKE) & (upward | moves | (snr >= plan.min_snr))
    transient = (upward & ((quality["skewness"] >= plan.min_skew) | strong)) | restless
    smooth = quality["smoothness"]
    whole = (quality["compactness"] >= plan.least_compact) & (smooth >= plan.least_smooth)
    whole |= strong & (smooth >= RAGGED * plan.least_smooth)
    still = (quality["motion_r"] <= plan.most_motion) | (snr >= FOLLOWS * plan.min_snr)
    return np.asarray(passes & bounded & reliable & transient & whole & still)
