"""Parts of registration against plain numpy, and against what they were made from."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft, ndimage

from cnmf3d.motion.bad_frames import bridged, faint_frames, odd_levels
from cnmf3d.motion.correlation import Field, Matcher, Spectra, path, usual_step
from cnmf3d.motion.frames import live_box
from cnmf3d.motion.kernels import add, binned, faded, highest, move
from cnmf3d.motion.patches import FieldModel, Patches, learn_field
from cnmf3d.motion.products import bounded_products, by_blocks, cell_products, products
from cnmf3d.motion.regression import Basis, Grams, Whitening, regress
from cnmf3d.motion.scanner import plane_offsets, scan_phase, with_lines_back, with_planes_back
from cnmf3d.motion.spectra import displaced, from_waves, pairs, sharpened, smoothed, to_waves

SHAPE = (4, 10, 12)
shifts = st.tuples(*(st.integers(-n - 1, n + 1) for n in SHAPE))


def moved_by(frame: np.ndarray, shift: tuple[int, ...], outside: float = 0.0) -> np.ndarray:
    """``frame(p + shift)``, slowly."""
    out = np.full(frame.shape, outside, np.float32)
    for p in np.ndindex(*frame.shape):
        q = tuple(a + b for a, b in zip(p, shift, strict=True))
        if all(0 <= i < n for i, n in zip(q, frame.shape, strict=True)):
            out[p] = frame[q]
    return out


def image(shape: tuple[int, int, int] = SHAPE, seed: int = 0, blur: float = 1.2) -> np.ndarray:
    """Something smooth."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    smooth = ndimage.gaussian_filter(noise, [blur if n > 1 else 0 for n in shape])
    return (100 * smooth / smooth.std()).astype(np.float32)


@given(shift=shifts, dtype=st.sampled_from(["uint16", "int16", "float32"]))
@settings(max_examples=40, deadline=None)
def test_move(shift: tuple[int, ...], dtype: str) -> None:
    frame = np.random.default_rng(1).integers(0, 1000, SHAPE).astype(dtype)
    out = np.empty(SHAPE, np.float32)
    move(frame, np.array(shift), np.float32(7), out)
    assert np.array_equal(out, moved_by(frame.astype(np.float32) - 7, shift))


@given(
    shift=shifts,
    dtype=st.sampled_from(["uint16", "float32"]),
    images=st.integers(4, 11),
    block=st.sampled_from([1, 3 * SHAPE[2], 512]),
)
@settings(max_examples=40, deadline=None)
def test_products_of_moved_frames(shift: tuple[int, ...], dtype: str, images: int, block: int) -> None:
    with patch("cnmf3d.motion.products.BLOCK", block):  # the last block isn't full, or one holds all rows
        products_are_sums(shift, dtype, images)


def products_are_sums(shift: tuple[int, ...], dtype: str, images: int) -> None:
    """Compare with plain sums."""
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 20, (3, *SHAPE)).astype(dtype)
    if dtype == "float32":
        frames[1, 1, 2, 3], frames[2, 2] = np.nan, np.inf
    expects, measures = rng.normal(0, 1, (2, images, *SHAPE)).astype(np.float32)
    factors, bound = rng.normal(0, 1, (3, images)).astype(np.float32), np.full(SHAPE, 2, np.float32)
    corners, out = np.array([(0, 0, 0), shift, (1, -2, 3)]), np.empty((3, images))
    moved = np.stack([moved_by(f - np.float32(7), c, np.nan) for f, c in zip(frames, corners, strict=True)])
    products(frames, corners, np.float32(7), by_blocks(measures), out)
    plain = np.nan_to_num(moved, posinf=0)
    assert np.allclose(out, np.einsum("tzyx,kzyx->tk", plain, measures), rtol=1e-4, atol=1e-2)
    bounded_products(
        frames, corners, np.float32(7), by_blocks(bound[None]), factors, by_blocks(expects), by_blocks(measures), out
    )
    left = np.where(np.isfinite(moved), np.clip(moved - np.einsum("tk,kzyx->tzyx", factors, expects), -2, 2), 0)
    assert np.allclose(out, np.einsum("tzyx,kzyx->tk", left, measures), rtol=1e-4, atol=1e-2)


