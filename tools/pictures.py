"""The pictures of README and documentation, from the demonstration's results: `python tools/pictures.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import cnmf3d
from cnmf3d.results.report import figures


def main(results: Path, folder: Path) -> None:
    """Write the overview, and the traces of a few cells from bright to dim."""
    found = cnmf3d.load_results(results)
    folder.mkdir(parents=True, exist_ok=True)
    figures.overview(found, "correlation", numbers=False).savefig(folder / "overview.png", dpi=55)
    order = np.argsort(-found.components.quality["snr"])
    chosen = [int(k) for k in order[:: max(1, len(order) // 4)][:4]]
    figures.traces(found, chosen, {}).savefig(folder / "traces.png", dpi=80)


if __name__ == "__main__":
    given = [Path(word) for word in sys.argv[1:]]
    main(*(given or [Path("demo-output/demo.hdf5"), Path("docs/images")]))
