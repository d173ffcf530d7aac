"""A project with columns, results to put in, and a movie that they are from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cnmf3d.movies import open_movie
from cnmf3d.project import Add, Column, Kind, Project, Type
from cnmf3d.results import Provenance, Results


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project whose folder has odd signs in its name, with columns of every kind."""
    with Project.create(tmp_path / "my prøject #1?") as made:
        made.configure(
            Add(Column("cell type", Kind.ROI)),
            Add(Column("layer", Kind.ROI)),
            Add(Column("odour", Kind.STIMULUS)),
            Add(Column("age", Kind.CUSTOM, Type.WHOLE)),
            Add(Column("weight", Kind.CUSTOM, Type.DECIMAL)),
            Add(Column("anaesthesia", Kind.CUSTOM, Type.BOOL, False)),
            Add(Column("line", Kind.CUSTOM, Type.TEXT, "wild type")),
        )
        yield made


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    """A movie of 40 volumes of 4 × 9 × 11."""
    path = tmp_path / "a mövie (1)?.tif"
    values = np.random.default_rng(0).poisson(100, (40, 4, 9, 11)).astype(np.uint16)
    tifffile.imwrite(path, values, photometric="minisblack", metadata={"axes": "TZYX"})
    return path


@pytest.fixture
def results(random_results: Callable[..., Results], movie: Path) -> Results:
    """Results that say they are from that movie."""
    source = Provenance(
        (str(movie),), open_movie(movie).fingerprint(), {"cnmf3d": "0.1.0"}, "2026-01-01T00:00:00+00:00"
    )
    return dataclasses.replace(random_results(), provenance=source)