@given(shift=shifts)
@settings(max_examples=20, deadline=None)
def test_sums_of_moved_frames(shift: tuple[int, ...]) -> None:
    frames = np.random.default_rng(3).integers(0, 50, (2, *SHAPE)).astype(np.uint16)
    sums, counts = (np.zeros((2, *SHAPE), np.float32) for _ in range(2))
    low, high = np.full(SHAPE, 10, np.float32), np.full(SHAPE, 40, np.float32)
    box = np.array([(1, 4), (2, 9), (0, 12)])
    add(frames, np.array([shift, shift]), np.array([1, -1]), low, high, box, sums, counts)
    expected = moved_by(np.clip(frames[0].astype(np.float32), 10, 40), shift, np.nan)
    inside = np.zeros(SHAPE, bool)
    inside[1:4, 2:9] = True
    assert np.array_equal(sums[1], np.where(inside, np.nan_to_num(expected), 0))
    assert np.array_equal(counts[1], inside & np.isfinite(expected))
    assert not sums[0].any()


@pytest.mark.parametrize("by", [1, 2, 3])
def test_binned(by: int) -> None:
    frame = np.random.default_rng(4).integers(0, 9, (2, 13, 15)).astype(np.uint16)
    out = np.empty((2, 13 // by, 15 // by), np.float32)
    binned(frame, by, out)
    cut = frame[:, : 13 // by * by, : 15 // by * by].reshape(2, 13 // by, by, 15 // by, by)
    assert np.allclose(out, cut.mean(axis=(2, 4)))


def test_planes_are_faded_around_their_mean() -> None:
    frames = np.random.default_rng(5).normal(50, 9, (2, *SHAPE)).astype(np.float32)
    frames[1, 2, 3, 4] = np.nan
    window, out = np.random.default_rng(6).random(SHAPE).astype(np.float32), np.empty((2, *SHAPE), np.float32)
    faded(frames, window, out)
    filled = np.nan_to_num(frames)
    assert np.allclose(out, (filled - filled.mean(axis=(2, 3), keepdims=True)) * window, atol=1e-4)


def test_highest_peaks() -> None:
    z, y, x = np.indices((5, 9, 9))
    one = np.exp(-((z - 2.2) ** 2 + (y - 3.3) ** 2 + (x - 2) ** 2) / 4)
    other = 0.6 * np.exp(-((z - 2) ** 2 + (y - 6) ** 2 + (x - 7) ** 2) / 1)
    out = np.empty((3, 4))
    highest((one + other).astype(np.float32), out)
    assert out[0, :3] == pytest.approx([2.2, 3.3, 2], abs=0.06)
    assert out[1, :3] == pytest.approx([2, 6, 7], abs=0.2)
    assert out[2, 3] == -np.inf


def test_waves_go_there_and_back() -> None:
    one = image()
    assert np.allclose(from_waves(to_waves(one)), one, atol=1e-3)


@pytest.mark.parametrize("length", [20, 48])
def test_terms_describe_a_shift(length: int) -> None:
    axes = (0, 1, 2)
    coordinates = np.indices((length, 40, 44)).astype(float)

    def at(d: np.ndarray) -> np.ndarray:
        z, y, x = (c - s for c, s in zip(coordinates, d, strict=True))
        return np.sin(0.5 * z + 0.3 * x) + np.cos(0.4 * y - 0.2 * z) + np.sin(0.35 * x + 0.4 * y)

    d = np.array([0.3, -0.4, 0.2])
    terms = displaced(at(np.zeros(3)).astype(np.float32), axes)
    factors = [1, *d, *(d[a] * d[b] for a, b in pairs(axes))]
    expected = sum(f * t for f, t in zip(factors, terms, strict=True))
    inner = (slice(4, -4),) * 3
    assert np.abs(expected - at(d))[inner].max() < 0.02


def test_shifts_come_out_in_full() -> None:
    """With Taylor's terms waves of five voxels' length come out 4 % too short."""
    x = np.arange(96.0)
    still, slope = displaced(np.tile(np.cos(1.25 * x), (1, 4, 1)).astype(np.float32), (2,))[:2, 0, 0, 12:-12]
    shifts = np.linspace(-0.5, 0.5, 21)
    found = [np.linalg.lstsq(np.stack([still, slope], 1), np.cos(1.25 * (x - d))[12:-12])[0][1] for d in shifts]
    assert np.polyfit(shifts, found, 1)[0] == pytest.approx(1, abs=0.01)


def test_smoothing_takes_noise_and_leaves_structure() -> None:
    true, rng = image((6, 40, 40), blur=2.5), np.random.default_rng(0)
    one, other = (true + 60 * rng.standard_normal(true.shape).astype(np.float32) for _ in range(2))
    found = from_waves(smoothed(to_waves((one + other) / 2), (to_waves(one), to_waves(other))))
    assert np.sqrt(((found - true) ** 2).mean()) < 0.5 * np.sqrt((((one + other) / 2 - true) ** 2).mean())


def test_sharpening_undoes_what_whole_voxels_leave() -> None:
    x = np.arange(64.0)
    offsets = np.zeros((200, 3))
    offsets[:, 2] = np.random.default_rng(0).uniform(-0.5, 0.5, 200)
    wave = np.cos(np.pi * 20 * (x + 0.5) / 64)
    blurred = np.mean([np.cos(np.pi * 20 * (x - d + 0.5) / 64) for d in offsets[:, 2]], axis=0)
    back = from_waves(sharpened(to_waves(np.tile(blurred, (1, 4, 1)).astype(np.float32)), offsets))[0, 0]
    assert np.abs(back - wave)[2:-2].max() < 0.05 < np.abs(blurred - wave)[2:-2].max()


def plain_basis(template: np.ndarray, axes: tuple[int, ...] = (0, 1, 2)) -> Basis:
    """White noise of variance one."""
    return Basis.of(template, Whitening(np.ones(template.shape, np.float32)), axes)


def seen_in(frames: np.ndarray, basis: Basis) -> np.ndarray:
    """Products of frames that didn't move with the instruments."""
    return np.einsum("tzyx,kzyx->tk", frames.astype(float), basis.instruments.astype(float))


def test_products_over_cells_that_are_narrow_and_wide() -> None:
    one, two = np.random.default_rng(0).standard_normal((2, 6, 3, 5, 60)).astype(np.float32)
    planes, rows, columns = np.array([0, 1, 1]), np.array([0, 0, 0, 1, 1]), np.repeat([0, 1, 2, 3], [1, 20, 37, 2])
    out = np.zeros((2, 2, 4, 6, 6))
    cell_products(one, two, planes, rows, columns, out)
    for z, y, x in np.ndindex(2, 2, 4):
        part = np.ix_(range(6), planes == z, rows == y, columns == x)
        assert np.allclose(out[z, y, x], np.einsum("izyx,jzyx->ij", one[part], two[part]), rtol=1e-4, atol=1e-3)


@given(shift=st.tuples(st.integers(-1, 1), st.integers(-3, 3), st.integers(-2, 2)))
@settings(max_examples=20, deadline=None)
def test_grams_of_what_is_in_view(shift: tuple[int, int, int]) -> None:
    basis = plain_basis(image())
    grams = Grams(basis, (1, 3, 2), ((2,), (5,), (6,)))
    view = np.ones(SHAPE, np.float32)
    seen = moved_by(view, shift) > 0
    for box in (None, (slice(0, 2), slice(5, 10), slice(6, 12))):
        inside = seen.copy()
        if box is not None:
            other = np.ones(SHAPE, bool)
            other[box] = False
            inside[other] = False
        expected = basis.instruments[:, inside].astype(float) @ basis.images[:, inside].T
        assert np.allclose(grams.of(np.array([shift]), box)[0], expected, rtol=1e-3, atol=1e-2 * np.abs(expected).max())


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2)])
def test_regression_finds_shift_brightness_and_constant(axes: tuple[int, ...]) -> None:
    template = image((12, 40, 44), blur=2.0)
    basis = plain_basis(template, axes)
    d = np.where(np.isin(range(3), axes), [0.25, -0.4, 0.3], 0)
    frame = 1.3 * ndimage.shift(template, d, order=5, mode="mirror") + 50
    fit = regress(Grams(basis, (0, 0, 0)).of(np.zeros((1, 3), int)), seen_in(frame[None], basis), axes)
    assert fit.offset[0] == pytest.approx(d, abs=0.03)
    assert fit.brightness[0] == pytest.approx(1.3, abs=0.05)
    assert fit.coefficients[0, -1] == pytest.approx(50, abs=2)


