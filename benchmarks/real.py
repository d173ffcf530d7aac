"""The engine on recordings, where no truth is known: figures, pictures, and cells that were put in to be found.

    python benchmarks/real.py                                  the mouse recordings of ../shared/data
    python benchmarks/real.py MOVIE.tif --rate 7               another one
    python benchmarks/real.py MOVIE.tif --rate 7 --regions REGIONS.json
    python benchmarks/real.py --inject 30 --snr 5 10           cells put into the recording, with its noise and neuropil
    python benchmarks/real.py --pictures FOLDER                look at them, each time

Of the accepted components: how many are in more than one piece (at 30 % of the peak), have another accepted one within
a cell's width, have a white trace (successive frames correlate by less than 0.1), lie at the border (within 4 voxels);
how many are accepted with the frames in random order, where no transient outlasts a frame; how many of both halves of
the recording agree (`--halves`).

What could be reached stands beside: how many would have another one within a cell's width by chance; how many of the
regions drawn by hand are active at all, beyond what places at random show, and have another region within a width; and
what the true footprint and kinetics make of injected cells' traces, in white noise and in the recording.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

import cnmf3d
from cnmf3d.components import Components
from cnmf3d.engine.deconvolution import Response, deconvolve
from cnmf3d.simulate import Scene, Truth, inject, score
from judging import (
    Active,
    AgainstRegions,
    Judged,
    accepted_of,
    active_in,
    against,
    agreement,
    judge,
    masks_of,
    regions_in,
)
from measuring import machine

HERE = Path(__file__).parent
SHARED = HERE / "../../shared/data"
RATES: Mapping[str, float] = {
    "mouse_two_photon_small_500x64x64_u16": 4.0,
    "mouse_two_photon_TZYX_400x2x128x128_u16": 5.0,
    "mouse_two_photon_full_field_TZYX_240x2x256x256_u16": 5.0,
}
"""Volumes a second, as the recordings' notes say or guess."""
WIDTHS: Mapping[str, float] = {
    "mouse_two_photon_small_500x64x64_u16": 3.0,
    "mouse_two_photon_TZYX_400x2x128x128_u16": 9.0,
    "mouse_two_photon_full_field_TZYX_240x2x256x256_u16": 9.0,
}
"""Diameter of a soma in voxels, by eye."""
BRIGHT = 0.25
"""Share of a plane that counts as bright, for mean and deviation each: injected cells aren't centred there."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Recording:
    """A recording in memory: (T, Z, Y, X), and its rate in Hz."""

    name: str
    movie: Array
    rate: float
    voxel_size: Any

    def with_frames(self, movie: Array) -> cnmf3d.Movie:
        """Other frames, opened as this recording's."""
        return cnmf3d.open_movie(movie, axes="tzyx", rate=self.rate, voxel_size=self.voxel_size)


@dataclass(frozen=True)
class Found:
    """Injected cells that were found: of `cells`, at a trace SNR.

    `white` and `there` are median trace correlations with the true footprint and kinetics, in white noise of that SNR
    and in the recording.
    """

    snr: float
    cells: int
    recall: float
    trace: float
    trace_p5: float
    cosine: float
    white: float
    there: float


@dataclass(frozen=True)
class Row:
    """All figures of one recording; None where they weren't asked for."""

    name: str
    judged: Judged
    seconds: float
    speed: float
    shuffled: int | None = None
    halves: tuple[int, int, int] | None = None
    regions: AgainstRegions | None = None
    active: Active | None = None
    injected: tuple[Found, ...] = ()


def recording_of(path: Path, rate: float | None) -> Recording:
    """Read a recording whole."""
    movie = cnmf3d.open_movie(path)
    rate = rate or movie.rate or RATES.get(path.stem)
    if rate is None:
        raise SystemExit(f"{path} doesn't say its rate: give --rate")
    return Recording(path.stem, np.asarray(movie.read(0, movie.shape[0])), rate, movie.voxel_size)


