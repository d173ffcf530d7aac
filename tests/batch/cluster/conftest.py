"""A batch whose path and names hold everything that shells and SLURM trip over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cnmf3d.batch import Batch, Item
from cnmf3d.simulate import simulate

NAMES = ("-möuse $(touch made) 'a'", 'b"\n#SBATCH --partition=x')


@pytest.fixture(scope="session")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A very small movie, with its sidecar."""
    path = tmp_path_factory.mktemp("a möuse") / "m.tif"
    simulate(path, "tiny", seed=2, overrides={"size": "28,28,6", "cells": "6", "frames": "200"})
    return path


@pytest.fixture(scope="session")
def longer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A movie that takes several seconds."""
    path = tmp_path_factory.mktemp("longer") / "m.tif"
    simulate(path, "tiny", seed=2, overrides={"size": "60,60,10", "cells": "25", "frames": "6000"})
    return path


@pytest.fixture
def batch(tmp_path: Path, movie: Path) -> Iterator[Batch]:
    """Two items."""
    with Batch.create(tmp_path / "week 5 'ä' $HOME (x)\n--wrap") as made:
        for name in NAMES:
            made.add(movie, name=name)
        yield made


@pytest.fixture
def items(batch: Batch) -> list[Item]:
    return batch.items()