def test_expected_errors_are_true() -> None:
    template, rng = image((6, 30, 30), blur=2.0) / 20, np.random.default_rng(0)
    basis = plain_basis(template)
    frames = template + rng.standard_normal((300, *template.shape)).astype(np.float32)
    gram = np.repeat(Grams(basis, (0, 0, 0)).of(np.zeros((1, 3), int)), 300, axis=0)
    fit = regress(gram, seen_in(frames, basis), (0, 1, 2))
    assert fit.offset.std(axis=0) == pytest.approx(fit.error[:, :3].mean(axis=0), rel=0.2)


def test_nothing_to_see_has_no_certain_shift() -> None:
    basis = plain_basis(np.zeros((3, 20, 20), np.float32))
    fit = regress(Grams(basis, (0, 0, 0)).of(np.zeros((1, 3), int)), np.zeros((1, 11)), (0, 1, 2))
    assert np.isinf(fit.error[0, :3]).all() and not fit.offset.any()


def test_correlation_finds_large_shifts_in_noise() -> None:
    rng = np.random.default_rng(0)
    scene = image((12, 60, 60), blur=2.0)
    true = np.array([1, -4, 6])
    view = (slice(3, 9), slice(10, 50), slice(10, 50))
    frames = []
    for shift in (np.zeros(3, int), true):
        part = tuple(slice(s.start - d, s.stop - d) for s, d in zip(view, shift, strict=True))
        frames += [scene[part] + 150 * rng.standard_normal((6, 40, 40)).astype(np.float32) for _ in range(2)]
    field = Field.of((6, 40, 40), (2, 8, 8))
    waves = field.transform(np.stack(frames).astype(np.float32))
    spectra = Spectra.of(field, waves)
    matcher = Matcher.of(field, scene[view], 1000, spectra)
    assert matcher.peaks(waves)[2, 0, :3] == pytest.approx(true, abs=0.8)


