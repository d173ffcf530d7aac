"""Movies that are registered as they are read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d.errors import InputError, UsageError
from cnmf3d.movies import open_movie
from cnmf3d.movies.cropped import cropped
from cnmf3d.movies.registered import Motion, registered
from cnmf3d.movies.registered.frames import Registered
from cnmf3d.movies.registered.interpolation import MARGIN, RADIUS, STEPS, table, weights_at

T, Z, Y, X = 5, 7, 24, 28
BLOBS = ((2.2, 9.0, 10.5), (4.1, 14.3, 17.0), (3.0, 6.0, 20.0))


def tissue(z, y, x):
    """A smooth scene at any place."""
    total = 10.0
    for centre in BLOBS:
        squares = ((z - centre[0]) / 1.3) ** 2 + ((y - centre[1]) / 1.8) ** 2 + ((x - centre[2]) / 1.8) ** 2
        total = total + 100 * np.exp(-squares / 2)
    return total


def motion(frames=T, shape=(Z, Y, X), **values):
    zero = {
        "rigid": np.zeros((frames, 3), np.float32),
        "confidence": np.ones(frames, np.float32),
        "planes": np.zeros((shape[0], 2), np.float32),
        "bad_frames": np.zeros(frames, bool),
        "template": np.zeros(shape, np.float32),
    }
    return Motion(**{**zero, **values})


def recorded(found, shape=(Z, Y, X)):
    """What a microscope sees of the tissue that moves so, with the field at the place in the template."""
    out = np.empty((found.frames, *shape), np.float32)
    at = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij"), axis=-1)
    for t in range(found.frames):
        offset = np.zeros((*shape, 3))
        offset[..., 1:] = found.planes[:, None, None]
        if found.plane_shifts is not None:
            offset[..., 1:] += found.plane_shifts[t][:, None, None]
        offset[:, 1::2, :, 2] += found.scan_phase
        offset += found.rigid[t]
        place = at - offset
        for _ in range(40 if found.field is not None else 0):
            place = at - offset - field_at(found, t, place)
        out[t] = tissue(*np.moveaxis(place, -1, 0))
    return out


def field_at(found, t, place):
    """The field at places of the template, (..., 3): linear between the grid's points."""
    value = found.field[t].astype(float)
    out = np.zeros(place.shape)
    index, part = [], []
    for axis, grid in enumerate(found.grid):
        between = np.interp(place[..., axis], grid, np.arange(len(grid)))
        low = np.minimum(np.floor(between).astype(int), max(len(grid) - 2, 0))
        index.append((low, np.minimum(low + 1, len(grid) - 1)))
        part.append(between - low)
    for a in (0, 1):
        for b in (0, 1):
            for c in (0, 1):
                weight = np.ones(place.shape[:-1])
                for chosen, share in zip((a, b, c), part, strict=True):
                    weight = weight * (share if chosen else 1 - share)
                out += weight[..., None] * value[index[0][a], index[1][b], index[2][c]]
    return out


STILL = tissue(*np.mgrid[:Z, :Y, :X].astype(float))
RIGID = np.array([[0, 0, 0], [0.3, 1.25, -2.5], [-0.4, -3.0, 0.75], [1.0, 0.5, 0.5], [0.0, 2.6, 2.6]], np.float32)


def check(found, within=1.0):
    """Registered, the scene stands still."""
    got = registered(open_movie(recorded(found), rate=1.0), found).read(0, T)
    inner = (got - STILL)[:, 2:-2, 4:-4, 4:-4]
    assert np.isfinite(inner).mean() > 0.8
    assert np.nanmax(np.abs(inner)) < within
    return got


def test_a_moved_scene_stands_still():
    got = check(motion(rigid=RIGID))
    raw = recorded(motion(rigid=RIGID))
    assert np.abs(raw - STILL).max() > 50
    assert got.dtype == np.float32


def test_planes_that_move_by_themselves():
    rng = np.random.default_rng(0)
    planes = rng.normal(0, 1, (Z, 2)).astype(np.float32)
    own = rng.normal(0, 0.3, (T, Z, 2)).astype(np.float32)
    check(motion(rigid=RIGID, planes=planes), within=1.5)
    check(motion(rigid=RIGID * [0, 0.5, 0.5], planes=planes, plane_shifts=own), within=0.6)


def test_odd_rows_that_are_offset():
    check(motion(rigid=np.float32(RIGID * [1, 0, 1]), scan_phase=0.8))


