"""What `load_results` gives is what people decided; what the run found is kept beside it, and in every file."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest

from cnmf3d import load_results, write_results
from cnmf3d.components import Components
from cnmf3d.errors import InputError, UsageError
from cnmf3d.results import curated
from cnmf3d.results.curation import Entry, as_found, found_of, with_log
from cnmf3d.results.curation.making import merged
from cnmf3d.results.curation.session import CurationSession


@pytest.fixture(params=["saved", "in the journal"])
def path(tmp_path, random_results, request) -> Path:
    """A file in which ROI 0 was turned over, 1 deleted, 2 and 3 merged, 4 tagged; saved, or only in the journal."""
    path = write_results(random_results(6), tmp_path / "r.hdf5")
    with CurationSession.open(path, "ann") as rois:
        (rois.reject if rois.accepted[0] else rois.accept)([0])
        rois.delete([1])
        rois.replace([2, 3], merged(rois.components([2, 3])), how="merge")
        rois.tag([4], "layer", "L1")
        if request.param == "saved":
            rois.save()
    return path


def same(one: Components, other: Components) -> None:
    for name in ("traces", "residuals", "spikes", "dff", "accepted"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.shape == other.shape and one.frames == other.frames and one.count == other.count
    assert (one.footprints != other.footprints).nnz == 0
    assert np.array_equal(one.background.spatial, other.background.spatial)
    assert all(np.array_equal(one.quality[name], other.quality[name], equal_nan=True) for name in one.quality)


@pytest.mark.parametrize("later", [False, True])
def test_what_is_loaded_is_what_was_decided(path, random_results, later):
    before = random_results(6).components
    results = load_results(path, later=later)
    cells = results.components.select(results.components.accepted)
    now = curated(results)
    assert now.ids.tolist() == [0, 4, 5, 6] and now.tags == {"layer": {4: "L1"}}
    assert results.components.accepted[0] != before.accepted[0]
    assert np.array_equal(results.components.traces[[0, 1, 2]], before.traces[[0, 4, 5]])
    assert cells.count == results.components.accepted.sum() and cells.accepted.all()
    same(results.components, now.results.components)
    assert results.curation is not None
    same(results.curation.found, before)
    same(as_found(results).components, before)
    with CurationSession.open(path) as rois:
        same(rois.components(rois.ids), results.components)


def test_what_is_written_again_keeps_both(path, tmp_path):
    results = load_results(path)
    again = load_results(write_results(dataclasses.replace(results, rate=9.0), tmp_path / "again.hdf5"))
    assert again.rate == 9 and again.curation.log == results.curation.log
    same(again.components, results.components)
    same(again.curation.found, results.curation.found)
    back = load_results(write_results(as_found(results), tmp_path / "found.hdf5"))
    assert back.curation is None
    same(back.components, results.curation.found)


def test_components_that_are_replaced_below_a_log_are_refused(path, tmp_path):
    results = load_results(path)
    other = dataclasses.replace(results, components=results.components.select(np.array([0, 1])))
    for use in (found_of, curated, lambda each: write_results(each, tmp_path / "o.hdf5"), CurationSession):
        with pytest.raises(UsageError, match="components of these results were replaced") as error:
            use(other)
    assert "curation=None" in error.value.fix and not (tmp_path / "o.hdf5").exists()
    kept = load_results(write_results(dataclasses.replace(other, curation=None), tmp_path / "o.hdf5"))
    assert kept.components.count == 2 and kept.curation is None


def test_nothing_is_put_together_before_it_is_needed(random_results, monkeypatch):
    results = with_log(random_results(6), [Entry("delete", (1,))])
    monkeypatch.setattr("cnmf3d.results.curation.curation.rows_of", lambda *_: pytest.fail("put together"))
    assert (results.components.shape, results.components.frames) == ((4, 9, 11), 40)
    assert results.components.background is results.curation.found.background


@pytest.mark.parametrize("again", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_results_can_be_copied_and_pickled(random_results, tmp_path, again):
    results = with_log(random_results(6), [Entry("delete", (1,))])
    copied = again(results)
    same(copied.components, results.components)
    same(load_results(write_results(copied, tmp_path / "r.hdf5")).components, results.components)


def test_a_log_that_does_not_fit_is_named_with_its_file(tmp_path, random_results):
    broken = with_log(random_results(), [Entry("edit", (1,), {"rows": [9]})])
    path = write_results(broken, tmp_path / "r.hdf5")
    with pytest.raises(InputError, match=r"r\.hdf5: the curation log doesn't fit"):
        load_results(path)


def test_no_steps_are_no_curation(random_results):
    results = random_results()
    assert with_log(results, []).curation is None
    assert with_log(with_log(results, [Entry("delete", (1,))]), []).components is results.components
