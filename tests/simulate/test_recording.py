from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from cnmf3d.errors import UsageError
from cnmf3d.simulate import KIND, PRESETS, Recording, draw, measure, scene_of


def test_any_number_of_threads_draws_the_same_counts(recording: Recording):
    one = list(recording.frames(1))
    many = list(recording.frames(3))
    assert len(one) == 120
    np.testing.assert_array_equal(one, many)
    np.testing.assert_array_equal(one[7], recording.frame(7))
    assert not np.array_equal(one[7], draw(recording.scene, seed=2).frame(7))


def test_light_is_made_of_the_truth(recording: Recording):
    truth = recording.truth
    parts = truth.resting + np.tensordot(truth.neuropil_courses[:, 60], truth.neuropil_images, 1)
    cells = (truth.footprints @ truth.traces[:, 60]).reshape(truth.shape)
    np.testing.assert_allclose(recording.light(60), truth.bleach[60] * (parts + cells), rtol=1e-4)
    np.testing.assert_allclose((truth.footprints**2).sum(axis=0), 1, rtol=1e-5)


def test_peak_snr_measured_on_the_movie_is_that_of_the_truth():
    recording = draw(scene_of("tiny", {"snr_spread": 0, "resting_cell": 0.1, "snr": 5}))
    truth = recording.truth
    movie = np.stack(list(recording.frames())).reshape(300, -1).astype(float)
    brightest = truth.footprints.toarray().argmax(axis=0)
    peaks = (truth.traces * truth.bleach).max(axis=1) * truth.footprints.max(axis=0).toarray()
    quiet = np.diff(movie[:, brightest], axis=0)
    noise = 1.4826 * np.median(np.abs(quiet - np.median(quiet, axis=0)), axis=0) / np.sqrt(2)
    assert np.median(peaks / noise) == pytest.approx(5, rel=0.1)


def test_motion_moves_the_tissue():
    recording = draw(scene_of("motion", {"size": "60,60,10", "cells": 25, "frames": 60}))
    shifts = recording.truth.shifts
    frame = int(np.abs(shifts[:, 2]).argmax())
    assert abs(shifts[frame, 2]) == pytest.approx(3)
    still = draw(scene_of("motion", {"size": "60,60,10", "cells": 25, "frames": 60}))
    still.motion.shifts[:] = 0
    moved, rest = recording.light(frame), still.light(frame)
    whole = np.round(shifts[frame]).astype(int)
    back = np.roll(moved, -whole, (0, 1, 2))[2:-2, 6:-6, 6:-6]
    at_rest, unmoved = rest[2:-2, 6:-6, 6:-6], moved[2:-2, 6:-6, 6:-6]
    assert np.abs(back - at_rest).mean() < 0.5 * np.abs(unmoved - at_rest).mean()


def test_no_cells_at_all():
    recording = draw(scene_of("noise", {"size": "40,40,6", "frames": 20}))
    assert recording.truth.count == 0
    assert recording.truth.traces.shape == (0, 20)
    movie = np.stack(list(recording.frames(1))).astype(float)
    light = recording.light(0)
    expected = np.sqrt(2 * light + 36)
    np.testing.assert_allclose(np.median(movie.std(axis=0) / expected), 1, atol=0.05)


def test_a_negative_seed_is_refused():
    with pytest.raises(UsageError, match="seed is -1"):
        draw(PRESETS["tiny"], -1)


def documented() -> list[tuple[str, int, list[float]]]:
    """Rows of the table of figures in the documentation."""
    text = (Path(__file__).parents[2] / "docs" / "simulate.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\d) \|(.*)\|$", text, re.MULTILINE)
    table = [(name, int(seed), cells.replace("–", "nan").split("|")) for name, seed, cells in rows]
    return [(name, seed, [float(cell) for cell in cells]) for name, seed, cells in table]


def test_the_documentation_has_figures_of_every_kind_preset():
    assert {(name, seed) for name, seed, _ in documented()} == {(name, seed) for name in KIND for seed in range(3)}


@pytest.mark.parametrize("name", ["tiny", "small", "dense", "dim", "neuropil", "lightsheet", "motion"])
def test_documented_figures_hold(name):
    seed = 2
    written = next(cells for row, number, cells in documented() if (row, number) == (name, seed))
    f = measure(draw(PRESETS[name], seed).truth)
    measured = [
        f.cells,
        f.voxels_a_cell,
        f.overlap,
        f.snr_p5,
        f.snr_median,
        f.snr_p95,
        f.neuropil,
        f.spikes_a_minute,
        f.decay_p5,
        f.decay_p95,
        f.ends,
        f.motion,
    ]
    np.testing.assert_allclose(measured, written, rtol=0.01, atol=0.006)
    target = 2.0 if name == "dim" else 5.0
    assert f.snr_median == pytest.approx(target)
    assert f.neuropil >= (1.2 if name == "neuropil" else 0.2)