def found_in(recording: Recording, movie: Array, parameters: Path | None) -> Components:
    """Run the engine on frames."""
    return cnmf3d.run(recording.with_frames(movie), parameters, reporter=cnmf3d.silent).components


def injected_in(recording: Recording, base: Components, given: argparse.Namespace, snr: float) -> Found:
    """Put cells in, run, and score them alone."""
    width = given.cell_width or WIDTHS.get(recording.name) or judge(base).width
    scene = scene_of_cells(recording, given.inject, 10.0 if np.isnan(width) else width)
    edge = max(4, round(width))
    avoid = np.ones(scene.shape, bool)
    avoid[:, edge:-edge, edge:-edge] = False
    if not given.on_cells:
        avoid |= bright_in(recording.movie, width)
    made = inject(recording.movie, scene, snr=snr, seed=given.seed, avoid=avoid)
    of = score(found_in(recording, made.movie, given.parameters), made.truth)
    most = reachable(made.movie, made.truth, snr, given.seed)
    return Found(snr, given.inject, of.accepted.recall, of.trace_median, of.trace_p5, of.cosine, *most)


def reachable(movie: Array, truth: Truth, snr: float, seed: int) -> tuple[float, float]:
    """Median trace correlation that true footprints and kinetics give: in white noise, and in the movie.

    In the movie the mean of a cell's surroundings is taken from its trace, at the weight that is best beside the true
    trace; what else the recording does there (neighbours, neuropil) stays.
    """
    rng = np.random.default_rng(seed)
    flat, shape = movie.reshape(len(movie), -1), movie.shape[1:]
    white, there = [], []
    for k, trace in enumerate(truth.traces):
        footprint = np.asarray(truth.footprints[:, [k]].todense()).reshape(shape)
        inside = footprint > 0.02 * footprint.max()
        far = ndimage.binary_dilation(inside, iterations=max(3, round(np.sqrt(inside.any(axis=0).sum()))))
        around = far & ~ndimage.binary_dilation(inside, iterations=2)
        seen = np.nan_to_num(flat[:, inside.ravel()].astype(np.float64)) @ footprint[inside]
        ring = np.nan_to_num(flat[:, around.ravel()].astype(np.float64)).mean(axis=1)
        known = np.stack([ring - ring.mean(), trace - trace.mean()], axis=1)
        weight = np.linalg.lstsq(known, seen - seen.mean(), rcond=None)[0][0]
        there.append(seen - weight * known[:, 0])
        white.append(trace + rng.normal(0, trace.max() / snr, trace.size))
    rate = truth.rate or 1.0
    decay, rise = (float(np.nanmedian(seconds)) * rate for seconds in (truth.decay, truth.rise))
    medians = []
    for raw in (white, there):
        found = deconvolve(np.array(raw, np.float32), 2, Response(decay, rise)).traces
        medians.append(np.median([np.corrcoef(a, b)[0, 1] for a, b in zip(found, truth.traces, strict=True)]))
    return float(medians[0]), float(medians[1])


def bright_in(movie: Array, width: float) -> npt.NDArray[np.bool_]:
    """Voxels on what is brighter than its surroundings, or varies more, whatever a run makes of it, (Z, Y, X)."""
    occupied = np.zeros(movie.shape[1:], bool)
    for image in images_of(movie):
        near, far = (ndimage.gaussian_filter(image, (0, sigma, sigma)) for sigma in (width / 4, width))
        occupied |= near - far > np.quantile(near - far, 1 - BRIGHT, axis=(1, 2), keepdims=True)
    return occupied


def images_of(movie: Array) -> tuple[Array, Array]:
    """Mean and deviation over time, (Z, Y, X), some frames at a time; 0 where nothing was ever seen."""
    sums = np.zeros((2, *movie.shape[1:]))
    count = np.zeros(movie.shape[1:])
    usual = np.nan_to_num(movie[0].astype(np.float64))
    for start in range(0, len(movie), 50):
        part = movie[start : start + 50] - usual
        seen = np.isfinite(part)
        part[~seen] = 0
        sums += part.sum(axis=0), (part**2).sum(axis=0)
        count += seen.sum(axis=0)
    mean, square = sums / np.maximum(count, 1)
    return np.where(count > 0, mean + usual, 0), np.sqrt(np.maximum(square - mean**2, 0))


