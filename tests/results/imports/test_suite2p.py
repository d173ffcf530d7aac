"""Suite2p's folder: what it says is what comes in, nothing in its pickles is run, and what is wrong is named."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from cnmf3d.cli.app import call
from cnmf3d.errors import InputError
from cnmf3d.npy_objects import load_objects
from cnmf3d.plain_pickle import StandIn
from cnmf3d.results import load_results
from cnmf3d.results.exports import Export, export
from cnmf3d.results.imports import Given, import_results


def write_plane(folder: Path, count: int, frames: int, seed: int = 0, **ops: object) -> list[dict[str, object]]:
    """One plane as Suite2p leaves it: 20 × 30 pixels."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    stat = []
    for _ in range(count):
        y, x = np.divmod(rng.choice(600, 12, replace=False), 30)
        lam = rng.random(12).astype(np.float32) + 0.1
        stat.append(
            {"ypix": y, "xpix": x, "lam": lam, "med": [int(y[0]), int(x[0])], "npix": 12, "skew": np.float32(2)}
        )
    rows = np.empty(count, object)
    rows[:] = stat
    np.save(folder / "stat.npy", rows, allow_pickle=True)
    np.save(folder / "F.npy", (1000 + 50 * rng.random((count, frames))).astype(np.float32))
    np.save(folder / "Fneu.npy", (900 + 10 * rng.random((count, frames))).astype(np.float32))
    np.save(folder / "spks.npy", rng.random((count, frames)).astype(np.float32))
    np.save(folder / "iscell.npy", np.stack([np.arange(count) % 2, rng.random(count)], axis=1))
    settings = {"Ly": 20, "Lx": 30, "fs": 10.0, "tau": 1.0, "neucoeff": 0.7, "meanImg": rng.random((20, 30)), **ops}
    np.save(folder / "ops.npy", np.array(settings, object), allow_pickle=True)
    return stat


