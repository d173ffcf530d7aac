"""Noise of recordings beside that of the simulator's presets: one row of figures for each movie.

    python benchmarks/noise.py                      the recordings of ../shared/data and all presets
    python benchmarks/noise.py MOVIE.tif ...        these recordings instead
    python benchmarks/noise.py --presets cortex fly these presets

Figures, in medians over pixels where there is one for each pixel:

- neighbours along x and y: correlation of neighbouring pixels in differences of successive frames;
- skewness of a pixel over time;
- zeros: share of the voxels whose count is exactly 0;
- lag 1: correlation of successive frames at quiet pixels: of the third that is whitest in the first half of the
  recording, in the second half;
- frame: standard deviation over time of the frame's mean, in % of the movie's mean (with the detector's offset); slow
  changes (over more than 10 frames) are left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

import cnmf3d
from cnmf3d.simulate import KIND, PRESETS, draw

HERE = Path(__file__).parent
SHARED = HERE / "../../shared/data"
MOST_VALUES = 1e7
"""Values of a movie that are looked at: successive frames from its middle."""
QUIET = 1 / 3
SLOW = 10.0
"""Frames over which the course of the whole frame is smoothed to leave out slow changes."""

Movie = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Noise:
    """Figures of one movie; see above."""

    along_x: float
    along_y: float
    skewness: float
    zeros: float
    lag_1: float
    frame: float


def noise_of(movie: Movie) -> Noise:
    """Measure the noise of a movie.

    Parameters
    ----------
    movie : (T, Z, Y, X) float32
        Counts; NaN where nothing was seen.
    """
    seen = np.isfinite(movie).all(axis=0) & (movie.min(axis=0) < movie.max(axis=0))
    course = np.nanmean(movie, axis=(1, 2, 3))
    steps = np.diff(movie, axis=0)
    steps -= np.diff(course)[:, None, None, None]
    pixels = movie[:, seen]
    centred = pixels - pixels.mean(axis=0)
    deviation = np.maximum(centred.std(axis=0), 1e-6)
    quick = course - ndimage.gaussian_filter1d(course, SLOW)
    return Noise(
        along_x=_neighbours(steps, seen, 3),
        along_y=_neighbours(steps, seen, 2),
        skewness=float(np.median((centred**3).mean(axis=0) / deviation**3)),
        zeros=float((movie == 0).mean()),
        lag_1=_lag(centred),
        frame=float(quick.std() / max(course.mean(), 1e-6) * 100),
    )


def _neighbours(steps: Movie, seen: npt.NDArray[np.bool_], axis: int) -> float:
    """Median over pairs of neighbours of the correlation of their differences of frames."""
    low, high = (np.moveaxis(steps, axis, -1)[..., part] for part in (slice(None, -1), slice(1, None)))
    both = np.moveaxis(seen, axis - 1, -1)
    pairs = both[..., :-1] & both[..., 1:]
    if not pairs.any():
        return float("nan")
    a, b = low[:, pairs], high[:, pairs]
    return float(np.median((a * b).sum(axis=0) / np.maximum(np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0)), 1e-9)))


def _lag(centred: npt.NDArray[np.float32]) -> float:
    """Median correlation of successive frames at quiet pixels."""
    halves = []
    for part in np.array_split(centred, 2):
        part = part - part.mean(axis=0)
        halves.append((part[1:] * part[:-1]).sum(axis=0) / np.maximum((part**2).sum(axis=0), 1e-9))
    quiet = halves[0] <= np.quantile(halves[0], QUIET)
    return float(np.median(halves[1][quiet]))


def middle(frames: int, voxels: int) -> tuple[int, int]:
    """First and last frame of the stretch that is looked at."""
    number = min(frames, max(100, int(MOST_VALUES / voxels)))
    start = (frames - number) // 2
    return start, start + number


def of_recordings(paths: Iterable[Path]) -> Iterator[tuple[str, Movie]]:
    """Recordings that are there."""
    for path in paths:
        if not path.exists():
            print(f"skipped {path}: it isn't there", file=sys.stderr)
            continue
        movie = cnmf3d.open_movie(path)
        frames, *shape = movie.shape
        yield path.stem, movie.read(*middle(frames, int(np.prod(shape)))).astype(np.float32)


def of_presets(names: Iterable[str], seed: int) -> Iterator[tuple[str, Movie]]:
    """Movies of presets."""
    for name in names:
        recording = draw(PRESETS[name], seed)
        span = middle(recording.scene.frames, recording.truth.voxels)
        yield f"`{name}`", np.stack([recording.frame(k) for k in range(*span)]).astype(np.float32)


def row(name: str, figures: Noise) -> str:
    """Markdown: one line."""
    cells = [f"{value:.2f}" for value in astuple(figures)]
    cells[3], cells[5] = f"{100 * figures.zeros:.1f}", f"{figures.frame:.1f}"
    return f"| {name} | {' | '.join(cells)} |"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movies", nargs="*", type=Path, help="recordings; by default those of ../shared/data")
    parser.add_argument("--presets", nargs="*", choices=list(PRESETS), help="by default the hard ones and small")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    given = arguments()
    paths = given.movies or [*sorted(SHARED.glob("mouse*.tif")), *sorted(SHARED.glob("zebrafish*.tif"))]
    names: Any = given.presets
    if names is None:
        names = ["small", *(name for name in PRESETS if name not in KIND)]
    titles = ("neighbours, x", "y", "skewness", "zeros, %", "lag 1", "frame, %")
    print(f"| | {' | '.join(titles)} |\n|{'---|' * 7}")
    for source in (of_recordings(paths), of_presets(names, given.seed)):
        for name, movie in source:
            print(row(name, noise_of(movie)), flush=True)


if __name__ == "__main__":
    main()
