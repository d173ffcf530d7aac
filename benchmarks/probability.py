"""The probability that a component is a cell: fitted on simulations, and how well it is calibrated on others.

    python benchmarks/probability.py                 calibration of the model in use, on presets it wasn't fitted to
    python benchmarks/probability.py --fit           the numbers for `engine/evaluation/probability.py`
    python benchmarks/probability.py --real MOVIE REGIONS.json --fps 7    a recording with regions drawn by hand

A component of a simulation is a cell where it matches one (footprint cosine from 0.5, one to one); components on
something real that isn't asked for are left out. The model is fitted to the presets of `FITTED` and judged on those of
`HELD_OUT`, which have other movies, other faults and other seeds. What the engine measures of each movie's components
is kept in `benchmarks/.cache`.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import cnmf3d
from cnmf3d.errors import Cnmf3dError
from cnmf3d.simulate import load_truth, scene_of
from cnmf3d.simulate.scoring import MATCH
from cnmf3d.simulate.similarity import assign, unit
from cnmf3d.simulate.unasked import on_active
from measuring import CACHE, movie_of

Array = np.ndarray[Any, Any]

FITTED = (
    ("tiny", 0), ("small", 0), ("dim", 0), ("neuropil", 0), ("photons", 0), ("photons_empty", 0), ("jitter06", 0),
    ("jitter10", 0), ("silent", 0), ("trials", 0), ("planes", 0), ("toy3d", 0), ("borders", 0), ("short", 0),
    ("mixed", 0), ("startles", 0), ("beads", 0),
)  # fmt: skip
HELD_OUT = (
    ("tiny", 7), ("dim", 7), ("photons_blurred", 7), ("photons_skewed", 7), ("jitter03", 7), ("jitter10", 7),
    ("warp", 7), ("drift", 7), ("flicker", 7), ("detector", 7), ("borders_nan", 7), ("zebrafish", 7), ("mixed", 7),
    ("silent", 7), ("toy2d", 7), ("dense", 7),
)  # fmt: skip
LARGEST = {
    "small": {"frames": "300"},
    "dense": {"frames": "300"},
    "dim": {"frames": "400"},
    "neuropil": {"frames": "300"},
}
"""Scenes that are made shorter: it is their components that count."""
RIDGE = 1.0
"""Prior precision of a weight, of a feature of variance one."""
BINS = 10


def components_of(preset: str, seed: int) -> tuple[dict[str, Array], Array, Array, int]:
    """Measures of a movie's components by name, which are cells, which are accepted, and time bins."""
    scene = scene_of(preset, LARGEST.get(preset, {}))
    movie = movie_of(preset, scene, seed)
    kept = CACHE / f"p_cell-{movie.stem}.npz"
    if not kept.exists():
        truth = load_truth(movie.with_suffix(".truth.h5"))
        try:
            found = cnmf3d.run(cnmf3d.open_movie(movie), workers=1).components
        except Cnmf3dError as error:
            print(f"{preset} {seed}: {error.problem}", file=sys.stderr)
            np.savez(kept, cell=np.zeros(0), accepted=np.zeros(0, bool))
            return components_of(preset, seed)
        ours, real = unit(found.footprints), unit(truth.footprints)
        label = np.zeros(found.count)
        if truth.count and found.count:
            label[assign((ours.T @ real).toarray().astype(float), MATCH)[0]] = 1
        if found.count:
            label[(label == 0) & on_active(found, ours, truth.others)] = np.nan
        np.savez(kept, cell=label, accepted=found.accepted, **{f"q_{k}": v for k, v in found.quality.items()})
    with np.load(kept) as data:
        quality = {name[2:]: data[name] for name in data.files if name.startswith("q_")}
        return quality, data["cell"], data["accepted"], 0
