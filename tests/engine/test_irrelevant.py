"""Results don't depend on what is irrelevant: a constant, a scale, types, order in memory, which way is up."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linear_sum_assignment

import cnmf3d
from cnmf3d.movies import open_movie
from cnmf3d.simulate import simulate

VOLUMES = {
    "tiny": ("tiny", {"size": (40, 40, 6), "cells": 8, "frames": 200}),
    "dense": ("dense", {"size": (40, 40, 6), "cells": 14, "frames": 200}),
    "neuropil": ("neuropil", {"size": (40, 40, 6), "cells": 8, "frames": 200}),
}


def found(values, movie):
    """Accepted components of a movie with other values."""
    results = cnmf3d.run(
        open_movie(values, rate=movie.rate, voxel_size=movie.voxel_size), reporter=lambda event: None, workers=1
    )
    return results.components.select(results.components.accepted)


@pytest.fixture(scope="module", params=VOLUMES)
def volume(request, tmp_path_factory):
    preset, scene = VOLUMES[request.param]
    path = tmp_path_factory.mktemp("volume") / "m.tif"
    simulate(path, preset, seed=5, overrides=scene)
    movie = open_movie(path)
    values = movie.read(0, len(movie))
    return movie, values, found(values, movie)


def cosines(left, right):
    """Of all pairs of columns."""
    left, right = (a @ sparse.diags_array(1 / sparse.linalg.norm(a, axis=0)) for a in (left, right))
    return (left.T @ right).toarray()


def same_cells(wanted, got, turned=None, least=0.95):
    """How many of the cells are the same ones."""
    footprints = got.footprints
    if turned is not None:
        volumes = footprints.toarray().T.reshape(-1, *got.shape)
        footprints = sparse.csc_array(turned(volumes).reshape(len(volumes), -1).T)
    alike = cosines(wanted.footprints, footprints)
    return int((alike[linear_sum_assignment(-alike)] > least).sum())


EXACT = {
    "a constant less, as int32": lambda a: a.astype(np.int32) - 1000,
    "a constant more, as uint16": lambda a: (a + 3000).astype(np.uint16),
    "other types": lambda a: a.astype(np.float32),
    "other order of bytes": lambda a: a.astype(">u2"),
    "other order in memory": np.asfortranarray,
}


@pytest.mark.parametrize("volume", ["tiny"], indirect=True)
@pytest.mark.parametrize("change", EXACT)
def test_what_says_nothing_changes_nothing(volume, change):
    movie, values, wanted = volume
    got = found(EXACT[change](values), movie)
    assert got.count == wanted.count >= 5
    np.testing.assert_allclose(got.traces, wanted.traces, rtol=1e-3, atol=1e-3 * np.abs(wanted.traces).max())
    np.testing.assert_allclose(got.quality["snr"], wanted.quality["snr"], rtol=1e-2)


ALIKE = {
    "ten times": (lambda a: a.astype(np.int32) * 10, None),
    "a millionth": (lambda a: a.astype(np.float32) * 1e-6, None),
    "x turned": (lambda a: np.ascontiguousarray(a[..., ::-1]), lambda v: v[..., ::-1]),
    "y turned": (lambda a: np.ascontiguousarray(a[:, :, ::-1]), lambda v: v[:, :, ::-1]),
    "z turned": (lambda a: np.ascontiguousarray(a[:, ::-1]), lambda v: v[:, ::-1]),
    "without the first frame": (lambda a: a[1:], None),
}


@pytest.mark.parametrize("change", ALIKE)
def test_what_only_rounds_otherwise_gives_the_same_cells(volume, change):
    """Within noise: of twenty cells one may be another one; none in a mirror image, whose numbers are the same ones."""
    movie, values, wanted = volume
    deed, back = ALIKE[change]
    got = found(deed(values), movie)
    allowed = 0 if change.endswith("turned") else 1 + wanted.count // 20
    assert abs(got.count - wanted.count) <= allowed
    assert same_cells(wanted, got, back) >= wanted.count - allowed


def test_two_copies_on_one_another_are_twice_the_cells(volume):
    """Cells that fire as one, though they lie apart, stay two."""
    movie, values, wanted = volume
    apart = np.broadcast_to(values[:, :1], (len(values), 4, *values.shape[2:]))
    gap = np.random.default_rng(0).permuted(apart, axis=0).astype(values.dtype)
    got = found(np.concatenate([values, gap, values], axis=1), movie)
    assert abs(got.count - 2 * wanted.count) <= 2 + wanted.count // 10