@pytest.mark.parametrize("reach", [(1, 5, 4), (0, 17, 3), (2, 0, 6)])
def test_a_transform_back_has_the_shifts_within_reach(reach: tuple[int, int, int]) -> None:
    field = Field.of((5, 40, 31), reach)
    frames = np.random.default_rng(0).standard_normal((2, 5, 40, 31)).astype(np.float32)
    waves = field.transform(frames)
    whole = fft.irfftn(waves, field.padded, axes=(1, 2, 3))
    near = np.ix_(range(2), *(np.arange(-r, r + 1) for r in reach))
    assert np.allclose(field.shifts(waves), whole[near], atol=1e-4 * np.abs(whole).max())


def test_a_faint_frame_is_found_where_it_is() -> None:
    """At a brightness of 1 the farthest shift would be the best: there the least of the template is in view."""
    rng = np.random.default_rng(0)
    scene = image((3, 60, 60), blur=2.0)
    field = Field.of((3, 40, 40), (0, 8, 8))
    noise = 40 * rng.standard_normal((4, 3, 40, 40)).astype(np.float32)
    view = (slice(None), slice(10, 50), slice(10, 50))
    waves = field.transform(scene[view] + noise)
    matcher = Matcher.of(field, scene[view], 1000, Spectra.of(field, waves[:2]))
    faint = field.transform(0.3 * scene[None, :, 8:48, 13:53] + noise[2])
    assert matcher.peaks(faint)[0, 0, :3] == pytest.approx([0, 2, -3], abs=0.5)


