"""Files that make volumes only together: planes, times and channels in names, pages cut into files anywhere."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.cli.app import call
from cnmf3d.errors import ChoiceError, InputError, UsageError
from cnmf3d.movies.naming import gap_in, grid_of

T, Z, C = 12, 5, 2
VALUES = np.arange(T * Z * 4 * 6, dtype=np.uint16).reshape(T, Z, 4, 6)
BOTH = np.stack([VALUES, VALUES + 5000], axis=2)
FLAT = VALUES.reshape(-1, 4, 6)


def put(path, pages, **more):
    """A plain TIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pages, photometric="minisblack", **{"metadata": None, **more})


def said(movie):
    """All cautions but that of the rate."""
    return " ".join(text for text in movie.warnings if "rate" not in text)


def assert_is(movie, values):
    """All of it, parts of it, rows of it."""
    assert movie.shape == values.shape and movie.dtype == values.dtype
    assert np.array_equal(movie.read(0, len(values)), values)
    assert np.array_equal(movie.read(1, 8, 3), values[1:8:3])
    assert np.array_equal(movie.frames.read_rows(2, 1, slice(1, 3)), values[2, 1, 1:3])


SCHEMES = (
    "x_t{t:03d}_z{z:02d}",
    "x_Z{z:03d}_T{t:04d}",
    "x_T{t}_Z{z}_1",
    "x_t{t:04d}_z{z:03d}_c001",
    "C001Z{z:03d}T{t:03d}",
    "Image_t{t:02d}z{z:02d}c1_ORG",
    "plane{z}/x_{t:05d}",
    "z{z:03d}_{t}",
    "time {t}/slice {z}",
    "{t:06d}_plane-{z}",
    "ChanA_001_001_{z:03d}_{t:03d}",
    "img_{t:09d}_GFP_{z:03d}",
    "img_channel000_position000_time{t:09d}_z{z:03d}",
    "TP{t:03d}_Zpos{z:02d}",
    "e_w1GFP_s1_t{t}_z{z}",
)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_file_for_each_plane_and_time(tmp_path, scheme):
    files = []
    for t, z in np.ndindex(T, 2):
        files.append(tmp_path / f"{scheme.format(t=t, z=z + 1)}.tif")
        put(files[-1], VALUES[t, z], compression="zlib" if t % 2 else None)
    movie = open_movie(files)
    assert_is(movie, VALUES[:, :2])
    assert f"2 planes ({grid_of(list(map(str, files))).planes[0]} to" in said(movie)


@pytest.mark.parametrize(
    "scheme",
    [
        "x_t{t:03d}_z{z:02d}.tif",
        "plane{z}/x_{t}.tif",
        "t{t:03d}/z{z:03d}.tif",
        "time {t}/slice {z}.tif",
        "Pos0/img_{t:09d}_Default_{z:03d}.tif",
        "Default/img_channel000_position000_time{t:09d}_z{z:03d}.tif",
    ],
)
@pytest.mark.parametrize("how", [{}, {"planes": 5}, {"axes": "yx"}, {"axes": "tzyx"}])
def test_a_folder_of_planes(tmp_path, scheme, how):
    for t in range(T):
        for z in range(Z):
            put(tmp_path / scheme.format(t=t, z=z), VALUES[t, z])
    assert_is(open_movie(tmp_path, **how), VALUES)


def test_columns_before_rows(tmp_path):
    for z in range(Z):
        put(tmp_path / f"plane{z}.tif", VALUES[:, z].transpose(0, 2, 1))
    assert_is(open_movie(tmp_path, axes="txy"), VALUES)


def test_a_file_for_each_plane(tmp_path):
    for z in range(Z):
        put(tmp_path / f"plane{z}.tif", VALUES[:, z])
    movie = open_movie(tmp_path)
    assert_is(movie, VALUES)
    assert "put together by their names: 5 planes (0 to 4)" in said(movie)


def test_a_file_for_each_plane_and_stretch_of_time(tmp_path):
    for z in range(Z):
        for name, part in (("a", VALUES[:7, z]), ("b", VALUES[7:, z])):
            put(tmp_path / f"{name}_z{z}.tif", part)
    assert_is(open_movie(tmp_path), VALUES)


