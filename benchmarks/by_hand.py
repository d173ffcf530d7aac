"""ROIs made by hand, against those that a run found. `python benchmarks/by_hand.py MOVIE RESULTS [--json] [--most N]`.

Each cell is taken away and added again by a click beside its middle; neighbours that overlap are merged and split
again.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cnmf3d import load_results, open_movie
from cnmf3d.components import Components
from cnmf3d.engine import demix_rois
from cnmf3d.errors import Cnmf3dError
from cnmf3d.movies import Movie
from cnmf3d.results.curation.making import merged, parted, watershed_parts
from cnmf3d.results.curation.scene import cell_reach, ellipsoid, scene_of
from cnmf3d.results.curation.session import CurationSession
from cnmf3d.results.footprints import columns_of, footprints_of

OVERLAP = 0.05
"""Cosine of two footprints from which they are neighbours."""


@dataclass
class Agreement:
    """How well ROIs agree with those that they should be."""

    asked: int = 0
    traces: list[float] = field(default_factory=list)
    cosines: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, truth: Components, found: Components) -> None:
        """Compare ROIs one to one, in the order that fits best."""
        alike = np.corrcoef(np.concatenate([truth.raw, found.raw]))[: truth.count, truth.count :]
        order = range(truth.count) if truth.count < 2 or alike.trace() >= alike[::-1].trace() else (1, 0)
        for mine, theirs in enumerate(order):
            one, other = truth.footprints[:, [mine]], found.footprints[:, [theirs]]
            self.traces.append(float(alike[mine, theirs]))
            self.cosines.append(float((one.T @ other).toarray()[0, 0]))

    def told(self) -> dict[str, float]:
        """Medians and the worst."""
        return {
            "asked": self.asked,
            "trace, median": round(float(np.median(self.traces)), 4),
            "trace, 5th percentile": round(float(np.percentile(self.traces, 5)), 4),
            "trace, least": round(min(self.traces), 4),
            "footprint cosine, median": round(float(np.median(self.cosines)), 4),
            "footprint cosine, 5th percentile": round(float(np.percentile(self.cosines, 5)), 4),
            "seconds each, median": round(float(np.median(self.seconds)), 2),
        }


def clicks(movie: Movie, session: CurationSession, most: int) -> Agreement:
    """Cells taken away and clicked again, two voxels beside their middle along x and y."""
    rng, out = np.random.default_rng(0), Agreement()
    reach = cell_reach(session.results)
    for roi in session.ids[session.accepted][:most]:
        middle = session.centroids[session.positions([roi])[0]] + rng.choice([-1, 1], 3) * [0, 2, 2]
        z, y, x = (int(np.clip(round(v), 0, n - 1)) for v, n in zip(middle, session.shape, strict=True))
        start = ellipsoid(session.shape, (z, y, x), reach)
        others = session.components(session.ids[session.ids != roi])
        out.asked += 1
        begin = time.perf_counter()
        try:
            found = demix_rois(movie, scene_of(session.results, others, start, start, fixed=False))
        except Cnmf3dError as error:
            print(f"ROI {roi}: {error.problem}")
            continue
        out.seconds.append(time.perf_counter() - begin)
        out.add(session.components([roi]), found)
    return out


def splits(movie: Movie, session: CurationSession, most: int) -> Agreement:
    """Overlapping neighbours merged without the movie, and split with it."""
    out = Agreement()
    footprints = session.footprints
    gram = np.triu((footprints.T @ footprints).toarray(), 1)
    for pair in session.ids[np.argwhere(gram > OVERLAP)][:most]:
        truth = session.components(pair)
        one = merged(truth)
        out.asked += 1
        hills = watershed_parts(one, 2)
        if len(hills) < 2:
            print(f"ROIs {pair.tolist()}: one hill")
            continue
        [column] = columns_of(one.footprints)
        whole = footprints_of([(column.voxels, np.ones(column.voxels.size))] * 2, one.footprints.shape[0])
        others = session.components(np.setdiff1d(session.ids, pair))
        scene = scene_of(session.results, others, parted(one, hills).footprints, whole, fixed=False)
        begin = time.perf_counter()
        found = demix_rois(movie, scene)
        out.seconds.append(time.perf_counter() - begin)
        out.add(truth, found)
    return out


def main() -> None:
    """Print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("movie", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--most", type=int, default=40)
    given = parser.parse_args()
    movie, session = open_movie(given.movie), CurationSession.from_results(load_results(given.results))
    told = {
        "clicked again": clicks(movie, session, given.most).told(),
        "merged and split again": splits(movie, session, given.most).told(),
    }
    if given.json:
        print(json.dumps(told))
        return
    for title, values in told.items():
        print(title)
        for name, value in values.items():
            print(f"  {name:34} {value}")


if __name__ == "__main__":
    main()
