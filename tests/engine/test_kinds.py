"""Kinds of components, outlines, doubles, and the size that counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from cnmf3d.engine.block import with_data
from cnmf3d.engine.estimates import median_by_area
from cnmf3d.engine.evaluation.decision import decide, judge
from cnmf3d.engine.evaluation.doubles import FOLLOWS, is_double
from cnmf3d.engine.evaluation.kinds import ENOUGH, outline_smoothness, soma_probability, width_and_aspect
from cnmf3d.engine.full_rate import looks_of
from cnmf3d.engine.plan import Plan
from cnmf3d.geometry import ZYX

SHAPE = (5, 48, 48)
Z, Y, X = np.indices(SHAPE)


def columns(*volumes):
    return sparse.csc_array(np.stack([v.ravel() for v in volumes], axis=1).astype(np.float32))


def disk(z, y, x, radius):
    return ((Y - y) ** 2 + (X - x) ** 2 <= radius**2) & (z == Z)


def ball(radius):
    return radius**2 >= (Y - 24) ** 2 + (X - 24) ** 2 + 9 * (Z - 2) ** 2


def blob(y, x, sigma):
    values = np.exp(-0.5 * (((Y - y) / sigma) ** 2 + ((X - x) / sigma) ** 2 + ((Z - 2) / 1.2) ** 2))
    return np.where(values > 0.05, values, 0)


# ---- width and outline


@pytest.mark.parametrize("radius", [3, 5, 9])
def test_the_width_of_a_disk_is_its_diameter_and_of_a_line_its_narrow_side(radius):
    line = (np.abs(Y - 24) < 1.5) & (np.abs(X - 24) < 3 * radius) & (Z == 2)
    turned = (np.abs(Y - X) <= 2) & (np.abs(Y + X - 48) < 6 * radius) & (Z == 2)
    width, aspect = width_and_aspect(columns(disk(2, 24, 24, radius), ball(radius), line, turned), SHAPE)
    assert aspect[:2] == pytest.approx(1, abs=0.02) and (aspect[2:] > 1.9 * radius / 3).all()
    assert width[0] == pytest.approx(2 * radius + 0.5, abs=0.7)
    assert width[1] < 2 * radius + 1
    assert width[2] == pytest.approx(4 * 3 / 12**0.5, rel=0.05)  # a rectangle, 3 wide
    assert width[3] < 6


def test_widths_count_what_is_above_the_outline_only():
    faint = blob(24, 24, 3.0) + 0.1 * disk(2, 24, 24, 20)
    assert width_and_aspect(columns(faint), SHAPE)[0][0] == pytest.approx(
        2 * 3 * (2 * np.log(1 / 0.3)) ** 0.5, rel=0.12
    )


def test_outlines_of_disks_and_squares_are_smooth_and_what_noise_makes_is_ragged():
    rng = np.random.default_rng(0)
    square = (np.abs(Y - 24) <= 5) & (np.abs(X - 24) <= 5) & (Z == 2)
    ellipse = ((Y - 24) / 4) ** 2 + ((X - 24) / 12) ** 2 <= 1
    ragged = disk(2, 24, 24, 9) & (rng.random(SHAPE) < 0.7)
    cross = (((np.abs(Y - 24) < 1) & (np.abs(X - 24) < 12)) | ((np.abs(X - 24) < 1) & (np.abs(Y - 24) < 12))) & (Z == 2)
    smooth = outline_smoothness(columns(disk(2, 24, 24, 9), square, ellipse & (Z == 2), ragged, cross), SHAPE)
    # a disk of pixels has the sides of the square around it: 16 π r² / (8 r + 4)² for one with a middle pixel
    assert smooth[0] == pytest.approx(16 * np.pi * 9**2 / 76**2, abs=0.01) and smooth[1] == pytest.approx(1, abs=1e-6)
    assert smooth[2] == pytest.approx(16 * np.pi * 4 * 12 / (2 * (9 + 25)) ** 2, abs=0.03)
    assert smooth[3] < 0.45 and smooth[4] < 0.1  # holes are filled, but what noise leaves is ragged outside, too


def test_the_hole_of_a_ring_says_nothing_of_its_outline():
    """Where the indicator keeps out of the nucleus, cells are rings."""
    whole = disk(2, 24, 24, 7)
    ring = whole & ~disk(2, 24, 24, 5)
    open_ring = ring & ~((np.abs(Y - 24) < 2) & (X > 24))
    found = outline_smoothness(columns(whole, ring, open_ring), SHAPE)
    assert found[1] == found[0] > 0.6 and found[2] < 0.3


def test_shapes_are_judged_as_results_show_them_though_noise_differs_from_voxel_to_voxel():
    noise = np.exp(np.random.default_rng(3).normal(0, 1, SHAPE)).astype(np.float32).ravel()
    cell = columns(disk(2, 24, 24, 7))
    in_noise = with_data(cell, cell.data / noise[cell.indices])
    plain = looks_of(cell, np.ones_like(noise), SHAPE, ZYX(1, 3, 3))
    found = looks_of(in_noise, noise, SHAPE, ZYX(1, 3, 3))
    assert all(found[name] == pytest.approx(plain[name], rel=1e-5) for name in plain)
    assert outline_smoothness(in_noise, SHAPE)[0] < 0.3 < found["smoothness"][0]


def test_in_a_volume_the_plane_where_it_is_largest_counts():
    rng = np.random.default_rng(1)
    speckled = ball(9) & ((Z == 2) | (rng.random(SHAPE) < 0.5))  # ragged in the other planes only
    found = outline_smoothness(columns(ball(9), speckled), SHAPE)
    assert found[0] > 0.65 and found[1] == found[0]


def test_outlines_do_not_reach_round_the_border_of_the_volume():
    """The last voxel of a row and the first of the next follow each other in memory, and don't touch."""
    both = ((X == 47) | (X == 0)) & (np.abs(Y - 24) < 4) & (Z == 2)
    one = (X == 47) & (np.abs(Y - 24) < 4) & (Z == 2)
    bottom = ((Y == 47) & (Z == 1) | (Y == 0) & (Z == 2)) & (X < 7)
    found = outline_smoothness(columns(both, one, bottom), SHAPE)
    assert found[0] == pytest.approx(16 * 14 / 32**2) and found[1] == pytest.approx(16 * 7 / 16**2)
    assert found[2] == pytest.approx(16 * 7 / 16**2)