def a_field():
    rng = np.random.default_rng(1)
    field = rng.normal(0, 0.5, (T, 2, 3, 3, 3)).astype(np.float32)
    field[..., 0] *= 0.3
    grid = (np.array([1, 5], np.float32), np.array([4, 12, 20], np.float32), np.array([4, 14, 24], np.float32))
    return field, grid


def test_a_field_of_displacements():
    field, grid = a_field()
    check(motion(rigid=RIGID, field=field, grid=grid), within=3.0)


def test_a_field_with_planes_and_odd_rows():
    field, grid = a_field()
    planes = np.random.default_rng(2).normal(0, 0.5, (Z, 2)).astype(np.float32)
    flat = motion(rigid=RIGID * [0, 1, 1], planes=planes, scan_phase=0.5, field=field * [0, 1, 1], grid=grid)
    check(flat, within=3.0)


def test_a_field_of_zeros_is_a_rigid_shift():
    _, grid = a_field()
    rigid = motion(rigid=RIGID, planes=np.full((Z, 2), 0.4, np.float32))
    zero = replace(rigid, field=np.zeros((T, 2, 3, 3, 3), np.float32), grid=grid)
    movie = open_movie(recorded(rigid), rate=1.0)
    straight, bent = (registered(movie, each).read(0, T) for each in (rigid, zero))
    np.testing.assert_array_equal(np.isnan(straight), np.isnan(bent))
    np.testing.assert_allclose(straight, bent, atol=0.01)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 6),
    st.integers(1, 9),
    st.integers(1, 11),
    st.tuples(*[st.floats(-6, 6, width=32)] * 3),
    st.floats(-1, 1, width=32),
    st.integers(0, 99),
)
def test_the_kernel_is_its_twin(z, y, x, shift, phase, seed):
    """Against sums over clipped indices in float64, and a mask of what lies within the frame."""
    rng = np.random.default_rng(seed)
    frame = rng.normal(100, 20, (1, z, y, x)).astype(np.float32)
    planes = rng.normal(0, 1, (z, 2)).astype(np.float32)
    found = motion(1, (z, y, x), rigid=np.array([shift], np.float32), planes=planes, scan_phase=float(phase))
    wide = np.empty((z, y, x))
    for p in range(z):
        for row in range(y):
            wide[p, row] = mixed(frame[0, p, row], shift[2] + planes[p, 1] + phase * (row % 2))
    deep = np.stack([mixed(wide[p], shift[1] + planes[p, 0]) for p in range(z)])
    out = mixed(deep, shift[0]) if z > 1 else deep
    source = Registered(open_movie(np.concatenate([frame, frame])).frames, motion_twice(found))
    np.testing.assert_allclose(replace(source, hidden=False).read(0, 1)[0], out, atol=0.02)
    got = source.read(0, 1)[0]
    seen = np.isfinite(got)
    np.testing.assert_allclose(got[seen], out[seen], atol=0.02)
    for index in np.ndindex(z, y, x):
        at = np.add(index, shift)
        near = [p for p in (int(np.floor(at[0])), int(np.ceil(at[0]))) if 0 <= p < z] or [int(np.clip(at[0], 0, z - 1))]
        inside = -MARGIN <= at[0] <= z - 1 + MARGIN
        for p in near:
            for odd in (0, phase):
                inside &= -MARGIN <= at[1] + planes[p, 0] <= y - 1 + MARGIN
                inside &= -MARGIN <= at[2] + planes[p, 1] + odd <= x - 1 + MARGIN
        edge = min(abs(at[0] - round(float(at[0]))), 1)
        if edge > 2e-3 or float(at[0]).is_integer():
            close = [at[0], *(at[1] + planes[near, 0]), *(at[2] + planes[near, 1]), *(at[2] + planes[near, 1] + phase)]
            if min(abs(abs(c % 1) - MARGIN) for c in close) > 1e-3:
                assert seen[index] == inside, (index, at)


def motion_twice(found):
    return Motion(
        rigid=np.repeat(found.rigid, 2, 0),
        confidence=np.ones(2, np.float32),
        planes=found.planes,
        bad_frames=np.zeros(2, bool),
        template=found.template,
        scan_phase=found.scan_phase,
    )


def mixed(values, shift):
    """Values of the first axis, ``shift`` further on; the outermost ones beyond the border."""
    places = np.clip(np.arange(len(values)) + np.float64(shift), 0, len(values) - 1)
    first, weights = weights_at(np.rint(places * STEPS) / STEPS)
    taps = [values[np.clip(first + i, 0, len(values) - 1)].astype(float) for i in range(2 * RADIUS)]
    shape = (-1,) + (1,) * (values.ndim - 1)
    return sum(weights[:, i].astype(float).reshape(shape) * tap for i, tap in enumerate(taps))


