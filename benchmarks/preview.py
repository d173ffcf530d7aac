"""Seconds of a preview: 64 × 64 × 8 voxels, 600 volumes, as the viewer's form computes it.

``python benchmarks/preview.py [--repeats 5] [--json FILE]``

*first* starts the process, reads and computes everything; *form open before* is the same with the process started when
the form was seen, as the viewer does; *thresholds* changes what only judges; *cell size* changes
what everything depends on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

from cnmf3d.movies import open_movie
from cnmf3d.parameters import CnmfParameters, read_parameters
from cnmf3d.viewer.controllers.preview import Answer, Preview, Wish
from cnmf3d.viewer.models.region import Region
from cnmf3d.viewer.tasks import Tasks
from measuring import movie_of

READY = 8.0
"""Seconds that somebody looks at the form before asking."""

REGION = Region((0, 600), (2, 10), (10, 74), (10, 74))


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--repeats", type=int, default=5)
    words.add_argument("--json", type=Path)
    given = words.parse_args()
    figures = measured(movie_of("small"), given.repeats)
    print("| preview of 64 × 64 × 8 × 600 | median, s | slowest, s |\n|---|---|---|")
    for name, seconds in figures.items():
        print(f"| {name} | {statistics.median(seconds):.2f} | {max(seconds):.2f} |")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1))


def measured(path: Path, repeats: int) -> dict[str, list[float]]:
    """Seconds of each kind of preview."""
    out: dict[str, list[float]] = {"first": [], "form open before": [], "thresholds": [], "cell size": []}
    for turn in range(repeats):
        asking = Asking(path)
        out["first"].append(asking.seconds(CnmfParameters()))
        out["thresholds"].append(asking.seconds(read_parameters({"min_SNR": 4.0 + turn})))
        out["cell size"].append(asking.seconds(read_parameters({"gSig": (4.0, 4.0, 1.5)})))
        asking.close()
        ready = Asking(path)
        ready.preview.warm_up()
        time.sleep(READY)
        out["form open before"].append(ready.seconds(CnmfParameters()))
        ready.close()
    return out


class Asking:
    """A preview, asked as the window does."""

    def __init__(self, path: Path) -> None:
        self.path, self.movie, self.tasks = path, open_movie(path), Tasks()
        self.preview, self.answers = Preview(self.tasks), list[Answer]()
        self.preview.answered.connect(self.answers.append)

    def seconds(self, parameters: CnmfParameters) -> float:
        """Wall time from the wish to the answer."""
        begin, before = time.perf_counter(), len(self.answers)
        self.preview.ask(Wish(self.movie, str(self.path), {}, REGION, parameters))
        while self.preview.busy:
            self.tasks.deliver()
            time.sleep(0.002)
        if len(self.answers) == before:
            raise SystemExit("the preview failed")
        return time.perf_counter() - begin

    def close(self) -> None:
        """End its process."""
        self.preview.close()
        self.tasks.close()


if __name__ == "__main__":
    main()
