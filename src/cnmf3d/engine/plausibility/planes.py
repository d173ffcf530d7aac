"""Planes of a volume: empty, out of order, flyback."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.engine.plausibility.check import Check
from cnmf3d.engine.plausibility.sample import Sample

Double = npt.NDArray[np.float64]

EMPTY = 0.05
"""Share of the median plane's noise (variance) below which a plane is empty."""

FEWEST = 4
"""Planes from which on their order can be seen."""

STRAY = 0.08
"""How much less alike neighbouring planes must be than those two apart to be out of order."""

ALIKE, FLYBACK = 0.5, 0.3
"""Likeness that neighbouring planes must have for flyback to be recognised, and the share of it below which the first
or last plane is one in which the focus returned."""


def check_planes(sample: Sample) -> Check:
    """Empty planes, planes out of order, flyback."""
    count = len(sample.planes)
    if count < 2:
        return Check("planes", "one plane")
    power = np.median(sample.noise, axis=(1, 2))
    spread = sample.mean.std(axis=(1, 2))
    typical = float(np.median(power[power > 0])) if (power > 0).any() else 0.0
    empty = (power <= EMPTY * typical) & (spread < 0.3 * np.median(spread))
    problems, figures = [], {"empty": float(empty.sum())}
    if empty.any():
        names = ", ".join(str(int(p)) for p in sample.planes[empty][:6])
        problems.append(f"plane {names} (counted from 0) hardly changes: empty. Leave it out")
    said = f"{count} planes" + (f", {int(empty.sum())} empty" if empty.any() else "")
    some = np.flatnonzero(~empty)
    like = likeness(sample.means[:, some])
    numbers = sample.planes[some]
    one, two = (_diagonal(like, numbers, lag) for lag in (1, 2))
    if some.size >= FEWEST and one.size >= FEWEST - 1:
        near, far = float(np.median(one)), float(np.median(two))
        said += f"; neighbouring ones are {near:.2f} alike, those two apart {far:.2f}"
        figures |= {"neighbours": near, "two_apart": far}
        ends = {int(numbers[0]): one[0], int(numbers[-1]): one[-1]}
        if far > near + STRAY:
            problems.append(
                f"neighbouring planes are less alike ({near:.2f}) than those two apart ({far:.2f}): they are out of "
                "order, "
                "or two channels were read as planes. Give the order of the axes (--axes), or --channels 2"
            )
        elif near > ALIKE:
            lost = [plane for plane, value in ends.items() if value < FLYBACK * near]
            figures["flyback"] = float(len(lost))
            if lost:
                names = ", ".join(map(str, lost))
                problems.append(
                    f"plane {names} (counted from 0) has nothing in common with the one beside it, as where the focus "
                    "flies back. Leave it out"
                )
    return Check("planes", said, figures, ". ".join(problems))


def likeness(means: npt.NDArray[np.float32]) -> Double:
    """Correlation of planes' structure, without noise, (planes, planes).

    Parameters
    ----------
    means : (stretches, planes, rows, columns)
        Mean images of independent stretches.
    """
    halves = [means[first::2].mean(axis=0, dtype=np.float64) for first in (0, 1)] if len(means) > 1 else [means[0]] * 2
    fine = [ndimage.gaussian_filter(h, (0, 1, 1)) - ndimage.gaussian_filter(h, (0, 8, 8)) for h in halves]
    first, other = (each.reshape(len(each), -1) for each in fine)
    first, other = (each - each.mean(axis=1, keepdims=True) for each in (first, other))
    both = first @ other.T
    both = (both + both.T) / 2
    own = np.sqrt(np.maximum(np.diagonal(both), 1e-30))
    noise = np.sqrt((first**2).sum(axis=1) * (other**2).sum(axis=1))
    # a plane without structure of its own is like none
    own = np.where(np.diagonal(both) > 0.1 * noise, own, np.inf)
    return np.asarray(both / own[:, None] / own)


def _diagonal(like: Double, numbers: npt.NDArray[np.int64], lag: int) -> Double:
    """Likeness of planes that lie `lag` apart."""
    pairs = [(i, i + lag) for i in range(len(numbers) - lag) if numbers[i + lag] - numbers[i] == lag]
    return np.array([like[pair] for pair in pairs])