def test_weights_sum_to_one_and_keep_whole_places():
    first, weights = weights_at(np.linspace(-3, 3, 61))
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    whole = weights_at(np.array([-2.0, 5.0]))
    np.testing.assert_array_equal(whole[0] + RADIUS - 1, [-2, 5])
    np.testing.assert_array_equal(whole[1][:, RADIUS - 1], 1)
    assert first.dtype == np.int64
    assert table().shape == (STEPS + 1, 2 * RADIUS)
    np.testing.assert_allclose(table()[STEPS // 4], weights_at(np.array(0.25))[1])


def test_what_a_frame_does_not_show_is_nan():
    rigid = np.zeros((T, 3), np.float32)
    rigid[1], rigid[2], rigid[3], rigid[4] = (0, 3, 0), (0, 0, -2.25), (1, 0, 0), (0.4, 0.4, 0.4)
    got = registered(open_movie(np.ones((T, Z, Y, X), np.uint16)), motion(rigid=rigid)).read(0, T)
    assert np.isfinite(got[0]).all()
    assert np.isnan(got[1][:, -3:]).all() and np.isfinite(got[1][:, :-3]).all()
    assert np.isnan(got[2][:, :, :2]).all() and np.isfinite(got[2][:, :, 2:]).all()
    assert np.isnan(got[3][-1]).all() and np.isfinite(got[3][:-1]).all()
    assert np.isfinite(got[4]).all()  # within a voxel's half
    np.testing.assert_allclose(got[np.isfinite(got)], 1, rtol=1e-5)


@pytest.mark.parametrize("kind", ["rigid", "field"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shift", [-0.4, 0.4])
def test_the_template_completes_what_lies_half_a_voxel_beyond_the_border(kind, axis, shift):
    """A scene that is steep at all borders: without the template its outermost voxels would flicker with the motion."""
    steep = np.sin(np.add.reduce([0.35 * g for g in np.mgrid[:Z, :Y, :X]])) * 100
    rigid = np.zeros((T, 3), np.float32)
    rigid[1:, axis] = shift
    _, grid = a_field()
    bent = {"field": np.zeros((T, 2, 3, 3, 3), np.float32), "grid": grid} if kind == "field" else {}
    values = np.empty((T, Z, Y, X), np.float32)
    for t in range(T):
        at = np.moveaxis(np.stack(np.mgrid[:Z, :Y, :X].astype(float), axis=-1) - rigid[t], -1, 0)
        values[t] = np.sin(0.35 * at.sum(axis=0)) * 100
    errors = []
    for template in (np.full((Z, Y, X), np.nan, np.float32), steep.astype(np.float32)):
        got = registered(open_movie(values), motion(rigid=rigid, template=template, **bent)).read(0, T)
        edge = np.take(got[1] - got[0], 0 if shift < 0 else -1, axis=axis)
        errors.append(np.sqrt(np.mean(edge[2:-2, 2:-2] ** 2)))
    assert errors[1] < 0.35 * errors[0], errors


def test_a_frame_that_moved_out_altogether_shows_nothing():
    rigid = np.zeros((T, 3), np.float32)
    rigid[1], rigid[2], rigid[3] = (0, 1000, 0), (0, 0, -1e6), (-50, 0, 0)
    movie = open_movie(np.ones((T, Z, Y, X), np.uint16))
    field, grid = a_field()
    for found in (motion(rigid=rigid), motion(rigid=rigid, field=field, grid=grid)):
        got = registered(movie, found).read(0, T)
        assert np.isnan(got[1:4]).all()
        assert np.isfinite(got[0]).any()


def test_bad_frames_show_nothing():
    bad = np.array([False, True, False, False, True])
    movie = registered(open_movie(recorded(motion())), motion(bad_frames=bad))
    got = movie.read(0, T)
    np.testing.assert_array_equal(np.isnan(got).all(axis=(1, 2, 3)), bad)
    assert movie.metadata["motion"]["bad_frames"] == [1, 4]


def test_missing_values_stay_where_they_are():
    values = recorded(motion())
    values[0, 3, 10, 12] = np.nan
    values[1, :, :2] = np.inf
    values[2] = np.nan
    got = registered(open_movie(values), motion(rigid=RIGID * [1, 1, 0])).read(0, T)
    assert np.isnan(got[0, 3, 10, 12]) and np.isfinite(got[0]).sum() == got[0].size - 1
    np.testing.assert_allclose(
        np.delete(got[0].ravel(), 3 * Y * X + 10 * X + 12), np.delete(STILL.ravel(), 3 * Y * X + 10 * X + 12), rtol=1e-5
    )
    assert np.isnan(got[1, 2, 0]).all() and np.isfinite(got[1, 2, 3]).all()
    assert np.isnan(got[2]).all()


@pytest.mark.parametrize("kind", ["rigid", "planes", "field"])
def test_frames_do_not_depend_on_what_else_is_read(kind, monkeypatch):
    field, grid = a_field()
    found = {
        "rigid": motion(rigid=RIGID),
        "planes": motion(rigid=RIGID, plane_shifts=np.full((T, Z, 2), 0.3, np.float32)),
        "field": motion(rigid=RIGID, field=field, grid=grid),
    }[kind]
    movie = registered(open_movie(recorded(found).astype(np.uint16)), found)
    alone = movie.read(0, T)
    monkeypatch.setattr("cnmf3d.movies.registered.frames.LEAST_VOXELS", 1)
    monkeypatch.setattr("cnmf3d.movies.registered.frames._cores", lambda: 3)
    np.testing.assert_array_equal(movie.read(0, T), alone)
    np.testing.assert_array_equal(movie.read(1, T, 2), alone[1::2])
    np.testing.assert_array_equal(movie.frames.read_rows(2, 3, slice(4, 9)), alone[2, 3, 4:9])
    np.testing.assert_array_equal(movie[2, 3], alone[2, 3])
    np.testing.assert_array_equal(np.asarray(movie), alone)


def test_every_type_of_pixel():
    values = recorded(motion(rigid=RIGID)).astype(np.uint8)
    expected = registered(open_movie(values), motion(rigid=RIGID)).read(0, T)
    for dtype in (np.uint16, np.int16, ">u2", np.int32, np.float64):
        got = registered(open_movie(values.astype(dtype)), motion(rigid=RIGID)).read(0, T)
        np.testing.assert_array_equal(got, expected)


def test_one_plane():
    shape = (1, 20, 22)
    rigid = np.array([[0, 0.5, 0.5], [0, -1, 2]], np.float32)
    values = np.random.default_rng(0).integers(0, 99, (2, *shape)).astype(np.uint16)
    got = registered(open_movie(values), motion(2, shape, rigid=rigid)).read(0, 2)
    np.testing.assert_allclose(got[1][:, 1:, :-2], values[1][:, :-1, 2:], atol=1e-4)


def test_the_fingerprint_tells_motions_apart():
    movie = open_movie(recorded(motion()), rate=1.0)
    other = RIGID.copy()
    other[3, 0] += 1e-3
    prints = [movie.fingerprint(), *(registered(movie, motion(rigid=r)).fingerprint() for r in (RIGID, other))]
    assert len(set(prints)) == 3
    assert registered(movie, motion(rigid=RIGID)).fingerprint() == prints[1]
    part = ((0, 3), (0, Z), (0, Y), (0, X))
    crops = [cropped(registered(movie, motion(rigid=r)), *part).fingerprint() for r in (RIGID, other)]
    assert len(set(crops)) == 2


def test_a_motion_of_another_movie_is_refused():
    movie = open_movie(recorded(motion()), rate=1.0)
    with pytest.raises(InputError, match="4 volumes, the movie 5"):
        registered(movie, motion(4))
    with pytest.raises(InputError, match="28 × 24 × 6"):
        registered(movie, motion(shape=(6, Y, X)))
    with pytest.raises(InputError, match="another movie"):
        registered(movie, motion(fingerprint="0" * 32))
    own = motion(fingerprint=movie.fingerprint())
    assert registered(movie, own).shape == movie.shape
    assert open_movie(recorded(motion()), motion=own).dtype == np.float32
    on_another = motion(fingerprint="0" * 32, parameters={"registered_on": {"fingerprint": movie.fingerprint()}})
    assert registered(movie, on_another).shape == movie.shape
    with pytest.raises(UsageError, match="motion is a int"):
        open_movie(recorded(motion()), motion=3)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="confidence"):
        motion(confidence=np.ones(T + 1, np.float32))
    with pytest.raises(InputError, match="planes"):
        motion(planes=np.zeros((Z, 3), np.float32))
    with pytest.raises(InputError, match="no number"):
        motion(rigid=np.full((T, 3), np.nan, np.float32))
    field, grid = a_field()
    with pytest.raises(InputError, match="grid"):
        motion(field=field)
    with pytest.raises(InputError, match="instead of"):
        motion(field=field[:, :1], grid=grid)
    with pytest.raises(InputError, match="increase"):
        motion(field=field, grid=(grid[0][::-1], *grid[1:]))