def test_usual_steps_are_those_between_clear_peaks() -> None:
    rng = np.random.default_rng(0)
    peaks = np.zeros((60, 2, 4))
    peaks[:, :, 3] = [20, 0]
    peaks[:, 0, 1] = np.arange(60) * 0.5
    unclear = np.arange(60) % 10 > 3
    peaks[unclear, 0, 3] = 1
    peaks[unclear, 0, 1:3] = rng.uniform(-20, 20, (unclear.sum(), 2))
    assert usual_step(peaks) == pytest.approx([0, 0.5, 0])
    assert not usual_step(peaks[:1]).any()


def test_path_prefers_neighbours_where_peaks_are_alike() -> None:
    peaks = np.zeros((6, 2, 4))
    peaks[:, 0, 3] = 5
    peaks[:, 1, 3] = -np.inf
    peaks[3] = [[0, 9, 9, 6], [0, 0, 0, 5]]
    assert path(peaks, np.array([1.0, 1, 1])).tolist() == [0, 0, 0, 1, 0, 0]
    peaks[3, 0, 3] = 60
    assert path(peaks, np.array([1.0, 1, 1])).tolist() == [0] * 6


def test_bad_frames() -> None:
    level = 100 + np.sin(np.arange(80) / 5)
    level[[20, 50]] = [900, np.nan]
    assert np.flatnonzero(odd_levels(level, 5.0)).tolist() == [20, 50]
    brightness = np.ones(80)
    brightness[10] = 0.1
    assert np.flatnonzero(faint_frames(brightness, np.full(80, 0.05))).tolist() == [10]
    bad = np.zeros(80, bool)
    bad[[0, 5]] = True
    assert bridged(np.arange(80.0)[:, None], bad)[[0, 5], 0].tolist() == [1, 5]


def test_live_box_leaves_out_margins() -> None:
    frames = np.random.default_rng(0).integers(0, 9, (6, 3, 20, 20)).astype(np.float32)
    frames[:, 2] = 4
    frames[:, :, :3] = np.nan
    frames[:, :, :, 17:] = 0
    assert live_box(frames) == (slice(0, 2), slice(4, 20), slice(0, 17))
    assert live_box(np.zeros((4, 2, 5, 6))) == (slice(0, 2), slice(0, 5), slice(0, 6))


@pytest.mark.parametrize("phase", [0.0, -1.4, 0.5, 3.0])
def test_scan_phase(phase: float) -> None:
    frames = np.stack([image((1, 60, 80), seed, 2.0) for seed in range(4)])
    frames[:, :, 1::2] = ndimage.shift(frames[:, :, 1::2], (0, 0, 0, phase), order=3, mode="nearest")
    assert scan_phase(frames) == pytest.approx(phase, abs=0.1)
    whole = np.arange(24).reshape(1, 1, 4, 6)
    assert with_lines_back(whole, 2)[0, 0].tolist()[:2] == [[0, 1, 2, 3, 4, 5], [8, 9, 10, 11, 11, 11]]


