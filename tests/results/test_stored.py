"""Components that stay in their file: the same values, read when they are needed."""

from __future__ import annotations

import dataclasses
import os

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnmf3d.components import Components
from cnmf3d.errors import InputError
from cnmf3d.results import load_results, write_results
from cnmf3d.results.curation.rois import no_rois
from cnmf3d.results.curation.storing import fingerprint_of
from cnmf3d.results.stored import StoredComponents

pytestmark = pytest.mark.skipif(os.name == "nt", reason="files that are open can't be replaced there")
MATRICES = ("traces", "residuals", "spikes", "dff")


@pytest.fixture
def stored(tmp_path, random_results):
    """Results, and the same from their file."""
    results = random_results(count=6)
    return results, load_results(write_results(results, tmp_path / "r.hdf5"), later=True)


def held(components: Components) -> set[str]:
    """Fields that are in memory."""
    return set(MATRICES) & set(vars(components))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 6), seed=st.integers(0, 1000), wanted=st.lists(st.integers(0, 5), max_size=8))
def test_rows_and_fields_are_those_of_the_file(tmp_path, random_results, count, seed, wanted):
    path = write_results(random_results(count, seed=seed), tmp_path / "r.hdf5")
    whole, later = (load_results(path, later=each).components for each in (False, True))
    index = np.array([row for row in wanted if row < count], np.int64)
    assert isinstance(later, StoredComponents)
    assert later.frames == whole.frames
    assert fingerprint_of(later) == fingerprint_of(whole)
    for field in MATRICES:
        for found, right in (
            (later.rows(field, index), getattr(whole, field)[index]),
            (getattr(later, field), getattr(whole, field)),
            (later.rows(field, index), getattr(whole, field)[index]),
        ):
            assert found.dtype == np.float32
            assert np.array_equal(found, right)
    assert np.array_equal(later.background.spatial, whole.background.spatial)
    assert np.array_equal(later.background.temporal, whole.background.temporal)


def test_only_what_is_needed_is_read(stored):
    components = stored[1].components
    components.rows("traces", np.array([4, 1]))
    components.select(np.array([3]))
    no_rois(components)
    assert held(components) == set()
    assert "spatial" not in vars(components.background)
    components.rows("traces", np.arange(4))  # most of it
    assert held(components) == {"traces"}


def test_a_copy_with_other_verdicts_is_whole(stored):
    results, later = stored
    copy = dataclasses.replace(later.components, accepted=~results.components.accepted)
    assert held(copy) == set(MATRICES)
    assert copy.frames == results.components.frames
    assert np.array_equal(copy.rows("dff", np.array([2])), results.components.dff[[2]])


def test_a_file_that_was_replaced_meanwhile_is_read_as_it_was(tmp_path, stored, random_results):
    write_results(random_results(count=6, seed=9), tmp_path / "r.hdf5")
    assert np.array_equal(stored[1].components.spikes, stored[0].components.spikes)


def test_a_file_that_was_cut_short_meanwhile_is_named(tmp_path, stored):
    os.truncate(tmp_path / "r.hdf5", 3000)
    with pytest.raises(InputError, match=r"r\.hdf5 can't be read any more"):
        stored[1].components.rows("traces", np.array([0]))


def test_a_file_without_all_traces_is_read_whole(tmp_path, stored):
    path = tmp_path / "r.hdf5"
    with h5py.File(path, "r+") as file:
        del file["estimates/S"]
    components = load_results(path, later=True).components
    assert held(components) == set(MATRICES)
    assert not components.spikes.any()
