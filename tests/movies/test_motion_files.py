"""Motion files, and shifts that other programs found."""

from __future__ import annotations

import os
import pickle

import h5py
import numpy as np
import pytest
import tifffile
from scipy.io import savemat

from cnmf3d.errors import InputError
from cnmf3d.movies import open_movie
from cnmf3d.movies.registered import Motion, motion_of, read_motion, write_motion

T, Z, Y, X = 6, 3, 20, 26
MOVED = [(0, 0), (2, 0), (0, 3), (-1, -2), (4, -3), (1, 1)]
"""Rows and columns that the blob moves down and right."""


def blob(frames=MOVED, depth=Z):
    """A bright block in noise that moves as `shifts` say, (T, Z, Y, X)."""
    values = np.random.default_rng(0).integers(90, 110, (len(frames), depth, Y, X)).astype(np.uint16)
    for t, (down, right) in enumerate(frames):
        values[t, :, 8 + down : 12 + down, 10 + right : 15 + right] += 1000
    return values


def stands_still(movie):
    """Whether the block is where it is in the first frame."""
    got = movie.read(0, T)
    assert (got[:, :, 8:12, 10:15] > 1000).all()
    assert np.nanmax(got[:, :, :7]) < 200 and np.nanmax(got[:, :, :, 16:]) < 200


def a_motion(**values):
    rng = np.random.default_rng(1)
    start = {
        "rigid": rng.normal(0, 1, (T, 3)).astype(np.float32),
        "confidence": rng.random(T).astype(np.float32),
        "planes": rng.normal(0, 1, (Z, 2)).astype(np.float32),
        "bad_frames": np.array([0, 1, 0, 0, 0, 1], bool),
        "template": rng.random((Z, Y, X)).astype(np.float32),
        "plane_shifts": rng.normal(0, 1, (T, Z, 2)).astype(np.float32),
        "field": rng.normal(0, 1, (T, 1, 2, 3, 3)).astype(np.float32),
        "grid": (np.float32([1]), np.float32([5, 15]), np.float32([4, 13, 22])),
        "scan_phase": 0.25,
        "fingerprint": "ab" * 16,
        "parameters": {"max_shifts": [6.0, 6.0, 1.0], "chosen": {"pw_rigid": np.bool_(True), "sigma": np.float32(2)}},
        "versions": {"cnmf3d": "0.1"},
    }
    return Motion(**{**start, **values})


def same(one, other):
    for name in ("rigid", "confidence", "planes", "bad_frames", "template", "plane_shifts", "field"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("scan_phase", "fingerprint", "versions"):
        assert getattr(one, name) == getattr(other, name)
    assert one.digest() == other.digest()


def test_a_motion_comes_back(tmp_path):
    path = write_motion(a_motion(), tmp_path / "m.motion.hdf5")
    same(read_motion(path), a_motion())
    assert read_motion(path).parameters["chosen"] == {"pw_rigid": True, "sigma": 2.0}
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.motion.hdf5"]
    plain = a_motion(plane_shifts=None, field=None, grid=None)
    same(read_motion(write_motion(plain, path)), plain)
    with h5py.File(path) as file:
        assert file["rigid"].dtype == np.float32 and file["rigid"].shape == (T, 3)
        assert "field" not in file


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="can't be written"):
        write_motion(a_motion(), tmp_path / "nowhere" / "m.motion.hdf5")


def test_damaged_files(tmp_path):
    path = write_motion(a_motion(), tmp_path / "m.hdf5")
    whole = path.read_bytes()
    with pytest.raises(InputError, match="not there"):
        read_motion(tmp_path / "other.hdf5")
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged"):
        read_motion(path)
    for change, words in (
        (lambda f: f.__delitem__("rigid"), "rigid is missing"),
        (lambda f: f.attrs.__setitem__("format", 99), "newer"),
        (lambda f: f.attrs.__setitem__("kind", "else"), "no motion file"),
        (lambda f: f.attrs.__setitem__("parameters", "{"), "damaged"),
        (lambda f: (f.__delitem__("confidence"), f.__setitem__("confidence", np.zeros(2))), "confidence has the shape"),
        (lambda f: (f.__delitem__("planes"), f.__setitem__("planes", np.full((Z, 2), np.inf))), "no number"),
        (lambda f: (f.__delitem__("field"), f.__setitem__("field", np.zeros(2))), "field is"),
    ):
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            change(file)
        with pytest.raises(InputError, match=words) as caught:
            read_motion(path)
        assert str(path) in caught.value.problem and caught.value.fix


