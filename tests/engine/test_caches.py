"""Runs that share a cache: nothing changes but the time they take."""

from __future__ import annotations

import json
import os
import shutil
import threading

import numpy as np
import pytest
import tifffile

from cnmf3d import CnmfParameters, open_movie
from cnmf3d.caches import Caches
from cnmf3d.engine import cache_key, pipeline, run, solved_blocks, storage
from cnmf3d.events import Caution, Note
from cnmf3d.simulate import simulate

QUICK = {"data": {"offset": 100}, "init": {"gSig": (4, 4, 1.5)}, "patch": {"rf": (15, 15, 4), "stride": (8, 8, 4)}}


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    """A movie of 28 × 28 × 6 voxels."""
    path = tmp_path_factory.mktemp("movie") / "m.tif"
    simulate(path, "tiny", seed=2, overrides={"size": "28,28,6", "cells": "6", "frames": "200"})
    return open_movie(path).read(0, 200).copy()


@pytest.fixture
def movie(values, tmp_path):
    path = tmp_path / "a möuse.tif"
    tifffile.imwrite(path, values, metadata={"axes": "TZYX"}, imagej=True)
    return open_movie(path, rate=10.0)


@pytest.fixture(scope="module")
def plain(values):
    """What a run finds that keeps nothing."""
    return contents(run(open_movie(values, rate=10.0), CnmfParameters.model_validate(QUICK)))


@pytest.fixture
def computed(monkeypatch):
    """How often each step is computed."""
    counts = {"ingest": 0, "cell_size": 0, "solved_block": 0}

    def counted(module, name):
        function = getattr(module, name)

        def call(*words, **more):
            counts[name] += 1
            return function(*words, **more)

        monkeypatch.setattr(module, name, call)

    counted(storage, "ingest")
    counted(pipeline, "cell_size")
    counted(solved_blocks, "solved_block")
    return counts


def contents(results):
    """Bytes of all that was found."""
    found = results.components
    arrays = [found.footprints.data, found.footprints.indices, found.footprints.indptr, found.traces, found.spikes]
    arrays += [found.residuals, found.dff, found.background.spatial, found.background.temporal, found.accepted]
    arrays += [found.quality[name] for name in sorted(found.quality)]
    arrays += [results.noise, *(results.projections[name] for name in sorted(results.projections))]
    return [np.asarray(array).tobytes() for array in arrays]


def go(movie, folder, **changes):
    """Run with the cache; results and what was told."""
    events = []
    parameters = CnmfParameters.model_validate({**QUICK, **changes})
    results = run(movie, parameters, caches=folder, reporter=events.append, workers=2)
    told = {kind: " ".join(e.text for e in events if isinstance(e, kind)) for kind in (Note, Caution)}
    return results, told


def entry_of(folder):
    (entry,) = Caches(folder).entries()
    return entry.folder


def test_a_second_run_computes_nothing_again_and_finds_the_same_bytes(movie, plain, tmp_path, computed):
    first, told = go(movie, tmp_path / "caches")
    blocks = computed["solved_block"]
    assert blocks >= 1 and computed["ingest"] == 1 and "used again" not in told[Note]
    assert contents(first) == plain
    again, told = go(movie, tmp_path / "caches")
    assert computed == {"ingest": 1, "cell_size": 1, "solved_block": blocks}
    assert "used again" in told[Note] and told[Caution] == ""
    assert contents(again) == plain
    assert again.provenance.warnings == first.provenance.warnings and again.parameters == first.parameters
    assert Caches(tmp_path / "caches").entries()[0].in_use is False


@pytest.mark.parametrize(
    ("changes", "blocks_again"),
    [
        ({"quality": {"min_SNR": 4.0}, "temporal": {"p": 1}}, False),
        ({"init": {"gSig": (9, 9, 4)}}, True),
        ({"merging": {"merge_thr": 0.7}}, True),
    ],
    ids=str,
)
def test_variants_take_from_it_what_is_the_same(movie, tmp_path, computed, changes, blocks_again):
    expected, _ = go(movie, None, **changes)
    go(movie, tmp_path / "caches")
    before = dict(computed)
    found, _ = go(movie, tmp_path / "caches", **changes)
    assert computed["ingest"] == before["ingest"] and computed["cell_size"] == before["cell_size"]
    assert (computed["solved_block"] > before["solved_block"]) == blocks_again
    assert contents(found) == contents(expected)


def test_what_shapes_the_bins_makes_another_entry(movie, values, tmp_path):
    folder = tmp_path / "caches"
    shaped = {"init": {"gSig": (4, 4, 1.5), "tsub": 2}}
    go(movie, folder)
    go(movie, folder, **shaped)
    go(open_movie(values[:180], rate=10.0), folder)
    go(open_movie(values.astype(np.float32), rate=10.0), folder)
    entries = Caches(folder).entries()
    assert len(entries) == 4
    key = cache_key(movie, CnmfParameters.model_validate({**QUICK, **shaped}))
    assert {entry.key for entry in entries} > {key, cache_key(movie, CnmfParameters.model_validate(QUICK))}


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def shorten(path):
    path.write_bytes(path.read_bytes()[:-100])


def outdate(path):
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "format": 0}))