def test_nothing_has_no_width_and_no_outline():
    none = sparse.csc_array((int(np.prod(SHAPE)), 0), dtype=np.float32)
    assert width_and_aspect(none, SHAPE)[0].shape == outline_smoothness(none, SHAPE).shape == (0,)


# ---- kinds


def widths(rng, *groups):
    return np.concatenate([rng.lognormal(np.log(middle), spread, n) for middle, spread, n in groups]).astype(np.float32)


def round_ones(width):
    """Aspect ratios of what is round, but for what noise does to it."""
    return np.exp(np.abs(np.random.default_rng(9).normal(0, 0.2, width.size))).astype(np.float32)


def test_what_is_small_and_round_is_a_cell_that_a_plane_cuts_where_thin_things_are_long():
    rng = np.random.default_rng(7)
    width = widths(rng, (12, 0.12, 60), (4.5, 0.2, 120), (7, 0.1, 10), (7, 0.1, 10))
    aspect = np.concatenate(
        [round_ones(width[:60]), rng.lognormal(np.log(2.2), 0.25, 120), np.ones(10), np.full(10, 2.5)]
    )
    soma = soma_probability(width, aspect.astype(np.float32), np.ones(200, bool))
    assert (soma[:60] > 0.9).all() and (soma[60:180] < 0.5).mean() > 0.97
    assert np.median(soma[180:190]) > 0.5 and (soma[190:] < 0.1).all()


def test_two_clear_kinds_are_told_apart():
    width = widths(np.random.default_rng(0), (12, 0.12, 60), (3.5, 0.15, 90))
    soma = soma_probability(width, round_ones(width), np.ones(150, bool))
    assert (soma[:60] > 0.9).all() and (soma[60:] < 0.1).all()


def test_those_that_are_not_real_are_judged_by_those_that_are():
    rng = np.random.default_rng(1)
    width = np.concatenate([widths(rng, (12, 0.12, 60), (3.5, 0.15, 90)), [1.0, 11.0, 40.0]]).astype(np.float32)
    soma = soma_probability(width, round_ones(width), np.arange(153) < 150)
    assert soma[150] < 0.01 and soma[151] > 0.9 and soma[152] > 0.99


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spread", [0.05, 0.2, 0.4])
def test_one_kind_is_one_however_it_scatters(seed, spread):
    width = widths(np.random.default_rng(seed), (9, spread, 200))
    assert (soma_probability(width, round_ones(width), np.ones(200, bool)) == 1).all()


def test_cells_that_the_border_cuts_are_no_kind_of_their_own():
    width = widths(np.random.default_rng(2), (10, 0.08, 100), (7, 0.1, 30))
    assert (soma_probability(width, round_ones(width), np.ones(130, bool)) == 1).all()


