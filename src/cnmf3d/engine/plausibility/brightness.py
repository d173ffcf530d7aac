"""Whole volumes that are too bright, too dark, repeated or in turns; brightness that jumps, fluctuates or fades."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cnmf3d.engine.plausibility.check import Check
from cnmf3d.engine.plausibility.sample import Sample

Double = npt.NDArray[np.float64]

AROUND = 15
"""Volumes whose median a volume's brightness is compared with."""

FLASH, BLANK, DARK, SURE = 0.5, 0.5, 0.1, 10.0
"""Share of the light by which a volume is brighter to be a flash; share of the usual contrast below which, and of the
light by which a volume is darker, to be blank; and how many times as far as usual it must be from those around."""

STEP, STEP_SURE, AT_ONCE, SIDE = 0.04, 8.0, 0.8, 6
"""Share of the light by which brightness must change and stay so, how many times the usual change that must be, the
share of it that must come from one volume to the next, and the volumes compared on either side. Laxer ones take waves
of activity for steps; smaller steps are background to the engine."""

FLICKER = 0.05
"""Standard deviation of whole volumes' brightness, as a share of the light, from one volume to the next."""

FADES = 0.35
"""Share of the light that may be lost from the beginning to the end: photobleaching takes 10 to 20 % of most
recordings."""