def scene_of_cells(recording: Recording, cells: int, width: float) -> Scene:
    """Cells of a width, in voxels; two planes share most of them, as those of the mouse recordings do."""
    frames, *shape = recording.movie.shape
    flat = shape[0] == 1
    blur = min(0.8, width / 12)
    return Scene(
        size=tuple(shape[::-1]),
        frames=frames,
        rate=recording.rate,
        cells=cells,
        cell_size=(width / 3, width / 3, 0.25 if flat else max(0.7, width / 8)),
        blur=(blur, blur, 0.0 if flat else blur),
        oversampling=3,
        separation=2.0,
    )


def row_of(recording: Recording, given: argparse.Namespace) -> Row:
    """Measure all that is asked for."""
    began = time.perf_counter()
    base = found_in(recording, recording.movie, given.parameters)
    seconds = time.perf_counter() - began
    shuffled = halves = regions = active = None
    if not given.no_shuffle:
        order = np.random.default_rng(given.seed).permutation(len(recording.movie))
        shuffled = int(found_in(recording, recording.movie[order], given.parameters).accepted.sum())
    if given.halves:
        half = len(recording.movie) // 2
        parts = [
            found_in(recording, part, given.parameters) for part in (recording.movie[:half], recording.movie[half:])
        ]
        halves = agreement(*parts)
    if given.regions is not None:
        drawn = regions_in(given.regions, recording.movie.shape[2:])
        regions = against([mask.any(axis=0) for mask in masks_of(accepted_of(base))], drawn)
        active = active_in(recording.movie[:, 0], drawn, recording.rate, judge(base).width, given.seed)
    if given.pictures is not None:
        picture(recording, base, given.pictures)
    injected = tuple(injected_in(recording, base, given, snr) for snr in given.snr) if given.inject else ()
    speed = recording.movie.size / seconds / 1e6
    return Row(recording.name, judge(base), seconds, speed, shuffled, halves, regions, active, injected)