def test_plane_offsets() -> None:
    scene = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((5, 60, 60)), (2.0, 1.5, 1.5))
    off = np.array([[0, 0], [2, -3], [0, 0], [0, 4], [0, 0]])
    moved = np.stack([np.roll(plane, shift, axis=(0, 1)) for plane, shift in zip(scene, off, strict=True)])
    assert np.abs(plane_offsets(moved.astype(np.float32)) - off).max() < 0.3
    assert not plane_offsets(scene.astype(np.float32)).any()
    back = with_planes_back(moved[None], off)[0]
    assert np.array_equal(back[:, 5:-5, 5:-5], scene[:, 5:-5, 5:-5])


def test_field_is_found_where_patches_agree_only() -> None:
    rng = np.random.default_rng(0)
    patches = Patches.of((1, 96, 96), 0.03, (1, 16, 16))
    count = len(patches.boxes)
    noise: Any = 0.3 * rng.standard_normal((300, count, 3)) * [0, 1, 1]
    errors = np.full(noise.shape, 0.3)
    assert not learn_field(noise, errors, patches).helps
    place = patches.places[:, 2] / 96 - 0.5
    true = np.zeros_like(noise)
    true[..., 1] = rng.standard_normal((300, 1)) * place * 2
    model = learn_field(true + noise, errors, patches)
    assert model.helps
    left = model.smooth(true + noise, errors) - true
    assert np.sqrt((left[..., 1] ** 2).mean()) < 0.2
    assert not model.smooth(true + noise, errors)[..., 2].any()


def field_model(warp: float, error: float, seed: int = 0) -> tuple[FieldModel, np.ndarray, np.ndarray]:
    """A field that was learned from frames that warp along y and x, and deviations of other frames that don't."""
    rng = np.random.default_rng(seed)
    patches = Patches.of((1, 100, 100), 1.0, (1, 20, 20))
    apart = ((patches.places[:, None] - patches.places[None]) / 40) ** 2
    root = np.linalg.cholesky(np.exp(-0.5 * apart.sum(axis=2)) + 1e-6 * np.eye(25))
    errors = np.full((120, 25, 3), error)
    noise = error * rng.standard_normal((2, 120, 25, 3))
    moved = warp * np.einsum("pq,tqa->tpa", root, rng.standard_normal((120, 25, 3)))
    moved[..., 0] = 0
    model = learn_field(moved + noise[0], errors, patches)
    return model, moved + noise[0], noise[1]


def test_a_field_that_other_frames_show_is_kept_and_one_that_they_do_not_is_left() -> None:
    model, warped, still = field_model(0.6, 0.2)
    errors = np.full(warped.shape, 0.2)
    assert model.gains.any(axis=(1, 2)).tolist() == [False, True, True]
    assert model.confirmed(warped[::3], errors[::3]).helps  # the same motion
    assert not model.confirmed(still[::3], errors[::3]).helps  # patches predict nothing of one another
    half = np.where(np.arange(3) == 1, warped, still)
    assert model.confirmed(half[::3], errors[::3]).gains.any(axis=(1, 2)).tolist() == [False, True, False]


def test_bursts_of_motion_are_no_doubt_that_there_is_a_field() -> None:
    """Where most of the motion lies in one stretch of time, its share that patches predict is as sure."""
    model, warped, still = field_model(0.6, 0.2)
    errors = np.full(warped.shape, 0.2)
    bursts = np.where(np.arange(len(warped))[:, None, None] < 20, 2 * warped, 0.4 * warped + still)
    assert model.confirmed(bursts[::3], errors[::3]).gains.any(axis=(1, 2)).tolist() == [False, True, True]


def test_a_patch_that_sees_nothing_has_no_say_in_whether_there_is_a_field() -> None:
    model, warped, _ = field_model(0.6, 0.2)
    errors = np.full(warped.shape, 0.2)
    errors[:, 7] = np.inf
    spoiled = np.where(np.isfinite(errors), warped, 100.0)
    assert model.confirmed(spoiled[::3], errors[::3]).helps
