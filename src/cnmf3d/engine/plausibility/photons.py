"""How the noise grows with the light: photons a voxel, and whether values are in proportion to light at all."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cnmf3d.engine.noise import GROUPS, photon_gain
from cnmf3d.engine.plausibility.check import Check
from cnmf3d.engine.plausibility.sample import Sample

FALLS = -0.25
"""Exponent with which the noise's variance follows the light below which values aren't in proportion to it: photons
have 1, read noise 0, a square root (gamma 0.5) 0 at bright places and less with more compression."""

CONTRAST, DARKEST = 1.5, 4
"""Times that bright voxels must be as bright as dark ones for that to be seen; groups of dark voxels that are left
out, where little light is uncertain."""


STRUCTURE = 0.3
"""The range of light there in standard deviations of the noise, below which a movie shows nothing of the kind."""


def check_photons(sample: Sample) -> Check:
    """Photon gain, and values that are not in proportion to light."""
    mean, noise = sample.mean, sample.noise
    flat, power = mean.ravel(), noise.ravel()
    valid = power > 0
    gain = photon_gain(flat, np.sqrt(np.maximum(power, 0)), valid)
    exponent, contrast = growth(sample)
    figures = {"gain": gain, "exponent": exponent}
    said = (
        f"noise grows by {gain:.3g} (variance) with each count of light"
        if gain
        else "noise doesn't grow with the light"
    )
    caution = ""
    if exponent < FALLS and contrast > CONTRAST:
        caution = (
            f"the noise gets smaller where it is brighter (variance as light to the power of {exponent:.2f}): values "
            "are not "
            "in proportion to light (gamma, a logarithm, saturation). Use the movie as it was taken"
        )
    return Check("photons", said, figures, caution)


def growth(sample: Sample) -> tuple[float, float]:
    """Exponent of variance against light in all but the darkest voxels, and the range of light there."""
    light = ndimage.uniform_filter(sample.mean, (0, 5, 5)).ravel().astype(np.float64)
    valid = sample.noise.ravel() > 0
    if valid.sum() < 10 * GROUPS:
        return 0.0, 1.0
    light, power = light[valid], sample.noise.ravel()[valid].astype(np.float64)
    light = light - light.min()
    order = np.array_split(np.argsort(light, kind="stable"), GROUPS)[DARKEST:]
    x, y = (np.array([np.median(values[group]) for group in order]) for values in (light, power))
    if x[0] <= 0 or (y <= 0).any() or x[-1] - x[0] < STRUCTURE * np.sqrt(np.median(y)):
        return 0.0, 1.0
    return float(np.polyfit(np.log(x), np.log(y), 1)[0]), float(x[-1] / x[0])
