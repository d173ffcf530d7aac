"""Values as numbers: saturated, cut off at the bottom, scaled, normalised; voxels that are odd."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.engine.plausibility.check import Check
from cnmf3d.engine.plausibility.sample import Sample

PILE, LEAST_VOXELS = 10.0, 1e-3
"""How many times as often the largest value must occur as those just below it to be a ceiling, and the share of voxels
that must reach it for a caution: a hot pixel may."""

CUT = 0.2
"""Share of values that may be the smallest one: where more are, noise below it was cut off, or photons are few."""

NORMALISED = 0.25
"""Light of the median voxel as a share of its noise below which a movie was normalised (dF/F, z-scores): what is left
of the resting light is less than anything that detectors give."""

HOT, HOT_SHARE, FEWEST = 12.0, 5e-4, 8
"""How far single pixels must stand out of all eight around them, in standard deviations of that, and the least
share and number of such pixels for a caution: optics blur everything that is real onto neighbours."""

BORDER = 0.1
"""Least share of voxels in filled borders for a caution."""


def check_saturation(sample: Sample) -> Check:
    """Values that pile up at the largest one."""
    flat = _finite(sample)
    if flat.size == 0:
        return Check("saturation", "no value is finite", {}, "no value is finite: the movie is empty or damaged")
    low, top = float(flat.min()), float(flat.max())
    at_top = int((flat == top).sum())
    ceiling = at_top > PILE * max(_just_below(flat, top, low), 1.0)
    reached = max_reached(sample, top) if ceiling else 0.0
    said = f"values up to {top:.5g}, which {reached:.2%} of the voxels reach as a ceiling"
    caution = ""
    if reached > LEAST_VOXELS:
        caution = (
            f"{reached:.1%} of the voxels reach the largest value, {top:.5g}, where values pile up: saturated, their "
            "transients are cut off. Record with less gain or light"
        )
    return Check("saturation", said, {"top": top, "share": reached}, caution)


def check_darkness(sample: Sample) -> Check:
    """Values that pile up at the smallest one."""
    flat = _finite(sample)
    if flat.size == 0:
        return Check("darkness", "no value is finite")
    low = float(flat.min())
    share, negative = float((flat == low).mean()), float((flat < 0).mean())
    said = f"values from {low:.5g}, which {share:.1%} are; {negative:.1%} are below zero"
    caution = ""
    if share > CUT:
        caution = (
            f"{share:.0%} of the values are the smallest, {low:.5g}: photons are few, or what lies below was cut off. "
            "dF/F "
            "is then uncertain and dim cells are missed: raise the detector's offset or the light, or average volumes"
        )
    return Check("darkness", said, {"low": low, "share": share, "negative": negative}, caution)


def _finite(sample: Sample) -> npt.NDArray[Any]:
    """Every second volume's finite values, without filled borders, flat."""
    rows, columns = sample.inside
    flat = np.concatenate([part[::2, :, rows, columns].ravel() for part in sample.stretches])
    return flat[np.isfinite(flat)] if flat.dtype.kind == "f" else flat


def max_reached(sample: Sample, top: float) -> float:
    """Share of voxels that reach a value."""
    shares = [(part[:, :, sample.inside[0], sample.inside[1]] >= top).any(axis=0) for part in sample.stretches]
    return float(np.any(shares, axis=0).mean())


def _just_below(flat: npt.NDArray[Any], top: float, low: float) -> float:
    """How often a value just below the largest one occurs, in the mean."""
    band = flat[flat > top - 0.1 * (top - low)]
    band = band[band < top]
    if flat.dtype.kind in "ui":
        return band.size / max(0.1 * (top - low), 1.0)
    return band.size / max(np.unique(band).size, 1)


def check_scale(sample: Sample) -> Check:
    """Movies that were normalised, or brought to 0 ... 1."""
    noise = np.sqrt(np.maximum(sample.noise, 0))
    alive = noise > 0
    if not alive.any():
        return Check(
            "scale", "nothing changes", {}, "no voxel changes from volume to volume: this is an image, or a copy of one"
        )
    ratio = float(np.median(np.abs(sample.mean[alive]) / noise[alive]))
    spread = float(np.std(sample.mean[alive]) / np.median(noise[alive]))
    low, top = (
        float(each)
        for each in (min(np.nanmin(p) for p in sample.stretches), max(np.nanmax(p) for p in sample.stretches))
    )
    said = f"the median voxel's light is {ratio:.1f} times its noise"
    caution = ""
    if sample.digital:
        caution = (
            f"the noise is {float(np.median(noise)):.2f} of a step of the values: rounding hides it, and dim "
            "transients with it. Use the "
            "movie with more bits (16 instead of 8), before it was averaged or brought to this type"
        )
    elif ratio < NORMALISED and spread < 1 and low < 0:
        caution = (
            f"{said}, and voxels hardly differ: the movie was normalised (dF/F, z-scores or a high-pass). Noise no "
            "longer "
            "tells the light, and dF/F can't be computed: use the movie as it was taken"
        )
    elif sample.movie.dtype.kind == "f" and low >= 0 and top <= 1:
        caution = (
            f"values lie between {low:.3g} and {top:.3g}: the movie was scaled, and what is no light isn't known any "
            "more. Use the "
            "movie as it was taken, or give the value of a pixel without light (--offset) for dF/F"
        )
    return Check("scale", said, {"light_over_noise": ratio, "structure_over_noise": spread}, caution)


def check_pixels(sample: Sample) -> Check:
    """Single pixels that are far brighter than all around them, and those that never change."""
    hot = hot_pixels(sample.mean)
    dead = float((sample.noise == 0).mean())
    share = float(hot.mean())
    said = f"{share:.3%} of the pixels stand out of all their neighbours, {dead:.2%} never change"
    caution = ""
    if share > HOT_SHARE and hot.sum() >= FEWEST:
        caution = (
            f"hot pixels: {share:.2%} of them are far brighter than all eight around. They are found as cells of one "
            "pixel: "
            "replace each by the median of its neighbours"
        )
    return Check("pixels", said, {"hot": share, "dead": dead}, caution)


def hot_pixels(mean: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which pixels of a mean image stand out of all eight around them."""
    around = np.ones((1, 3, 3), bool)
    around[0, 1, 1] = False
    highest = ndimage.maximum_filter(mean, footprint=around, mode="reflect")
    middle = ndimage.median_filter(mean, footprint=around, mode="reflect")
    apart = mean - middle
    scatter = 1.4826 * np.median(np.abs(apart - np.median(apart)))
    return np.asarray(mean - highest > HOT * max(float(scatter), 1e-12))


def check_borders(sample: Sample) -> Check:
    """Borders that registration filled."""
    some = float((sample.hidden > 0).mean())
    mostly = float((sample.hidden > 0.5).mean())
    said = f"{some:.1%} of the voxels lie in filled borders at times, {mostly:.1%} mostly"
    caution = ""
    if some > BORDER:
        caution = (
            f"{said} (zeros, a constant or a repeated edge, as registration leaves them): cells there lose precision. "
            "Crop the "
            "movie to what is always seen, if cells inside are enough"
        )
    return Check("borders", said, {"sometimes": some, "mostly": mostly}, caution)