def picture(recording: Recording, components: Components, folder: Path) -> None:
    """Draw mean and deviation of each plane with outlines of the accepted; the fifth with the highest SNR in red."""
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    some = accepted_of(components)
    order = np.argsort(-some.quality["snr"]) if some.count else np.zeros(0, int)
    masks = masks_of(some)
    movie = recording.movie
    images = images_of(movie)
    figure = Figure(figsize=(20, 10 * movie.shape[1]), layout="tight")
    axes = figure.subplots(movie.shape[1], 2, squeeze=False)
    for z, panels in enumerate(axes):
        for panel, volume in zip(panels, images, strict=True):
            low, high = np.percentile(volume[z], (1, 99.5))
            panel.imshow(volume[z], cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
        for rank, k in enumerate(order):
            outline(panels[1], masks[k][z], "red" if rank < len(order) / 5 else "cyan")
    axes[0, 0].set_title(f"{recording.name}: mean")
    axes[0, 1].set_title(f"deviation, {some.count} accepted; red: the fifth with the highest SNR")
    figure.savefig(folder / f"{recording.name}.png", dpi=50)


def outline(panel: Any, mask: npt.NDArray[np.bool_], colour: str) -> None:
    """Draw the border of a mask, (Y, X), from the box that it is in."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return
    box = np.pad(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    x, y = np.arange(box.shape[1]) + columns[0] - 1, np.arange(box.shape[0]) + rows[0] - 1
    panel.contour(x, y, box, [0.5], colors=colour, linewidths=0.8)


def table(rows: list[Row]) -> list[str]:
    """Markdown: a line for each recording; then regions and injected cells."""
    titles = (
        "accepted", "in pieces", "another within a width", "by chance", "white", "at the border", "frames shuffled",
        "halves: first, second, both", "width", "voxels", "seconds", "million voxel-frames/s",
    )  # fmt: skip
    lines = [f"| | {' | '.join(titles)} |", "|" + "---|" * (len(titles) + 1)]
    for row in rows:
        of = row.judged
        halves = "–" if row.halves is None else ", ".join(map(str, row.halves))
        counts = [of.accepted, of.in_pieces, of.doubled, round(of.by_chance), of.white, of.at_border]
        cells = [*map(str, counts), "–" if row.shuffled is None else str(row.shuffled), halves]
        cells += [f"{of.width:.1f}", f"{of.size:.0f}", f"{row.seconds:.1f}", f"{row.speed:.1f}"]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return [*lines, *_regions(rows), *_injected(rows)]


def _regions(rows: list[Row]) -> list[str]:
    """Markdown: agreement with regions drawn by hand."""
    lines = ["", "| | regions | recall | precision | F1 | regions with IoU > 0.5 |", "|" + "---|" * 6]
    more = [""]
    for row in rows:
        if (of := row.regions) is not None and (active := row.active) is not None:
            ratios = (of.recall, of.precision, of.f1, of.overlapping)
            lines.append(f"| {row.name} | {of.regions} | {' | '.join(f'{value:.2f}' for value in ratios)} |")
            more.append(
                f"{row.name}: {active.drawn:.2f} of the regions outlast noise, of the same shapes elsewhere "
                f"{active.elsewhere:.2f}: about {active.share:.2f} are active. With these and no false component F1 "
                f"is {2 * active.share / (1 + active.share):.2f}. {active.close:.2f} of the regions have another "
                f"one within {row.judged.width:.1f} pixels."
            )
    return [*lines, *more] if len(lines) > 3 else []


def _injected(rows: list[Row]) -> list[str]:
    """Markdown: what was found of injected cells."""
    lines = [
        "",
        "| injected into | SNR | cells | recall | trace median | trace 5 % | cosine "
        "| true footprint: trace in white noise | in the recording |",
        "|" + "---|" * 9,
    ]
    for row in rows:
        for of in row.injected:
            ratios = (of.recall, of.trace, of.trace_p5, of.cosine, of.white, of.there)
            figures = " | ".join("–" if np.isnan(value) else f"{value:.3f}" for value in ratios)
            lines.append(f"| {row.name} | {of.snr:g} | {of.cells} | {figures} |")
    return lines if len(lines) > 3 else []


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movies", nargs="*", type=Path, help="by default the mouse recordings of ../shared/data")
    parser.add_argument("--rate", type=float, help="Hz, where the recording doesn't say it")
    parser.add_argument("--parameters", type=Path, help="parameters in a file; by default all are automatic")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="draw mean and deviation with outlines")
    parser.add_argument("--regions", type=Path, help="regions drawn by hand (JSON), of one plane")
    parser.add_argument("--no-shuffle", action="store_true")
    parser.add_argument("--halves", action="store_true", help="run on both halves, too")
    parser.add_argument("--inject", type=int, default=0, metavar="N", help="put N known cells in")
    parser.add_argument(
        "--snr", type=float, nargs="+", default=[5.0], help="peak of their traces over the noise of these"
    )
    parser.add_argument("--cell-width", type=float, help="voxels; by default that of the accepted components")
    parser.add_argument("--on-cells", action="store_true", help="put them on accepted components, too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write all rows there, too, after each recording")
    return parser.parse_args()


def main() -> None:
    """Print the tables."""
    given = arguments()
    rows: list[Row] = []
    for path in given.movies or [SHARED / f"{name}.tif" for name in RATES]:
        if not path.exists():
            print(f"skipped {path}: it isn't there", file=sys.stderr)
            continue
        rows.append(row_of(recording_of(path, given.rate), given))
        print(f"{rows[-1].name}: {rows[-1].judged}, shuffled {rows[-1].shuffled}", file=sys.stderr, flush=True)
        if given.json:
            given.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    print("\n".join([f"## Recordings: {machine()}", "", *table(rows)]))


if __name__ == "__main__":
    main()
