"""Accept or reject: CaImAn's rule on its two measures, and the calibrated reliability."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cnmf3d.components import Bool, Float
from cnmf3d.engine.plan import Plan
from cnmf3d.engine.reliability import threshold


def decide(quality: Mapping[str, Float], plan: Plan, bins: int) -> Bool:
    """Which components are accepted; (components,) bool.

    A component passes with ``r_value >= rval_thr`` or ``snr >= min_SNR``, if neither is below its lower bound
    (``rval_lowest``, ``SNR_lowest``), and if its reliability exceeds what noise reaches with the stated probability.

    Parameters
    ----------
    quality : mapping
        ``snr``, ``r_value`` and ``reliability``, each (components,) float32.
    plan : Plan
    bins : int
        Time bins that the reliability was computed on.
    """
    snr, r_value = quality["snr"], quality["r_value"]
    passes = (r_value >= plan.min_r) | (snr >= plan.min_snr)
    bounded = (r_value > plan.lowest_r) & (snr > plan.lowest_snr)
    reliable = quality["reliability"] > threshold(bins, plan.significance)
    return np.asarray(passes & bounded & reliable)
