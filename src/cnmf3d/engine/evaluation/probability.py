"""The probability that a component is a cell, by the measures that acceptance has: a logistic regression.

It decides nothing: acceptance has rules of its own. `WEIGHTS` are fitted to simulated movies, of easy and of hard
kinds, and are judged on others (``benchmarks/probability.py`` fits them and prints both).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float

Values = npt.NDArray[np.float64]


def _deviations(quality: Mapping[str, Float], bins: int) -> Values:
    """Reliability in standard deviations of Fisher's z, what noise has none of."""
    return np.asarray(np.arctanh(np.clip(quality["reliability"], -0.999, 0.999)) * np.sqrt(max(bins - 3, 1)))


FEATURES: Mapping[str, Callable[[Mapping[str, Float], int], Values]] = {
    "log SNR": lambda q, bins: np.log(np.clip(q["snr"], 0.3, 30)),
    "r value": lambda q, bins: np.arctanh(np.clip(q["r_value"], -0.9, 0.99)),
    "reliability": lambda q, bins: np.log1p(np.clip(_deviations(q, bins), 0, 60)),
    "compactness": lambda q, bins: np.clip(q["compactness"], 0.3, 1),
    "smoothness": lambda q, bins: np.clip(q["smoothness"], 0, 0.8),
    "motion": lambda q, bins: np.clip(q["motion_r"], 0, 1),
}
"""What the probability depends on, each within what movies with truth had: beyond it nothing is known."""

WEIGHTS: Mapping[str, float] = {
    "constant": -37.664,
    "log SNR": 1.590,
    "r value": 1.202,
    "reliability": 3.357,
    "compactness": 21.036,
    "smoothness": 9.071,
    "motion": -10.548,
}
"""Log odds for a feature's unit, as ``python benchmarks/probability.py --fit`` prints them: 545 components of twelve
simulated movies, 53 of which are no cell (nearly all of them what motion leaves), with a ridge. They were fitted when
smoothness and compactness were those of footprints in units of noise, with their holes. Fit them again when measures
change."""


def features_of(quality: Mapping[str, Float], bins: int) -> Values:
    """(components, features) of `FEATURES`.

    Parameters
    ----------
    quality : mapping of name to (components,) float32
        As for `decision.decide`.
    bins : int
        Time bins that the reliability was computed on.
    """
    return np.stack([np.asarray(make(quality, bins), np.float64) for make in FEATURES.values()], axis=1)


def cell_probability(quality: Mapping[str, Float], bins: int) -> Float:
    """Probability that each component is a cell, (components,) float32; NaN where a measure is.

    Parameters
    ----------
    quality, bins : as for `features_of`
    """
    log_odds = WEIGHTS["constant"] + features_of(quality, bins) @ np.array([WEIGHTS[name] for name in FEATURES])
    return np.asarray(1 / (1 + np.exp(-log_odds)), np.float32)
