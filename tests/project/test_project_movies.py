"""Movies of samples: copied or referred to, moved and found again."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
import tifffile

from cnmf3d.errors import InputError, UsageError
from cnmf3d.movies import open_movie
from cnmf3d.project import Project
from cnmf3d.project.checking import check
from cnmf3d.results import write_results


def test_a_sample_may_bring_its_movie_along(project, results, movie):
    sample = project.add(
        results, animal="a", trial="1", copy_movie=True, opening={"rate": 7.5, "voxel_size": [1, 2, 3]}
    )
    project.add(results, animal="a", trial="2", opening={"rate": 7.5})
    before = open_movie(movie).read(0, 40)
    movie.unlink()
    copy = project.movie("a/1")
    assert np.array_equal(copy.read(0, 40), before) and copy.dtype == np.uint16
    assert (copy.rate, copy.voxel_size.xyz) == (7.5, (1, 2, 3))
    with pytest.raises(InputError, match=r"the movie of a/2 is not in .*mövie"):
        project.movie("a/2")
    with pytest.raises(UsageError, match="copied already"):
        project.copy_movie(sample.uuid)


def test_a_movie_is_copied_later_and_stays_when_rois_are_saved(project, results, movie):
    project.add(results, animal="a", trial="1", opening={"rate": 7.5})
    assert project.copy_movie("a/1").copied
    movie.unlink()
    assert project.save("a/1", results).copied
    assert project.movie("a/1").fingerprint() == results.provenance.fingerprint


def test_a_project_that_is_moved_with_its_movies_finds_them(project, results, movie, tmp_path):
    project.add(results, animal="a", trial="1")
    project.close()
    new = tmp_path.with_name(tmp_path.name + " moved")
    shutil.copytree(tmp_path, new)
    movie.unlink()
    with Project.open(new / project.folder.name) as moved:
        assert moved.movie("a/1").paths == (str(new / movie.name),)


def test_a_movie_beside_its_results_is_found(project, results, movie, tmp_path, monkeypatch):
    source = dataclasses.replace(results.provenance, input_paths=(f"elsewhere/{movie.name}",))
    path = write_results(dataclasses.replace(results, provenance=source), tmp_path / "r.hdf5")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert project.add(path, animal="a", trial="1").movie.paths == (str(movie),)
    values = np.zeros((40, 4, 9, 11), np.uint16)
    tifffile.imwrite(movie, values, photometric="minisblack", metadata={"axes": "TZYX"})
    other = project.add(path, animal="a", trial="2").movie
    assert other.paths == (str(tmp_path / "here" / "elsewhere" / movie.name),) and other.found(project.folder) == ()


def test_a_movie_that_was_moved_is_found_by_its_content(project, results, movie, tmp_path):
    project.add(results, animal="a", trial="1", opening={"rate": 5.0})
    for folder in ("wrong", "right"):
        (tmp_path / folder / "deep").mkdir(parents=True)
    moved = movie.rename(tmp_path / "right" / "deep" / movie.name)
    values = np.zeros((40, 4, 9, 11), np.uint16)
    tifffile.imwrite(tmp_path / "wrong" / movie.name, values, photometric="minisblack", metadata={"axes": "TZYX"})
    assert project.relink([tmp_path / "wrong"]) == []
    (found,) = project.relink([tmp_path / "wrong", tmp_path / "right"])
    assert found.movie.paths == (str(moved),) and project.movie("a/1").rate == 5.0
    assert project.relink([tmp_path]) == [] and check(project) == []


def test_a_moved_movie_is_found_behind_another_one_of_its_name(project, results, movie, tmp_path):
    movie = movie.rename(tmp_path / "m [1].tif")
    project.add(results, animal="a", trial="1", movie=movie, opening={"rate": 5.0})
    for folder in ("a", "b"):
        (tmp_path / "new" / folder).mkdir(parents=True)
    values = np.zeros((40, 4, 9, 11), np.uint16)
    tifffile.imwrite(tmp_path / "new" / "a" / movie.name, values, photometric="minisblack", metadata={"axes": "TZYX"})
    moved = movie.rename(tmp_path / "new" / "b" / movie.name)
    assert [each.id for each in project.without_movie()] == ["a/1"]
    assert [each.movie.paths for each in project.relink([tmp_path / "new"])] == [(str(moved),)]
    assert project.without_movie() == []
