"""Figures of the viewer: 10,000 ROIs x 2,000 frames on 30 x 512 x 512, on a real window (under Xvfb: software OpenGL).

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/viewer.py
    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/viewer.py --rois 2000 --json
    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/viewer.py --movie FILE

Before something is opened the window is left alone for three seconds, in which it gets ready for its first layers.
Traces are read when they are looked at: opening is without them.

The movie is a sparse file: it has its full length, but most of its frames take no room on the disk and are zero.
Seconds are the wall's and the processor's: on a machine that others use, the latter say what the step costs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnmf3d.components import Background, Components, Kinetics
from cnmf3d.geometry import ZYX
from cnmf3d.results import Provenance, Results, write_results
from measuring import machine

SHAPE = (30, 512, 512)
FRAMES = 2000
LARGE = 4000
"""Frames of a movie that is larger than memory: 63 GB."""

GOALS = {
    "window": 6.0,
    "large movie": 2.0,
    "open": 2.0,
    "select": 0.05,
    "recolour": 0.2,
    "z step": 0.06,
    "t step": 0.06,
}
"""Seconds to reach."""


@dataclass(frozen=True)
class Seconds:
    """What a step takes.

    Attributes
    ----------
    wall, processor : float
    """

    wall: float
    processor: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rois", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=30, help="of each step")
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--movie", type=Path, help="only open this movie: seconds, wall's and processor's, to its picture"
    )
    given = parser.parse_args()
    if given.movie is not None:
        print(*asdict(movie_time(given.movie)).values())
        return
    with tempfile.TemporaryDirectory(prefix="cnmf3d-viewer-") as folder:
        path = write_volume(Path(folder), given.rois)
        figures = {"window": middle([start_time() for _ in range(given.starts)])}
        figures["large movie"] = own_process(__file__, "--movie", str(write_large(Path(folder))))
        figures |= window_figures(path, given.repeats)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    if given.json:
        told = {name: asdict(each) for name, each in figures.items()}
        print(json.dumps({"machine": machine(), "load": load, "rois": given.rois, "seconds": told, "goals": GOALS}))
        return
    print(f"{machine()}, load {load:.1f}")
    print(f"{given.rois} ROIs x {FRAMES} frames on {' x '.join(map(str, SHAPE))} (z, y, x); medians, ms")
    print(f"{'':16} {'wall':>8} {'processor':>10} {'goal':>8}")
    for name, each in figures.items():
        goal = f"{1000 * GOALS[name]:8.0f}" if name in GOALS else ""
        print(f"{name:16} {1000 * each.wall:8.0f} {1000 * each.processor:10.0f} {goal}")


def write_volume(folder: Path, count: int) -> Path:
    """Write results of so many round ROIs, and the movie beside them; the results file."""
    movie = folder / "movie.npy"
    array = np.lib.format.open_memmap(movie, "w+", np.uint16, (FRAMES, *SHAPE))
    rng = np.random.default_rng(0)
    results = results_of(count, rng)
    light = 3000 * (results.components.footprints @ np.ones(count, np.float32)).reshape(SHAPE)
    volume = rng.poisson(np.minimum(150 + light, 3000)).astype(np.uint16)
    for frame in np.linspace(0, FRAMES - 1, 13).astype(int):
        array[frame] = volume
    array.flush()
    del array
    movie.with_suffix(".json").write_text('{"fps": 10.0, "voxel_size": [1.0, 1.0, 4.0]}')
    path = folder / "movie.cnmf3d.hdf5"
    write_results(results, path)
    return path


def results_of(count: int, rng: np.random.Generator) -> Results:
    """Results of random numbers: footprints of 6 pixels' radius over three planes."""
    from scipy import sparse

    z, y, x = np.mgrid[-1:2, -6:7, -6:7]
    inside = (3 * z) ** 2 + y**2 + x**2 <= 36
    z, y, x = z[inside], y[inside], x[inside]
    centres = [rng.integers(edge, length - edge, count)[:, None] for edge, length in zip((1, 6, 6), SHAPE, strict=True)]
    voxels = ((centres[0] + z) * SHAPE[1] + centres[1] + y) * SHAPE[2] + centres[2] + x
    weights = np.exp(-((3 * z) ** 2 + y**2 + x**2) / 25).astype(np.float32)
    weights /= np.linalg.norm(weights)
    size = len(weights)
    order = np.argsort(voxels, axis=1)
    footprints = sparse.csc_array(
        (
            np.broadcast_to(weights, voxels.shape).copy()[np.arange(count)[:, None], order].ravel(),
            np.take_along_axis(voxels, order, axis=1).ravel(),
            np.arange(count + 1) * size,
        ),
        shape=(int(np.prod(SHAPE)), count),
    )

    def values(*shape: int) -> Any:
        return rng.random(shape, np.float32)

    none = np.zeros((count, 0), np.float32)
    return Results(
        Components(
            shape=SHAPE,
            footprints=footprints,
            traces=values(count, FRAMES),
            residuals=values(count, FRAMES),
            spikes=values(count, FRAMES),
            background=Background(np.zeros((int(np.prod(SHAPE)), 1), np.float32), np.ones((1, FRAMES), np.float32)),
            kinetics=Kinetics(none, *(np.zeros(count, np.float32) for _ in range(4))),
            dff=values(count, FRAMES),
            quality={"snr": 10 * values(count), "r_value": values(count), "reliability": values(count)},
            accepted=rng.random(count) < 0.8,
        ),
        parameters={},
        rate=10.0,
        voxel_size=ZYX(4.0, 1.0, 1.0),
        projections={"mean": values(*SHAPE), "correlation": values(*SHAPE)},
        provenance=Provenance(input_paths=("movie.npy",), fingerprint="0" * 32),
    )