def test_a_movie_opens_with_its_motion_file(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", blob(), metadata={"axes": "TZYX"}, imagej=True)
    movie = open_movie(tmp_path / "m.tif", rate=5)
    rigid = np.array([(0, *moved) for moved in MOVED], np.float32)
    found = a_motion(rigid=rigid, planes=np.zeros((Z, 2), np.float32), bad_frames=np.zeros(T, bool))
    found = Motion(rigid, found.confidence, found.planes, found.bad_frames, found.template)
    path = write_motion(found, tmp_path / "m.motion.hdf5")
    stands_still(open_movie(tmp_path / "m.tif", rate=5, motion=path))
    stands_still(open_movie(tmp_path / "m.tif", rate=5, motion=str(path)))
    assert motion_of(found, movie) is found
    other = write_motion(a_motion(), tmp_path / "o.motion.hdf5")
    with pytest.raises(InputError, match="another movie") as caught:
        open_movie(tmp_path / "m.tif", motion=other)
    assert "o.motion.hdf5" in caught.value.problem
    with pytest.raises(InputError, match="not there"):
        open_movie(tmp_path / "m.tif", motion=tmp_path / "none.hdf5")
    (tmp_path / "text.txt").write_text("1 2 3")
    with pytest.raises(InputError, match="no motion file"):
        open_movie(tmp_path / "m.tif", motion=tmp_path / "text.txt")


def caimans(columns):
    """What CaImAn keeps of the blob's motion: by how much it moves each frame back."""
    there = {"y": [-down for down, _ in MOVED], "x": [-right for _, right in MOVED], "z": [0] * T}
    return np.array([there[axis] for axis in columns], float).T


def test_shifts_of_caiman(tmp_path):
    path = tmp_path / "shifts.npy"
    np.save(path, caimans("zyx"))
    stands_still(open_movie(blob(), motion=path))
    np.save(path, caimans("yx"))
    stands_still(open_movie(blob(), motion=path))
    savemat(tmp_path / "s.mat", {"shifts_rig": caimans("zyx")})
    with h5py.File(tmp_path / "new.mat", "w") as file:  # as MATLAB writes version 7.3
        file["shifts_rig"] = caimans("zyx").T
    for name in ("s.mat", "new.mat"):
        stands_still(open_movie(blob(), motion=tmp_path / name))
    np.savez(tmp_path / "s.npz", shifts_rig=caimans("yx"), other=np.zeros(3))
    stands_still(open_movie(blob(), motion=tmp_path / "s.npz"))
    with h5py.File(tmp_path / "s.hdf5", "w") as file:
        file["mc/shifts_rig"] = caimans("zyx")
    stands_still(open_movie(blob(), motion=tmp_path / "s.hdf5"))


def test_shifts_of_caiman_follow_the_axes_of_its_file(tmp_path):
    np.save(tmp_path / "shifts.npy", caimans("xyz"))
    turned = np.ascontiguousarray(blob().transpose(0, 3, 2, 1))
    stands_still(open_movie(turned, axes="txyz", motion=tmp_path / "shifts.npy"))
    with pytest.raises(AssertionError):
        stands_still(open_movie(blob(), motion=tmp_path / "shifts.npy"))


def test_shifts_that_caiman_found_sharpen_its_movie(data, tmp_path):
    where = data / "toy3d_motion_u16.tif"
    shifts = data / "caiman_results" / "toy3d_motion_u16_patch_shifts_rig.npy"
    np.save(tmp_path / "turned.npy", -np.load(shifts))
    before, after, wrong = (
        np.nanmean(open_movie(where, axes="txyz", rate=10, motion=each).read(0, 256, 4), axis=0).std()
        for each in (None, shifts, tmp_path / "turned.npy")
    )
    assert after > 1.05 * before > 1.2 * wrong


def suite2p(folder, **more):
    """What Suite2p keeps: rows and columns that the frame is away from the template."""
    folder.mkdir(parents=True, exist_ok=True)
    down, right = (np.array(each, np.int32) for each in zip(*MOVED, strict=True))
    np.save(folder / "ops.npy", {"yoff": down, "xoff": right, "Ly": Y, "Lx": X, **more}, allow_pickle=True)


def test_shifts_of_suite2p(tmp_path):
    suite2p(tmp_path / "plane0", badframes=np.array([0, 0, 1, 0, 0, 0], bool))
    for source in (tmp_path / "plane0" / "ops.npy", tmp_path / "plane0"):
        movie = open_movie(blob(), motion=source)
        assert np.isnan(movie.read(2, 3)).all()
        assert (movie.read(3, 6)[:, :, 8:12, 10:15] > 1000).all()


def test_every_plane_of_suite2p_moves_by_itself(tmp_path):
    values = blob()
    down, right = (np.array(each) for each in zip(*MOVED, strict=True))
    for plane in range(Z):
        order = np.roll(np.arange(T), plane)
        values[:, plane] = blob([MOVED[i] for i in order])[:, 0]
        folder = tmp_path / "suite2p" / f"plane{plane}"
        folder.mkdir(parents=True)
        np.save(folder / "ops.npy", {"yoff": down[order], "xoff": right[order]}, allow_pickle=True)
    got = open_movie(values, motion=tmp_path).read(0, T)
    assert all((got[t, p, 8:12, 10:15] > 1000).all() for t in range(T) for p in range(Z))
    with pytest.raises(InputError, match="3 planes, the movie has 2"):
        open_movie(values[:, :2], motion=tmp_path / "suite2p")


def test_blocks_of_suite2p_are_a_field(tmp_path):
    still = np.zeros(T, np.int32)
    blocks = {
        "yblock": [np.array([0, 10]), np.array([0, 10]), np.array([10, 20]), np.array([10, 20])],
        "xblock": [np.array([0, 13]), np.array([13, 26]), np.array([0, 13]), np.array([13, 26])],
        "yoff1": np.full((T, 4), 2.0),
        "xoff1": np.full((T, 4), -1.0),
    }
    suite2p(tmp_path, yoff=still, xoff=still, **blocks)
    found = motion_of(tmp_path / "ops.npy", open_movie(blob()))
    assert found.field.shape == (T, 1, 2, 2, 3)
    np.testing.assert_array_equal(found.grid[1], [5, 15])
    got = open_movie(blob([(2, -1)] * T), motion=tmp_path / "ops.npy").read(0, T)
    assert (got[:, :, 8:12, 10:15] > 1000).all()


@pytest.mark.parametrize("name", ["yoff", "yblock", "yoff1", "badframes"])
@pytest.mark.parametrize("value", [{"a": 1}, [{"a": 1}] * T, "text", ["text"] * T, np.zeros((2, 2, 2), "M8[s]")])
def test_ops_with_other_things_in_place_of_numbers(tmp_path, name, value):
    blocks = {each: np.zeros((T, 1)) for each in ("yoff1", "xoff1")} | {
        each: [[0, 10]] for each in ("yblock", "xblock")
    }
    suite2p(tmp_path, **(blocks | {name: value}))
    try:
        motion_of(tmp_path / "ops.npy", open_movie(blob()))
    except InputError as error:
        assert "ops.npy" in str(error) and error.fix


def test_ops_that_run_code_do_not(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'done'}",)

    array = np.empty((), object)
    array[()] = {"yoff": np.zeros(T), "xoff": np.zeros(T), "evil": Evil()}
    with (tmp_path / "ops.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        pickle.dump(array, file)
    open_movie(blob(), motion=tmp_path / "ops.npy")
    assert not (tmp_path / "done").exists()


def test_shifts_that_cannot_be_meant(tmp_path):
    def refused(words, source):
        with pytest.raises(InputError, match=words):
            open_movie(blob(), motion=source)

    np.save(tmp_path / "short.npy", np.zeros((T - 1, 2)))
    refused("5 frames, the movie has 6", tmp_path / "short.npy")
    np.save(tmp_path / "pieces.npy", np.zeros((T, 4, 2)))
    refused("rigid shifts", tmp_path / "pieces.npy")
    (tmp_path / "bad.mat").write_bytes(b"no MATLAB" * 40)
    refused("can't be read as a file of MATLAB", tmp_path / "bad.mat")
    savemat(tmp_path / "none.mat", {"something": np.zeros(3)})
    refused("no shifts_rig", tmp_path / "none.mat")
    np.savez(tmp_path / "none.npz", something=np.zeros(3))
    refused("no shifts_rig", tmp_path / "none.npz")
    np.save(tmp_path / "nan.npy", np.full((T, 2), np.nan))
    refused("no number", tmp_path / "nan.npy")
    np.save(tmp_path / "ops.npy", {"Ly": 3}, allow_pickle=True)
    refused("no shifts of Suite2p", tmp_path / "ops.npy")
    (tmp_path / "empty").mkdir()
    refused("not there|no motion", tmp_path / "empty")
    (tmp_path / "bad.npz").write_bytes(b"PK no zip")
    refused("damaged|can't be read", tmp_path / "bad.npz")
    (tmp_path / "bad.hdf5").write_bytes(b"no hdf5")
    refused("can't be read", tmp_path / "bad.hdf5")
