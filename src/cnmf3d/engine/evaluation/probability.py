"""The probability that a component is a cell, by the measures that acceptance has: a logistic regression.

All but one of its features are the component's own. The last is the movie's: where much of what is found is what
brighter components left over, motion moves cells within a block, and less of the rest are cells than their measures
say.

It decides nothing: acceptance has rules of its own. `WEIGHTS` are fitted to simulated movies, of easy and of hard
kinds, and are judged on others (``benchmarks/probability.py`` fits them and prints both).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Float

Values = npt.NDArray[np.float64]

TYPICAL = (10, 1)
"""Components that are no doubles, and doubles, of what a movie has before anything of it is known: more would let
motion in small movies pass, fewer make few cells look like a movie that moves."""


def _deviations(quality: Mapping[str, Float], bins: int) -> Values:
    """Reliability in standard deviations of Fisher's z, what noise has none of."""
    return np.asarray(np.arctanh(np.clip(quality["reliability"], -0.999, 0.999)) * np.sqrt(max(bins - 3, 1)))


def _single(quality: Mapping[str, Float], bins: int) -> Values:
    """Log odds that a component of this movie is no double, with `TYPICAL` added: few components say little."""
    double = np.asarray(quality["double"]) > 0
    return np.full(double.shape, np.log((np.sum(~double) + TYPICAL[0]) / (np.sum(double) + TYPICAL[1])))


FEATURES: Mapping[str, Callable[[Mapping[str, Float], int], Values]] = {
    "log SNR": lambda q, bins: np.log(np.clip(q["snr"], 0.3, 30)),
    "r value": lambda q, bins: np.arctanh(np.clip(q["r_value"], -0.9, 0.99)),
    "reliability": lambda q, bins: np.log1p(np.clip(_deviations(q, bins), 0, 60)),
    "compactness": lambda q, bins: np.clip(q["compactness"], 0.3, 1),
    "smoothness": lambda q, bins: np.clip(q["smoothness"], 0, 0.8),
    "motion": lambda q, bins: np.clip(q["motion_r"], 0, 1),
    "double": lambda q, bins: np.clip(q["double"], 0, 1),
    "movie's singles": _single,
}
"""What the probability depends on, each within what movies with truth had: beyond it nothing is known."""

WEIGHTS: Mapping[str, float] = {
    "constant": -35.066,
    "log SNR": 1.658,
    "r value": 1.701,
    "reliability": 1.016,
    "compactness": 24.371,
    "smoothness": 4.915,
    "motion": -3.800,
    "double": -3.378,
    "movie's singles": 0.747,
}
"""Log odds for a feature's unit, as ``python benchmarks/probability.py --fit`` prints them: 763 components of
fifteen simulated movies, 135 of which are no cell (nearly all of them what motion leaves), with a ridge. Fit them again
when measures change."""


def features_of(quality: Mapping[str, Float], bins: int) -> Values:
    """(components, features) of `FEATURES`.

    Parameters
    ----------
    quality : mapping of name to (components,) float32
        As for `decision.decide`, and ``double``; of all components of a movie.
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