def test_a_few_wide_ones_are_no_kind_and_few_tell_nothing():
    rng = np.random.default_rng(3)
    merged = widths(rng, (20, 0.05, 4), (5, 0.15, 150))
    assert (soma_probability(merged, round_ones(merged), np.ones(154, bool)) == 1).all()
    few = widths(rng, (12, 0.1, ENOUGH // 2), (3, 0.1, ENOUGH - 1 - ENOUGH // 2))
    assert (soma_probability(few, round_ones(few), np.ones(few.size, bool)) == 1).all()
    assert soma_probability(np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros(0, bool)).shape == (0,)


# ---- doubles


def transients(rng, count, frames=600):
    spikes = (rng.random((count, frames)) < 0.03) * rng.uniform(0.5, 1.5, (count, frames))
    kernel = np.exp(-np.arange(30) / 6)
    return np.stack([np.convolve(s, kernel)[:frames] for s in spikes])


def pair(rng, follows, noise=0.3):
    """A bright cell and a small thing within it, whose trace follows the first by so much; then one elsewhere."""
    footprints = columns(blob(20, 20, 4.0), blob(21, 22, 1.5), blob(38, 38, 1.5))
    cell, own, far = transients(rng, 3)
    weak = follows * cell + (1 - follows) * own
    raw = np.stack([3 * cell, 0.5 * weak, 0.5 * (follows * cell + (1 - follows) * far)])
    return footprints, (raw + noise * rng.standard_normal(raw.shape)).astype(np.float32)


REAL = np.ones(3, bool)
STEADY = np.full(3, 0.95)
"""r values of components whose active frames repeat their footprint."""


def test_what_lies_in_a_brighter_cell_and_follows_it_is_a_double():
    footprints, raw = pair(np.random.default_rng(0), 1.0)
    assert is_double(footprints, raw, 1, REAL, STEADY).tolist() == [False, True, False]
    assert is_double(footprints, raw, 3, REAL, STEADY).tolist() == [False, True, False]
    footprints, raw = pair(np.random.default_rng(1), 0.0)
    assert not is_double(footprints, raw, 1, REAL, STEADY).any()


def test_nothing_is_a_double_of_what_is_not_real_nor_a_bright_one_of_a_weak_one():
    footprints, raw = pair(np.random.default_rng(2), 1.0)
    assert not is_double(footprints, raw, 1, np.array([False, True, True]), STEADY).any()
    swapped = raw[[1, 0, 2]]
    assert not is_double(footprints, swapped, 1, REAL, STEADY)[1]


def test_noise_that_both_share_hardly_makes_a_double():
    """Plain correlation would take nearly all for doubles."""
    doubled, plain = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        footprints, raw = pair(rng, 0.0)
        raw = (raw + 0.8 * rng.standard_normal(raw.shape[1])).astype(np.float32)
        doubled.append(is_double(footprints, raw, 1, REAL, STEADY).any())
        plain.append(np.corrcoef(raw)[0, 1] > FOLLOWS)
    assert np.mean(plain) > 0.8 and np.mean(doubled) < 0.4


def edge(rng, follows, brightness):
    """A cell and a fainter component half beside it, whose trace follows the cell's by a share."""
    footprints = columns(blob(24, 20, 3.0), blob(24, 25.5, 3.0))
    footprints = sparse.csc_array(footprints / np.sqrt(np.asarray(footprints.multiply(footprints).sum(axis=0))))
    traces = np.array(transients(rng, 2), np.float32)
    traces -= traces.mean(axis=1, keepdims=True)
    traces /= np.linalg.norm(traces, axis=1, keepdims=True)
    traces[1] = follows * traces[0] + np.sqrt(1 - follows**2) * traces[1]
    traces[1] *= brightness / np.linalg.norm(traces[1])
    return footprints, traces


def test_the_faint_edge_of_a_cell_that_follows_it_is_a_double_unless_its_active_frames_repeat_it():
    rng = np.random.default_rng(6)
    footprints, raw = edge(rng, 0.7, 0.35)
    assert 0.3 < (footprints[:, [0]].T @ footprints[:, [1]]).toarray().item() < 0.55
    moved, steady = np.array([0.9, 0.7]), np.array([0.9, 0.95])
    assert is_double(footprints, raw, 1, REAL[:2], moved).tolist() == [False, True]
    assert not is_double(footprints, raw, 1, REAL[:2], steady).any()
    assert not is_double(*edge(rng, 0.7, 0.6), 1, REAL[:2], moved).any()


def test_traces_that_go_against_one_another_are_two_cells():
    """Footprints of neighbours hold a little of the other's light, which demixing takes away."""
    footprints, raw = edge(np.random.default_rng(7), -0.7, 0.35)
    assert not is_double(footprints, raw, 1, REAL[:2], np.array([0.9, 0.7])).any()


def test_two_in_the_same_place_are_one_cell_whatever_their_traces():
    rng = np.random.default_rng(8)
    footprints, traces = columns(blob(20, 20, 4.0), blob(20.5, 20, 4.2)), transients(rng, 2)
    raw = np.stack([3 * traces[0], 1.6 * traces[1] - 0.5 * traces[0]]).astype(np.float32)
    assert is_double(footprints, raw, 1, REAL[:2], STEADY[:2]).tolist() == [False, True]
    apart = columns(blob(20, 20, 4.0), blob(26, 20, 4.2))
    assert not is_double(apart, raw, 1, REAL[:2], STEADY[:2]).any()


def test_one_component_and_none_are_no_doubles():
    footprints, raw = pair(np.random.default_rng(4), 1.0)
    assert is_double(footprints[:, [0]], raw[:1], 1, REAL[:1], STEADY[:1]).tolist() == [False]
    assert is_double(footprints[:, []], raw[:0], 1, REAL[:0], STEADY[:0]).shape == (0,)


# ---- the verdict


def judged(plan, count=80, thin=40, snr=6.0, dim=()):
    """Cell bodies and thin ones, all real, the last one the double of the first; those in `dim` are faint."""
    rng = np.random.default_rng(5)
    raw = transients(rng, count).astype(np.float32)
    raw[-1] = 0.3 * raw[0]
    raw += 0.05 * rng.standard_normal(raw.shape).astype(np.float32)
    places = [(3 + 5 * (k // 9), 3 + 5 * (k % 9)) for k in range(count - 1)]
    volumes = [disk(2, y, x, 2) for y, x in places]
    footprints = columns(*volumes, disk(2, *places[0], 1))
    width = widths(rng, (10, 0.1, count - thin), (3, 0.1, thin))
    good = {"snr": 6, "r_value": 0.95, "reliability": 0.9, "skewness": 2, "compactness": 0.9, "smoothness": 0.7}
    quality = {name: np.full(count, value, np.float32) for name, value in good.items()}
    quality["skewness_error"], quality["motion_r"] = np.full((2, count), 0.1, np.float32)
    quality["width"], quality["aspect"] = width, round_ones(width)
    quality["snr"][list(dim)] = snr
    quality["snr"][3] = 0.1
    raw[list(dim)] *= 0.05
    return judge(quality, plan, raw.shape[1], footprints, raw, np.ones(footprints.shape[0], np.float32), SHAPE)


def test_bodies_are_accepted_once_and_thin_things_rejected_beside_them():
    quality, accepted = judged(Plan(rate=10))
    assert quality["soma"].shape == accepted.shape == (80,)
    expected = np.arange(80) < 40
    expected[3] = False  # no SNR
    assert np.array_equal(accepted, expected)
    assert np.flatnonzero(quality["double"]).tolist() == [79]


def test_both_kinds_are_accepted_where_that_is_asked_for_but_no_doubles():
    quality, accepted = judged(Plan(rate=10, least_soma=0.0))
    expected = np.ones(80, bool)
    expected[[3, 79]] = False
    assert np.array_equal(accepted, expected) and quality["soma"].min() < 0.1
    assert np.array_equal(decide(quality, Plan(rate=10), 600), np.arange(80) != 3)


@pytest.mark.parametrize(("snr", "kept"), [(4.9, False), (5.1, True)])
def test_what_is_far_fainter_than_the_cells_needs_a_clear_trace(snr, kept):
    accepted = judged(Plan(rate=10), snr=snr, dim=(7, 11))[1]
    expected = np.arange(80) < 40
    expected[3], expected[[7, 11]] = False, kept
    assert np.array_equal(accepted, expected)


# ---- size


def test_the_median_size_counts_each_by_its_area():
    boutons, somata = np.full((60, 3), 1.0), np.tile([2.0, 5.0, 6.0], (10, 1))
    assert median_by_area(np.concatenate([boutons, somata])).tolist() == [2.0, 5.0, 6.0]
    same = np.random.default_rng(0).uniform(0.95, 1.05, (41, 3)) * [1.5, 4, 4]
    assert median_by_area(same) == pytest.approx(np.median(same, axis=0), rel=0.02)
    assert median_by_area(np.array([[1.0, 2.0, 3.0]])).tolist() == [1, 2, 3]