def alter(path):
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "width": facts["width"] + 1}))


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("bins.i16", flip),
        ("bins.i16", shorten),
        ("bins.i16", lambda path: path.unlink()),
        ("statistics.npz", flip),
        ("statistics.npz", lambda path: path.unlink()),
        ("entry.json", shorten),
        ("entry.json", lambda path: path.unlink()),
        ("entry.json", lambda path: path.write_text("[]")),
        ("entry.json", outdate),
        ("entry.json", alter),
    ],
)
def test_a_damaged_cache_is_noticed_and_made_anew(movie, plain, tmp_path, computed, name, harm):
    folder = tmp_path / "caches"
    go(movie, folder)
    harm(entry_of(folder) / name)
    found, told = go(movie, folder)
    assert "damaged" in told[Caution] and computed["ingest"] == 2
    assert contents(found) == plain
    _, told = go(movie, folder)
    assert told[Caution] == "" and computed["ingest"] == 2


@pytest.mark.parametrize("harm", [flip, shorten, lambda path: path.write_bytes(b"")])
def test_a_damaged_solution_is_computed_again(movie, plain, tmp_path, computed, harm):
    folder = tmp_path / "caches"
    go(movie, folder)
    before = computed["solved_block"]
    files = list((entry_of(folder) / "solutions").glob("*.npz"))
    assert len(files) == before + 1
    for file in files:
        harm(file)
    found, _ = go(movie, folder)
    assert computed["solved_block"] == 2 * before and contents(found) == plain
    assert len(list((entry_of(folder) / "solutions").glob("*.npz"))) == len(files)


def test_a_movie_written_anew_with_the_same_samples_is_read_again(movie, values, tmp_path, computed, monkeypatch):
    folder = tmp_path / "caches"
    monkeypatch.setattr(type(movie), "fingerprint", lambda self: "the same")
    go(movie, folder)
    changed = values.copy()
    changed[50:60] += 3
    tifffile.imwrite(movie.paths[0], changed, metadata={"axes": "TZYX"}, imagej=True)
    now = open_movie(movie.paths[0], rate=10.0)
    found, told = go(now, folder)
    assert computed["ingest"] == 2 and "read again" in told[Note] and told[Caution] == ""
    assert contents(found) == contents(go(now, None)[0])


def test_a_copy_of_the_movie_is_compared_once_and_uses_the_cache(movie, plain, tmp_path, computed, monkeypatch):
    from cnmf3d.engine import voxels

    compared = []
    real = voxels.source_hash
    monkeypatch.setattr(voxels, "source_hash", lambda *words: compared.append(1) or real(*words))
    go(movie, tmp_path / "caches")
    other = tmp_path / "copy.tif"
    shutil.copyfile(movie.paths[0], other)
    for _ in range(2):
        assert contents(go(open_movie(other, rate=10.0), tmp_path / "caches")[0]) == plain
    assert computed["ingest"] == 1 and compared == [1]
    go(movie, tmp_path / "caches")
    assert compared == [1]


def test_an_array_is_compared_each_time(values, plain, tmp_path, computed):
    for _ in range(2):
        assert contents(go(open_movie(values, rate=10.0), tmp_path / "caches")[0]) == plain
    assert computed["ingest"] == 1


def test_no_room_falls_back_to_a_temporary_file(movie, plain, tmp_path, monkeypatch):
    monkeypatch.setenv("CNMF3D_CACHE_LIMIT", "10kB")
    found, told = go(movie, tmp_path / "caches")
    assert "no cache is kept" in told[Note] and "no room" in told[Note] and contents(found) == plain
    assert Caches(tmp_path / "caches").entries() == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_no_failure(movie, plain, tmp_path):
    folder = tmp_path / "caches"
    folder.mkdir(mode=0o500)
    found, told = go(movie, folder)
    assert "no cache is kept" in told[Note] and contents(found) == plain


def test_a_file_in_place_of_the_folder_is_no_failure(movie, plain, tmp_path):
    (tmp_path / "caches").write_text("a file")
    found, told = go(movie, tmp_path / "caches")
    assert "no cache is kept" in told[Note] and contents(found) == plain


def test_two_runs_at_once(movie, plain, tmp_path):
    results = []
    threads = [threading.Thread(target=lambda: results.append(go(movie, tmp_path / "caches")[0])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [contents(found) for found in results] == [plain, plain]
    assert len(Caches(tmp_path / "caches").entries()) == 1
    assert [path.name for path in (tmp_path / "caches").iterdir() if path.is_dir() and path.name[0] == "."] == []


def test_a_failure_while_reading_leaves_no_entry(movie, tmp_path):
    def interrupt(event):
        if event.stage == "ingest":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(movie, caches=tmp_path / "caches", reporter=interrupt)
    assert [path.name for path in (tmp_path / "caches").iterdir() if path.is_dir()] == []


def test_movies_with_unknown_values(values, tmp_path, computed):
    holes = values.astype(np.float32)
    holes[:, 2, 3:6, 4] = np.nan
    holes[7, 1, 9, 9] = np.inf
    expected = contents(go(open_movie(holes, rate=10.0), None)[0])
    for _ in range(2):
        found, told = go(open_movie(holes, rate=10.0), tmp_path / "caches")
        assert contents(found) == expected and "not finite" in told[Caution]
    assert computed["ingest"] == 2