def test_a_file_for_each_plane_with_frames_named(tmp_path):
    for z in range(Z):
        put(tmp_path / f"z{z}.tif", VALUES[:, z], imagej=True, metadata={"axes": "TYX"})
    assert_is(open_movie(tmp_path), VALUES)


def test_files_named_by_planes_that_hold_volumes(tmp_path):
    for z in range(2):
        put(tmp_path / f"z{z}.tif", VALUES, imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(InputError, match="2 planes") as error:
        open_movie(tmp_path)
    assert 'axes="tzyx"' in error.value.fix
    assert_is(open_movie(tmp_path, axes="tzyx"), np.concatenate([VALUES, VALUES]))


def test_a_file_for_each_channel(tmp_path):
    for t in range(T):
        for c in range(C):
            put(tmp_path / f"x_{t:03d}_ch{c}.tif", BOTH[t, :, c])
    with pytest.raises(InputError, match="2 channels"):
        open_movie(tmp_path)
    for c in range(C):
        assert_is(open_movie(tmp_path, channel=c), BOTH[:, :, c])
        assert_is(open_movie(str(tmp_path / f"*ch{c}.tif"), axes="zyx"), BOTH[:, :, c])


def test_channels_of_a_flat_list_in_files_of_their_own(tmp_path):
    for c in range(C):
        put(tmp_path / f"ch{c}.tif", BOTH[:, :, c].reshape(-1, 4, 6))
    assert_is(open_movie(tmp_path, channel=1, planes=5), BOTH[:, :, 1])
    assert open_movie(tmp_path, channel=1).shape == (60, 1, 4, 6)


def test_a_file_for_each_plane_time_and_channel(tmp_path):
    for t, z, c in np.ndindex(T, Z, C):
        put(tmp_path / f"t{t}z{z}c{c}.tif", BOTH[t, z, c])
    assert_is(open_movie(tmp_path, channel=1), BOTH[:, :, 1])


def test_a_file_that_is_missing_is_named(tmp_path):
    for t, z in np.ndindex(T, Z):
        put(tmp_path / f"t{t:02d}_z{z}.tif", VALUES[t, z])
    (tmp_path / "t11_z3.tif").unlink()
    movie = open_movie(tmp_path)
    assert_is(movie, VALUES[:11])
    assert "lacks plane 3 and is left out" in said(movie)
    (tmp_path / "t05_z2.tif").unlink()
    with pytest.raises(InputError, match="plane 2 is missing at 't05_z#'"):
        open_movie(tmp_path)


def test_planes_of_different_lengths(tmp_path):
    for z in range(Z):
        put(tmp_path / f"plane{z}.tif", VALUES[: T - (z > 2), z])
    movie = open_movie(tmp_path)
    assert_is(movie, VALUES[:11])
    assert "plane3.tif has 11 pages" in said(movie)
    put(tmp_path / "plane4.tif", VALUES[:4, 4])
    with pytest.raises(InputError, match=r"plane4\.tif has 4 pages"):
        open_movie(tmp_path)


@pytest.mark.parametrize("scheme", ["f_{i:04d}_z{z}", "z{z}/f_{i}", "{i}-plane {z}"])
def test_one_counter_through_all_planes(tmp_path, scheme):
    for i, (t, z) in enumerate(np.ndindex(T, Z)):
        if i < 58:
            put(tmp_path / f"{scheme.format(i=i, z=z)}.tif", VALUES[t, z])
    movie = open_movie(tmp_path)
    assert_is(movie, VALUES[:11])
    assert "lacks plane 3 and is left out" in said(movie)


def test_planes_recorded_one_after_the_other(tmp_path):
    for z in range(Z):
        put(tmp_path / f"plane{z}_2026013{z}.tif", VALUES[:, z])
    assert_is(open_movie(tmp_path), VALUES)


def test_a_file_whose_name_numbers_no_plane(tmp_path):
    for z in range(Z):
        put(tmp_path / f"plane{z}.tif", VALUES[:, z])
    put(tmp_path / "mean.tif", VALUES[0, 0])
    with pytest.raises(InputError, match=r"mean\.tif numbers no plane, those of 5 others do"):
        open_movie(tmp_path)
    assert_is(open_movie(str(tmp_path / "plane*")), VALUES)


def test_positions_are_movies_of_their_own(tmp_path):
    for p, t in np.ndindex(2, 3):
        put(tmp_path / f"img_position{p:03d}_time{t:03d}_z000.tif", VALUES[t])
    with pytest.raises(InputError, match="2 positions") as error:
        open_movie(tmp_path)
    assert "position000" in error.value.fix
    assert open_movie(str(tmp_path / "*position000*"), axes="zyx").shape == (3, Z, 4, 6)


def test_folders_of_positions_are_listed(tmp_path, capsys):
    for p, t in np.ndindex(2, 3):
        put(tmp_path / f"Pos{p}" / f"img_{t:09d}_Default_000.tif", VALUES[t, 0] + p)
    with pytest.raises(ChoiceError, match="2 positions") as error:
        open_movie(tmp_path)
    assert error.value.choices == ("Pos0", "Pos1") and str(tmp_path / "Pos0") in error.value.fix
    assert np.array_equal(open_movie(tmp_path / "Pos1").read(0, 3)[:, 0], VALUES[:3, 0] + 1)
    assert call(["info", str(tmp_path)]) == 0
    assert "Pos1" in capsys.readouterr().out


def test_folders_of_times_hold_volumes_each(tmp_path):
    for t in range(T):
        put(tmp_path / f"TM{t:05d}" / "SPM00.tif", VALUES[t])
    assert_is(open_movie(tmp_path), VALUES)


def test_wavelengths_with_their_names_are_channels(tmp_path):
    for t, z, (c, name) in ((t, z, each) for t in range(3) for z in range(Z) for each in enumerate(("w1GFP", "w2Cy3"))):
        put(tmp_path / f"e_{name}_s1_t{t + 1}_z{z + 1}.tif", VALUES[t, z] + 1000 * c)
    assert np.array_equal(open_movie(tmp_path, channel=1).read(0, 3), VALUES[:3] + 1000)


@pytest.mark.parametrize(("suffix", "said"), [("avi", "ffmpeg"), ("MP4", "ffmpeg"), ("isxd", "Export Movie")])
def test_a_folder_of_files_that_are_not_read_says_how_to_convert(tmp_path, suffix, said):
    (tmp_path / "metaData.json").write_text("{}")
    for n in range(2):
        (tmp_path / f"{n}.{suffix}").write_bytes(b"RIFF" * 9)
    with pytest.raises(InputError, match="doesn't read") as error:
        open_movie(tmp_path)
    assert said in error.value.fix


def test_pages_of_different_sizes(tmp_path):
    for z in range(Z):
        put(tmp_path / f"plane{z}.tif", VALUES[:, z, : 4 - (z == 3)])
    with pytest.raises(InputError, match=r"plane3\.tif has pages of 6 × 3"):
        open_movie(tmp_path)


@pytest.mark.parametrize("pages", [1, 7, 10, 12])
def test_pages_cut_into_files_anywhere(tmp_path, pages):
    for number, start in enumerate(range(0, len(FLAT), pages)):
        put(tmp_path / f"m_{number}.tif", FLAT[start : start + pages])
    movie = open_movie(tmp_path, planes=5)
    assert_is(movie, VALUES)
    assert ("run on from file to file" in said(movie)) == (pages in (7, 12))
    assert_is(open_movie(tmp_path, planes=5, axes="tzyx"), VALUES)


def test_single_pages_without_planes_are_said(tmp_path):
    for number, page in enumerate(FLAT):
        put(tmp_path / f"m_{number}.tif", page)
    movie = open_movie(tmp_path)
    assert movie.shape == (60, 1, 4, 6) and "60 frames of one plane" in said(movie)
    assert "planes=5 (12 volumes)" in said(movie)


def test_a_recording_that_was_stopped_within_a_volume(tmp_path):
    put(tmp_path / "m.tif", FLAT[:58])
    movie = open_movie(tmp_path / "m.tif", planes=5)
    assert_is(movie, VALUES[:11])
    assert "the last 3 are left out" in said(movie) and "2 (29 volumes)" in said(movie)
    with pytest.raises(InputError, match="58 pages, which are no multiple of planes=40"):
        open_movie(tmp_path / "m.tif", planes=40)
    with pytest.raises(InputError, match="no multiple"):
        open_movie(tmp_path / "m.tif", planes=5, axes="ztyx")
    assert_is(open_movie(FLAT[:58], planes=5), VALUES[:11])


def test_suffixes_of_one_format(tmp_path):
    put(tmp_path / "m_1.tif", FLAT[:30])
    put(tmp_path / "m_2.tiff", FLAT[30:])
    assert_is(open_movie(tmp_path, planes=5), VALUES)


def test_channels_in_a_flat_list(tmp_path):
    pages = BOTH.reshape(-1, 4, 6)
    put(tmp_path / "m.tif", pages)
    with pytest.raises(InputError, match="2 channels"):
        open_movie(tmp_path / "m.tif", planes=5, channels=2)
    for c in range(C):
        assert_is(open_movie(tmp_path / "m.tif", planes=5, channels=2, channel=c), BOTH[:, :, c])
    put(tmp_path / "n.tif", BOTH.transpose(0, 2, 1, 3, 4).reshape(-1, 4, 6))
    assert_is(open_movie(tmp_path / "n.tif", planes=5, channels=2, channel=1, axes="tczyx"), BOTH[:, :, 1])
    (tmp_path / "n.tif").unlink()
    put(tmp_path / "m.tif", pages[:71])
    put(tmp_path / "m_2.tif", pages[71:115])
    movie = open_movie(tmp_path, planes=5, channels=2, channel=1)
    assert_is(movie, BOTH[:11, :, 1])
    assert "no multiple of planes=5 and channels=2: the last 5 are left out" in said(movie)
    one = open_movie(pages, channels=2, channel=1)
    assert np.array_equal(one.read(0, 60)[:, 0], BOTH[:, :, 1].reshape(-1, 4, 6))


def test_channels_that_the_file_names(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", BOTH, imagej=True, metadata={"axes": "TZCYX"})
    assert_is(open_movie(tmp_path / "m.tif", channels=2, planes=5, channel=1), BOTH[:, :, 1])
    with pytest.raises(UsageError, match="channels is 3"):
        open_movie(tmp_path / "m.tif", channels=3)
    with pytest.raises(UsageError, match="channels is 0"):
        open_movie(FLAT, channels=0)


def test_numbers_that_skip_some(tmp_path):
    for t in (0, 1, 2, 5, 6, 7, 8):
        put(tmp_path / f"v{t}.tif", VALUES[t])
    movie = open_movie(tmp_path, axes="zyx")
    assert np.array_equal(movie.read(0, 9), VALUES[[0, 1, 2, 5, 6, 7, 8]])
    assert "2 files are missing (after v2.tif)" in said(movie)
    assert gap_in(["a1", "a2", "a10"]) == gap_in(["a0900", "a0917", "a1033", "a1520", "a1601"]) == ""
    assert gap_in(["a0", "a10", "a20", "a30", "a40"]) == ""


def test_names_that_number_no_planes():
    for names in (["trial_1", "trial_2"], ["c1", "c2"], ["mouse_z1_1", "mouse_z1_2"], ["xyz1", "xyz2"], ["t1", "t2"]):
        assert grid_of(names) is None
    with pytest.raises(InputError, match="same plane"):
        grid_of(["z1.tif", "z1.tiff", "z2.tif"])
    grid = grid_of(["a/z0", "a/z10", "a/z40"])
    assert grid is not None and "unevenly spaced" in grid.cautions[0]


@settings(deadline=None)
@given(
    times=st.integers(1, 4),
    planes=st.integers(1, 4),
    channels=st.integers(1, 3),
    seed=st.randoms(use_true_random=False),
)
def test_any_order_of_names(times, planes, channels, seed):
    wanted = [(t, z, c) for t in range(times) for z in range(planes) for c in range(channels)]
    seed.shuffle(wanted)
    grid = grid_of([f"/d/x_t{t:02d}_z{z:02d}_c{c}.tif" for t, z, c in wanted])
    if planes == channels == 1:
        assert grid is None
    else:
        assert grid is not None
        for t, z, c in wanted:
            assert wanted[grid.files[t][z][c]] == (t, z, c)


def test_channels_of_volumes_in_files_of_their_own(tmp_path):
    for t in range(T):
        put(tmp_path / f"m_{t:02d}.tif", BOTH[t].reshape(-1, 4, 6))
    movie = open_movie(tmp_path, channels=2, channel=1)
    assert_is(movie, BOTH[:, :, 1])
    assert "planes of one volume" in said(movie)
    assert_is(open_movie(tmp_path, channels=2, planes=5, channel=1), BOTH[:, :, 1])


def test_channels_by_names_with_the_axes_of_a_file(tmp_path):
    for t, c in np.ndindex(T, C):
        put(tmp_path / f"x_{t:03d}_ch{c}.tif", BOTH[t, :, c])
    assert_is(open_movie(tmp_path, channel=1, axes="zyx"), BOTH[:, :, 1])
    for c in range(C):
        put(tmp_path / "movies" / f"ch{c}.tif", BOTH[:, :, c], imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(InputError, match="2 channels") as error:
        open_movie(tmp_path / "movies")
    assert "pattern" in error.value.fix


def test_single_pages_plane_after_plane(tmp_path):
    for number, page in enumerate(VALUES.swapaxes(0, 1).reshape(-1, 4, 6)):
        put(tmp_path / f"m_{number}.tif", page)
    movie = open_movie(tmp_path, planes=5, axes="ztyx")
    assert np.array_equal(movie.read(0, T), VALUES)


def test_cautions_of_later_files_and_rates_that_differ(tmp_path):
    put(tmp_path / "a.tif", VALUES[:5], imagej=True, metadata={"axes": "TZYX", "finterval": 0.2})
    put(tmp_path / "b.tif", VALUES[5:], imagej=True, metadata={"axes": "TZYX", "finterval": 0.5})
    movie = open_movie(tmp_path)
    assert movie.rate == 5 and any("b.tif says 2 Hz" in text for text in movie.warnings)


def test_a_sidecar_says_the_channels(tmp_path):
    put(tmp_path / "m.tif", BOTH.reshape(-1, 4, 6))
    (tmp_path / "m.json").write_text('{"fps": 3, "planes": 5, "channels": 2}')
    assert_is(open_movie(tmp_path / "m.tif", channel=1), BOTH[:, :, 1])
    (tmp_path / "m.json").write_text('{"fps": 3, "planes": 5, "channels": 0}')
    with pytest.raises(InputError, match="channels = 0"):
        open_movie(tmp_path / "m.tif", channel=1)
    (tmp_path / "m.json").write_text('{"fps": 3, "planes": 5, "channels": ["green", "red"]}')
    assert open_movie(tmp_path / "m.tif").shape == (24, 5, 4, 6)


@pytest.mark.parametrize("planes", [None, 4, 5])
def test_two_channels_that_nobody_told_of(tmp_path, planes):
    rng = np.random.default_rng(0)
    means = 500 + 200 * np.sin(np.arange(planes or 1) * 1.2)[:, None] + np.array([0, 1500])
    pages = rng.poisson(np.resize(means, 40)[:, None, None], (40, 8, 8)).astype(np.uint16)
    put(tmp_path / "m.tif", pages)
    assert "bright and dim in turn" in said(open_movie(tmp_path / "m.tif", planes=planes))
    assert "in turn" not in said(open_movie(tmp_path / "m.tif", planes=planes or 1, channels=2, channel=0))
    put(tmp_path / "n.tif", pages[::2])
    assert "in turn" not in said(open_movie(tmp_path / "n.tif", planes=planes))


@pytest.mark.parametrize(("planes", "rate"), [(5, 4), (10, 2), (None, 4)])
def test_rate_of_files_that_are_cut_otherwise(tmp_path, planes, rate):
    tifffile.imwrite(tmp_path / "m.tif", VALUES, imagej=True, metadata={"axes": "TZYX", "finterval": 0.25})
    movie = open_movie(tmp_path / "m.tif", planes=planes)
    assert movie.shape[1] == (planes or 5) and movie.rate == rate
    assert ("volumes of 5 planes: 2 volumes a second" in " ".join(movie.warnings)) == (planes == 10)


def test_rate_of_planes_that_are_put_together(tmp_path):
    for z in range(Z):
        put(tmp_path / f"plane{z}.tif", VALUES[:, z], imagej=True, metadata={"axes": "TYX", "finterval": 0.25})
    for planes in (None, 5):
        assert open_movie(tmp_path, planes=planes).rate == 4