def start_time() -> Seconds:
    """From the start of a process to a window that is drawn."""
    code = (
        "import psutil, time; from cnmf3d.viewer.qt.window import Window; from qtpy.QtWidgets import QApplication;"
        "w = Window(); QApplication.processEvents(); me = psutil.Process(); used = me.cpu_times();"
        "print(time.time() - me.create_time(), used.user + used.system); w.close()"
    )
    return own_process("-c", code)


def own_process(*arguments: str) -> Seconds:
    """What a Python of its own measures and prints."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    wall, processor = done.stdout.split()[-2:]
    return Seconds(float(wall), float(processor))


def drawn() -> None:
    """Let the window draw what changed."""
    from qtpy.QtWidgets import QApplication

    QApplication.processEvents()
    QApplication.processEvents()


def idle(seconds: float = 3.0) -> None:
    """Leave the window alone: it loads what it needs for the first layer."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        drawn()
        time.sleep(0.05)


def open_all(app: Any, path: Path) -> None:
    """Open something, until everything of it is on the screen."""
    app.open(path)
    while app.tasks.running:
        drawn()
        time.sleep(0.02)
    drawn()


def write_large(folder: Path) -> Path:
    """Write a movie that is larger than memory, of which only the first frames take room on the disk."""
    movie = folder / "large.npy"
    array = np.lib.format.open_memmap(movie, "w+", np.uint16, (LARGE, *SHAPE))
    array[:3] = np.random.default_rng(0).poisson(300, SHAPE)
    return movie


def movie_time(path: Path) -> Seconds:
    """From the double-click on a movie to its picture, in a window of its own."""
    from cnmf3d.viewer.qt.window import Window

    window = Window()
    idle()
    taken = timed(lambda: open_all(window.app, path))
    assert window.app.movie is not None and "movie" in window.viewer.layers
    window.close()
    return taken


def window_figures(path: Path, repeats: int) -> dict[str, Seconds]:
    """Each step in one window."""
    from cnmf3d.movies import open_movie
    from cnmf3d.viewer.qt.window import Window

    window = Window()
    app, viewer = window.app, window.viewer
    first = timed(lambda: open_movie(path.with_name("movie.npy")).read(0, 1).sum())
    idle()
    whole = timed(lambda: open_all(app, path))
    figures = {
        "first frame": first,
        "open": Seconds(whole.wall - first.wall, whole.processor - first.processor),
    }
    store, rng = app.rois, np.random.default_rng(1)
    assert store is not None
    some = rng.permutation(store.ids)[:repeats]
    ways = ["index", "metric snr", "verdict", "index, in order"] * (repeats // 4)
    table, camera = window.docks["ROIs"].table, viewer.scene.camera

    def colour(way: str) -> None:
        app.overlay.colour = way
        drawn()

    def step(axis: int, to: int) -> None:
        viewer.dims.set_current_step(axis, to)
        drawn()

    def turn(angle: float) -> None:
        camera.angles = (0, angle, 60)
        drawn()

    figures["select"] = median(lambda roi: (store.select([int(roi)]), drawn()), some)
    figures["pick a voxel"] = median(lambda roi: store.at(*_centre(store, int(roi))), some)
    figures["recolour"] = median(colour, ways)
    figures["correlate"] = median(colour, ["correlation", "verdict"] * 3)
    figures["z step"] = median(lambda z: step(1, z % SHAPE[0]), range(repeats))
    figures["t step"] = median(lambda t: step(0, t), range(repeats))
    figures["sort the table"] = median(lambda column: (table.sortByColumn(column, _order()), drawn()), [2, 3, 4, 5])
    figures["judge all"] = median(lambda cut: (store.judge(store.metrics["snr"] > cut), drawn()), [1, 2, 3, 4])
    viewer.dims.ndisplay = 3
    drawn()
    figures["turn in 3D"] = median(turn, range(5, 15))
    app.confirm = lambda question: "discard"
    window.close()
    return figures


def timed(act: Callable[[], object]) -> Seconds:
    """What something takes."""
    wall, processor = time.perf_counter(), time.process_time()
    act()
    return Seconds(time.perf_counter() - wall, time.process_time() - processor)


def middle(several: list[Seconds]) -> Seconds:
    """Medians."""
    return Seconds(*(statistics.median(getattr(each, name) for each in several) for name in ("wall", "processor")))


def median(act: Callable[[Any], object], values: Iterable[Any]) -> Seconds:
    """Medians of a step, without the first time."""
    several = [timed(lambda value=value: act(value)) for value in values]  # type: ignore[misc]
    return middle(several[1:])


def _centre(store: Any, roi: int) -> tuple[int, int, int]:
    z, y, x = (round(float(v)) for v in store.centroids[store.positions([roi])[0]])
    return (z, y, x)


def _order() -> Any:
    from qtpy.QtCore import Qt

    return Qt.SortOrder.DescendingOrder


if __name__ == "__main__":
    main()
