from __future__ import annotations

import pytest

from cnmf3d import load_results
from cnmf3d.batch import Batch, Status
from cnmf3d.batch.engines import engine_of, names
from cnmf3d.batch.supervisor import supervise
from cnmf3d.errors import UsageError

GIVEN = {"fr": 5.0, "K": 3, "gSig": (2, 2, 1)}


@pytest.fixture
def batch(tmp_path):
    with Batch.create(tmp_path / "batch") as made:
        yield made


def test_engine_is_known():
    assert "caiman" in names()
    assert engine_of("caiman").name == "caiman"


def test_own_parameters_are_an_option_of_the_item(batch, movie):
    item = batch.add(
        movie, {**GIVEN, "nb_patch": 2}, name="a", engine="caiman", opening={"axes": "TZYX"}, options={"other": 1}
    )
    assert item.options == {"caiman": {"nb_patch": 2}, "other": 1}
    with pytest.raises(UsageError, match="noise_method"):
        batch.add(movie, {**GIVEN, "noise_method": "median"}, name="b", opening={"axes": "TZYX"})


def test_what_caiman_can_not_do_is_told_at_once(batch, movie):
    with pytest.raises(UsageError, match=r"init\.gSig is 'auto'"):
        batch.add(movie, {"K": 3}, name="a", engine="caiman", opening={"axes": "TZYX"})
    assert batch.items() == []


def test_items_are_computed(batch, movie, python, standin, tmp_path):
    options = {"engine_python": python(), "keep_memmap": True}
    first = batch.add(movie, GIVEN, name="a", engine="caiman", opening={"axes": "TZYX"}, options=options)
    options = {"engine_python": python(), "use_memmap": True, "memmap_uuid": first.uuid}
    batch.add(movie, GIVEN, name="b", engine="caiman", opening={"axes": "TZYX"}, options=options)
    supervise(batch, workers=2)
    assert [item.status for item in batch.items()] == [Status.DONE, Status.DONE]
    assert load_results(batch.run_folder(first).results).provenance.versions["caiman"] == "0.0-standin"
    assert "which prints where it likes" in batch.run_folder(first).log.read_text()


def test_failures_and_absence_are_told(batch, movie, python, standin, monkeypatch):
    monkeypatch.delenv("CNMF3D_CAIMAN_PYTHON", raising=False)
    standin("fails")
    batch.add(movie, GIVEN, name="a", engine="caiman", opening={"axes": "TZYX"}, options={"engine_python": python()})
    batch.add(movie, GIVEN, name="b", engine="caiman", opening={"axes": "TZYX"})
    supervise(batch)
    failed, absent = batch.items()
    assert failed.status is absent.status is Status.FAILED
    assert "CaImAn failed: RuntimeError: no components" in failed.error
    assert "conda create -n caiman -c conda-forge caiman" in absent.error


def test_a_batch_may_be_named_by_a_relative_path(movie, python, standin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Batch.create("here") as batch:
        options = {"engine_python": python()}
        item = batch.add(movie, GIVEN, name="a", engine="caiman", opening={"axes": "TZYX"}, options=options)
        supervise(batch)
        assert batch.items()[0].status is Status.DONE, batch.items()[0].error
        assert batch.run_folder(item).results.exists()