def check_brightness(sample: Sample) -> Check:
    """Flashes, blank volumes, steps, flicker and bleaching."""
    level, light = sample.brightness, sample.light
    usual = ndimage.median_filter(level, AROUND, mode="nearest")
    apart = (level - usual) / light
    scatter = 1.4826 * float(np.median(np.abs(apart))) + 1e-6
    flashes = (apart > FLASH) & (apart > SURE * scatter)
    around = ndimage.median_filter(sample.contrast, AROUND, mode="nearest")
    dim = (sample.contrast <= BLANK * around) & (apart < -DARK) & (apart < -SURE * scatter)
    blank = dim | (sample.contrast == 0) & (around > 0)
    steps = steps_of(level / light)
    flicker = flicker_of(sample)
    whole = sample.means.mean(axis=(1, 2, 3), dtype=np.float64)
    part = max(1, len(whole) // 4)
    lost = float(whole[:part].mean() - whole[-part:].mean()) / light
    figures = {
        "flashes": float(flashes.mean()),
        "blank": float(blank.mean()),
        "steps": float(len(steps)),
        "flicker": flicker,
        "lost": lost,
    }
    looked = f"of {level.size} volumes that were looked at"
    said = f"whole volumes fluctuate by {flicker:.1%}; {lost:.0%} of the light is lost by the end"
    problems = []
    if flashes.any():
        problems.append(
            f"{int(flashes.sum())} {looked} are far brighter than those around ({_numbers(sample, flashes)}): cut "
            "them out, or replace them by the mean of their neighbours"
        )
    if blank.any():
        problems.append(
            f"{int(blank.sum())} {looked} are blank ({_numbers(sample, blank)}): cut them out, or replace them by the "
            "mean of their neighbours"
        )
    if steps:
        where = ", ".join(str(int(sample.moments[step])) for step in steps[:4])
        problems.append(
            f"the brightness jumps {len(steps)} times (at volume {where}{' ...' if len(steps) > 4 else ''}), as "
            "between trials or when light leaks in: give the first volume of each stretch (data.segments) for dF/F"
        )
    if flicker > FLICKER:
        problems.append(
            f"the brightness of whole volumes fluctuates by {flicker:.0%} from one to the next: divide each by its mean"
        )
    if lost > FADES:
        problems.append(
            f"{lost:.0%} of the light is lost by the end: dF/F needs a running resting light (f0: percentile), and "
            "less light at the microscope helps"
        )
    return Check("brightness", said, figures, ". ".join(problems))


def _numbers(sample: Sample, flags: npt.NDArray[np.bool_]) -> str:
    some = sample.moments[flags]
    return ", ".join(str(int(t)) for t in some[:4]) + (", ..." if some.size > 4 else "")


def steps_of(level: Double) -> list[int]:
    """Where brightness changes from one volume to the next, and stays so.

    Activity rises in a volume, too, but over the next ones it goes on rising or falls.
    """
    if level.size < 4 * SIDE:
        return []
    changes = np.diff(level)
    usual = 1.4826 * float(np.median(np.abs(changes))) + 1e-6
    found: list[int] = []
    for t in range(SIDE, level.size - SIDE + 1):
        before, after = level[t - SIDE : t], level[t : t + SIDE]
        step = float(np.median(after) - np.median(before))
        at_once = float(changes[t - 1]) / step if step else 0.0
        if abs(step) > max(STEP, STEP_SURE * usual) and at_once > AT_ONCE and (not found or t - found[-1] > SIDE):
            found.append(t)
    return found


def flicker_of(sample: Sample) -> float:
    """Standard deviation of whole volumes' brightness that is new in each, as a share of the light.

    It is what both halves of the planes do: the noise of their voxels isn't shared.
    """
    half = sample.mean.shape[1] // 2
    if half == 0:
        return 0.0
    shared = []
    for part in sample.bends:
        upper, lower = (part[:, :, rows].mean(axis=(1, 2, 3)) for rows in (slice(0, half), slice(half, None)))
        shared.append(float((upper * lower).mean()))
    # the median over stretches: a flash or a step is another fault
    return float(np.sqrt(max(np.median(shared), 0))) / sample.light


REPEATED = 0.005
"""Share of volumes that may be the same as the one before; one more in the sample gives a caution."""


def check_repeats(sample: Sample) -> Check:
    """Volumes that are the same as the one before, bit for bit."""
    same = total = 0
    for part in sample.stretches:
        equal = (part[1:] == part[:-1]).all(axis=(1, 2, 3))
        constant = (part[1:] == part[1:, :1, :1, :1]).all(axis=(1, 2, 3))
        same, total = same + int((equal & ~constant).sum()), total + len(equal)
    share = same / max(total, 1)
    said = f"{share:.0%} of the volumes repeat the one before"
    caution = ""
    if share > REPEATED:
        caution = (
            f"{said} ({same} of {total} looked at): dropped frames were filled, or the movie was stretched in time. "
            "Leave the copies out, and give the rate of what is left"
        )
    return Check("repeats", said, {"share": share}, caution)


TURNS, LAGS = 0.7, 5
"""How much smaller the difference of volumes some lag apart must be than at any shorter lag for the movie to be taken
to go in turns (1 where nothing recurs, more where things move), and the longest lag."""


def check_turns(sample: Sample) -> Check:
    """Volumes that go in turns: channels or planes that were taken for time."""
    turns, ratio = turns_of(sample)
    said = (
        f"volumes differ no less after {turns} than after fewer"
        if not turns
        else f"volumes are more alike {turns} apart than nearer ones (differences {ratio:.0%})"
    )
    caution = ""
    if turns:
        caution = (
            f"{said}: {turns} channels or planes were read as time, one after the other. Give their number: "
            f"--channels {turns} or --planes {turns}"
        )
    else:
        said = "volumes do not go in turns"
    return Check("turns", said, {"period": turns, "ratio": ratio}, caution)


def turns_of(sample: Sample) -> tuple[int, float]:
    """Period in which volumes recur (0: none), and the ratio of differences that says so."""
    if sample.small:
        return 0, 1.0
    products: list[list[Double]] = []
    for part in sample.steady:
        if len(part) < LAGS + 1:
            continue
        smooth = ndimage.uniform_filter(part, (0, 0, 5, 5))[:, :, 2::4, 2::4]
        products.append([np.square(smooth[lag:] - smooth[:-lag]).mean(axis=(1, 2, 3)) for lag in range(1, LAGS + 1)])
    if not products:
        return 0, 1.0
    apart = [float(np.median(np.concatenate(each))) for each in zip(*products, strict=True)]
    ratios = [apart[lag] / max(min(apart[:lag]), 1e-30) for lag in range(1, LAGS)]
    best = int(np.argmin(ratios))
    return (best + 2, ratios[best]) if ratios[best] < TURNS else (0, min(ratios))