def test_planes_become_one_volume(tmp_path):
    stats = [write_plane(tmp_path / f"suite2p/plane{k}", 3, 40 + k, seed=k) for k in (0, 1, 10)]
    (tmp_path / "suite2p/combined").mkdir()
    results = import_results("suite2p", tmp_path)
    components = results.components
    assert components.shape == (11, 20, 30)
    assert (components.count, components.frames, results.rate) == (9, 40, 10.0)
    assert "cut to 40" in results.provenance.warnings[0]
    dense = components.footprints.toarray().reshape(11, 20, 30, 9)
    for roi, row in enumerate(row for stat in stats for row in stat):
        plane = (0, 1, 10)[roi // 3]
        lam = row["lam"] / np.linalg.norm(row["lam"])
        assert np.allclose(dense[plane, row["ypix"], row["xpix"], roi], lam)
        assert np.count_nonzero(dense[..., roi]) == 12
    f, neu = (np.load(tmp_path / f"suite2p/plane10/{name}.npy")[:, :40] for name in ("F", "Fneu"))
    assert np.allclose(components.raw[6:], f - 0.7 * neu, rtol=1e-5)
    assert np.array_equal(components.spikes[:3], np.load(tmp_path / "suite2p/plane0/spks.npy"))
    assert components.accepted.tolist() == [False, True, False] * 3
    assert components.quality["skewness"].tolist() == [2.0] * 9
    assert components.quality["cell_probability"].shape == (9,)
    assert components.kinetics.g[0, 0] == pytest.approx(np.exp(-0.1))
    level = components.kinetics.baseline[0]
    assert np.allclose(components.dff[0], (components.raw[0] - level) / level, atol=1e-5)
    assert results.projections["mean"].shape == (11, 20, 30)
    assert results.projections["mean"][1].any()
    assert not results.projections["mean"][2].any()


def test_one_plane_by_itself_without_what_can_be_missing(tmp_path):
    write_plane(tmp_path / "plane3", 2, 30)
    for name in ("Fneu", "spks", "iscell", "ops"):
        (tmp_path / f"plane3/{name}.npy").unlink()
    results = import_results("suite2p", tmp_path / "plane3", Given(rate=5.0, shape=(1, 25, 35)))
    assert results.components.shape == (1, 25, 35)
    assert results.rate == 5.0
    assert results.components.accepted.all()
    assert np.array_equal(results.components.raw, np.load(tmp_path / "plane3/F.npy"))
    assert results.provenance.warnings == ("there is no Fneu.npy in plane3: the neuropil is still in these traces",)
    smallest = import_results("suite2p", tmp_path / "plane3")
    stat = np.load(tmp_path / "plane3/stat.npy", allow_pickle=True)
    ends = [max(int(row[axis].max()) for row in stat) + 1 for axis in ("ypix", "xpix")]
    assert smallest.components.shape == (1, *ends)
    told = " ".join(smallest.provenance.warnings)
    assert f"at {ends[1]} × {ends[0]} (x × y); say it with --shape" in told and "say it with --fps" in told


def as_version_1(folder: Path, *, ops: bool) -> None:
    """Turn a plane into what version 1 writes: settings in groups, pictures in files of their own."""
    old = np.load(folder / "ops.npy", allow_pickle=True).item()
    files = {
        "db": {name: old[name] for name in ("Ly", "Lx", "nplanes", "nrois", "dx", "dy") if name in old},
        "settings": {"fs": old["fs"], "tau": old["tau"], "extraction": {"neuropil_coefficient": old["neucoeff"]}},
        "reg_outputs": {"meanImg": old["meanImg"], "yrange": [0, 20], "xrange": [0, 30]},
        "detect_outputs": {"max_proj": np.ones((20, 30), np.float32)},
    }
    for name, values in files.items():
        np.save(folder / f"{name}.npy", np.array(values, object), allow_pickle=True)
    (folder / "ops.npy").unlink()
    if ops:
        whole = {name: value for values in files.values() for name, value in values.items()}
        np.save(folder / "ops.npy", np.array(whole, object), allow_pickle=True)


@pytest.mark.parametrize("ops", [True, False])
def test_version_1_says_the_same_with_ops_and_without(tmp_path, ops):
    write_plane(tmp_path / "plane0", 3, 40, neucoeff=0.5)
    as_version_1(tmp_path / "plane0", ops=ops)
    results = import_results("suite2p", tmp_path)
    f, neu = (np.load(tmp_path / f"plane0/{name}.npy") for name in ("F", "Fneu"))
    assert np.allclose(results.components.raw, f - 0.5 * neu, rtol=1e-5)
    assert (results.rate, results.components.shape) == (10.0, (1, 20, 30))
    assert results.components.kinetics.g[0, 0] == pytest.approx(np.exp(-0.1))
    assert results.projections["mean"].any() and results.projections["max"].all()
    assert results.provenance.warnings == ()


def test_a_coefficient_that_is_not_named_is_a_caution(tmp_path, capsys):
    write_plane(tmp_path / "plane0", 2, 30)
    ops = np.load(tmp_path / "plane0/ops.npy", allow_pickle=True).item()
    del ops["neucoeff"]
    np.save(tmp_path / "plane0/ops.npy", np.array(ops, object), allow_pickle=True)
    assert call(["import", "suite2p", str(tmp_path), str(tmp_path / "o.hdf5")]) == 0
    assert "! the folder doesn't say the neuropil coefficient: 0.7 is taken" in capsys.readouterr().err


def test_what_was_decided_in_suite2ps_window_counts(tmp_path):
    for number in range(2):
        write_plane(tmp_path / f"plane{number}", 3, 30, seed=number)
    (tmp_path / "combined").mkdir()
    verdicts = np.stack([[1, 1, 0, 0, 0, 0], np.linspace(0, 1, 6)], axis=1)
    place = tmp_path / "combined/iscell.npy"
    np.save(place, verdicts)
    results = import_results("suite2p", tmp_path)
    assert results.components.accepted.tolist() == [True, True, False, False, False, False]
    assert np.allclose(results.components.quality["cell_probability"], verdicts[:, 1])
    assert results.provenance.warnings[0].startswith("2 verdicts are those of combined/iscell.npy")
    np.save(place, verdicts[:5])  # of something else: ROIs were merged there
    assert import_results("suite2p", tmp_path).components.accepted.tolist() == [False, True, False] * 2
    np.save(place, verdicts)
    os.utime(place, ns=(0, 0))  # the planes were judged anew since
    assert import_results("suite2p", tmp_path).components.accepted.tolist() == [False, True, False] * 2
    assert import_results("suite2p", tmp_path / "plane1").components.accepted.tolist() == [False, True, False]


@pytest.mark.parametrize("told", [{"nrois": 2, "nplanes": 2}, {"nplanes": 2}, {}])
def test_views_of_a_mesoscope_are_put_where_they_lie_in_their_plane(tmp_path, told):
    corners = {0: (100, -30), 1: (105, 10)}
    stats = {}
    for number in range(4):
        dy, dx = corners[number % 2]
        stats[number] = write_plane(tmp_path / f"plane{number}", 2, 30, seed=number, dy=dy, dx=dx, **told)
    results = import_results("suite2p", tmp_path)
    assert results.components.shape == (2, 25, 70)
    dense = results.components.footprints.toarray().reshape(2, 25, 70, 8)
    for number, stat in stats.items():
        top, left = (0, 0) if number % 2 == 0 else (5, 40)
        for k, row in enumerate(stat):
            where = dense[number // 2, row["ypix"] + top, row["xpix"] + left, 2 * number + k]
            assert np.allclose(where, row["lam"] / np.linalg.norm(row["lam"]))
        picture = np.load(tmp_path / f"plane{number}/ops.npy", allow_pickle=True).item()["meanImg"]
        mean = results.projections["mean"][number // 2, top : top + 20, left : left + 30]
        assert np.allclose(mean, picture)
    assert results.provenance.warnings == ()


def test_offsets_of_planes_that_are_shown_side_by_side_are_no_views(tmp_path):
    for number in range(3):
        write_plane(tmp_path / f"plane{number}", 2, 30, seed=number, dy=0, dx=30 * number, nplanes=3)
    assert import_results("suite2p", tmp_path).components.shape == (3, 20, 30)


def test_views_without_a_place_are_refused_and_can_be_read_one_by_one(tmp_path):
    for number in range(2):
        write_plane(tmp_path / f"plane{number}", 2, 30, seed=number, nrois=2, dx=[0, 30])
    with pytest.raises(InputError, match=r"2 views of each plane, but plane0 doesn't say where") as error:
        import_results("suite2p", tmp_path)
    assert "folder of one" in error.value.fix
    assert import_results("suite2p", tmp_path / "plane1").components.shape == (1, 20, 30)
    for number in range(2):
        ops = np.load(tmp_path / f"plane{number}/ops.npy", allow_pickle=True).item()
        np.save(tmp_path / f"plane{number}/ops.npy", np.array({**ops, "dy": [0, 5]}, object), allow_pickle=True)
    assert import_results("suite2p", tmp_path).components.shape == (1, 25, 60)


def test_what_we_export_comes_back(tmp_path, random_results):
    results = random_results(7, (3, 9, 11), 20)
    export("suite2p", Export(results, np.arange(7)), tmp_path / "s2p")
    back = import_results("suite2p", tmp_path / "s2p")
    order = [
        row["cnmf3d_roi"]
        for plane in sorted((tmp_path / "s2p").iterdir())
        for row in np.load(plane / "stat.npy", allow_pickle=True)
    ]
    assert sorted(order) == list(range(7))
    assert np.allclose(back.components.footprints.toarray(), _unit(results.components.footprints.toarray()[:, order]))
    assert np.array_equal(back.components.raw, results.components.raw[order])
    assert np.array_equal(back.components.spikes, results.components.spikes[order])
    assert np.array_equal(back.components.accepted, results.components.accepted[order])
    assert (back.rate, back.voxel_size) == (results.rate, results.voxel_size)
    assert np.allclose(back.projections["mean"], results.projections["mean"])


def _unit(dense: np.ndarray) -> np.ndarray:
    return dense / np.linalg.norm(dense, axis=0)


def test_from_the_command_line(tmp_path, capsys):
    write_plane(tmp_path / "suite2p/plane0", 3, 40)
    out = tmp_path / "ours.hdf5"
    assert call(["import", "suite2p", str(tmp_path / "suite2p"), str(out), "--voxel-size", "1,1,5"]) == 0
    assert load_results(out).components.count == 3
    assert "3 ROIs" in capsys.readouterr().out


class Trap:
    """Removes nothing, but would show that it was run."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.mkdir, (str(self.place),)


def test_nothing_in_the_files_is_run(tmp_path):
    write_plane(tmp_path / "plane0", 2, 30)
    ops = np.load(tmp_path / "plane0/ops.npy", allow_pickle=True).item()
    ops["evil"] = Trap(tmp_path / "was run")
    ops["path"] = tmp_path
    np.save(tmp_path / "plane0/ops.npy", np.array(ops, object), allow_pickle=True)
    results = import_results("suite2p", tmp_path)
    assert results.rate == 10.0
    assert not (tmp_path / "was run").exists()
    assert isinstance(load_objects(tmp_path / "plane0/ops.npy").item()["evil"], StandIn)


@pytest.mark.parametrize("name", ["stat.npy", "F.npy", "ops.npy", "iscell.npy"])
@pytest.mark.parametrize("how", ["cut", "noise", "empty", "pickle", "other", "objects"])
def test_damaged_files_are_named(tmp_path, name, how):
    write_plane(tmp_path / "plane0", 2, 30)
    place = tmp_path / "plane0" / name
    good = place.read_bytes()
    match how:
        case "cut":
            place.write_bytes(good[: len(good) // 2])
        case "noise":
            place.write_bytes(os.urandom(200))
        case "empty":
            place.write_bytes(b"")
        case "pickle":
            place.write_bytes(good[:128] + pickle.dumps([1, 2, 3]))
        case "objects":
            np.save(place, np.array([Trap(tmp_path / "was run")] * 2, object), allow_pickle=True)
        case "other":
            np.save(place, np.zeros((5, 5, 5)))
    with pytest.raises(InputError, match=name.removesuffix(".npy")) as caught:
        import_results("suite2p", tmp_path)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda row: row.pop("lam"), "without 'lam'"),
        (lambda row: row.update(ypix=row["ypix"][:-1]), "don't fit"),
        (lambda row: row.update(ypix=row["ypix"] * 1.5), "don't fit"),
        (lambda row: row.update(xpix=row["xpix"] + 100), "beyond the volume"),
        (lambda row: row.update(xpix=row["xpix"] - 100), "beyond the volume"),
    ],
)
def test_rois_that_do_not_fit_are_named(tmp_path, change, told):
    stat = write_plane(tmp_path / "plane0", 2, 30)
    change(stat[1])
    rows = np.empty(2, object)
    rows[:] = stat
    np.save(tmp_path / "plane0/stat.npy", rows, allow_pickle=True)
    with pytest.raises(InputError, match=told):
        import_results("suite2p", tmp_path)


def test_other_folders_are_named(tmp_path):
    with pytest.raises(InputError, match="no folder of Suite2p"):
        import_results("suite2p", tmp_path)
    write_plane(tmp_path / "plane0", 2, 30)
    (tmp_path / "plane0/F.npy").unlink()
    with pytest.raises(InputError, match=r"no F\.npy"):
        import_results("suite2p", tmp_path)
    np.save(tmp_path / "plane0/F.npy", np.zeros((3, 30), np.float32))
    with pytest.raises(InputError, match="don't fit one another"):
        import_results("suite2p", tmp_path)
