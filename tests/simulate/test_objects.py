from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.simulate import draw, scene_of
from cnmf3d.simulate.cells import draw_cells
from cnmf3d.simulate.similarity import mask


def test_kinds_and_activity_of_others():
    truth = draw(scene_of("tiny", {"silent": 4, "vessels": 2, "neurites": 3, "frames": 80, "cells": 8})).truth
    assert truth.count == 8
    assert truth.others.kinds == ("silent",) * 4 + ("vessel",) * 2 + ("neurite",) * 3
    assert truth.others.active.tolist() == [False] * 6 + [True] * 3
    np.testing.assert_allclose((truth.others.footprints**2).sum(axis=0), 1, rtol=1e-5)


def test_silent_cells_glow_and_vessels_are_dark():
    plain = {"cells": 0, "frames": 4, "neuropil": 0, "vignette": 0, "size": "80,80,5"}
    truth = draw(scene_of("tiny", plain | {"silent": 5, "silent_glow": 3})).truth
    on = np.asarray(mask(truth.others.footprints).sum(axis=1)).reshape(truth.shape) > 0
    assert truth.resting[on].mean() > 1.8 * truth.resting[~on].mean()
    truth = draw(scene_of("tiny", plain | {"vessels": 1, "vessel_darkness": 0.6})).truth
    column = truth.others.footprints.toarray().reshape(truth.shape)
    still = draw(scene_of("tiny", plain)).truth
    share = truth.resting / still.resting
    np.testing.assert_allclose(share[column == column.max()], 0.4, rtol=1e-4)
    np.testing.assert_allclose(share[column == 0], 1, rtol=1e-4)


def test_neurites_are_long_and_thin():
    truth = draw(scene_of("tiny", {"neurites": 6, "cells": 0, "frames": 40, "neurite_length": 30})).truth
    for k in range(6):
        image = truth.others.footprints[:, [k]].toarray().reshape(truth.shape).max(axis=0)
        places = np.argwhere(image > 0.3 * image.max())
        spread = np.sqrt(np.linalg.eigvalsh(np.cov(places.T)))
        assert spread[1] > 1.8 * spread[0]


def test_the_same_cells_whether_or_not_there_are_others():
    plain = draw(scene_of("tiny", {"frames": 60}), 3)
    more = draw(scene_of("tiny", {"frames": 60, "vessels": 2, "neurites": 4, "flicker": 0.1}), 3)
    np.testing.assert_array_equal(plain.truth.centres, more.truth.centres)
    np.testing.assert_array_equal(plain.truth.spikes, more.truth.spikes)


def test_sizes_of_cells_differ_as_asked_for():
    scene = scene_of("small", {"scale_spread": 0.4, "size_spread": 0, "cells": 40, "nucleus": 0, "size": "200,200,30"})
    columns, centres = draw_cells(scene, np.random.default_rng(0))
    middle = np.all((centres > [4, 12, 12]) & (centres < [25, 187, 187]), axis=1)
    volumes = np.asarray(columns.sum(axis=0)).ravel()[middle]
    assert middle.sum() > 12 and np.std(np.log(volumes)) == pytest.approx(1.2, rel=0.35)


def test_voxels_of_small_cells_average_over_themselves():
    look = {"cell_size": "0.8,0.8,0.4", "blur": "0,0,0", "nucleus": 0, "size_spread": 0, "cells": 60}
    volume = 4 / 3 * np.pi * np.prod(1.5 * np.array([0.8, 0.8, 0.4]))
    sums = {}
    for fine in (1, 5):
        columns, centres = draw_cells(scene_of("small", look | {"oversampling": fine}), np.random.default_rng(0))
        inside = np.all((centres > 1) & (centres < [10, 98, 98]), axis=1)
        sums[fine] = np.asarray(columns.sum(axis=0)).ravel()[inside]
    # Beside its brightest voxel a small cell has its volume, and more where its centre is between voxels.
    assert (sums[5] > 0.9 * volume).all() and np.median(sums[5]) < 2 * volume
    assert abs(np.median(sums[5]) - volume) < abs(np.median(sums[1]) - volume)


def test_planes_in_turn_see_calcium_of_their_own_times():
    scene = scene_of("planes", {"frames": 60, "cells": 3, "size": "40,40,4", "separation": 2})
    recording = draw(scene)
    assert recording.peaks.shape == (3, 60, 4)
    fine = recording.peaks.reshape(3, -1)
    assert np.abs(np.diff(fine)).max() < np.abs(np.diff(recording.peaks[:, :, 0])).max()
    truth = recording.truth
    light = np.stack([recording.light(k) for k in range(60)]) / truth.bleach[:, None, None, None]
    light -= np.tensordot(truth.neuropil_courses.T, truth.neuropil_images, 1) + truth.resting
    cells = truth.footprints.toarray().reshape(*truth.shape, 3)
    norm = recording.cells.max(axis=0).toarray().ravel() / truth.footprints.max(axis=0).toarray().ravel()
    for z in range(4):
        expected = np.tensordot(recording.peaks[:, :, z].T, np.moveaxis(cells[z] * norm, -1, 0), 1)
        np.testing.assert_allclose(light[:, z], expected, atol=0.02 * expected.max())
    projected = light.reshape(60, -1) @ truth.footprints.toarray()
    gram = (truth.footprints.T @ truth.footprints).toarray()
    np.testing.assert_allclose(np.linalg.solve(gram, projected.T), truth.traces, atol=0.05 * truth.traces.max())


def test_time_is_missing_between_trials():
    scene = scene_of("trials", {"frames": 400, "trials": 4, "cells": 20, "trial_jump": 0.2, "neuropil": 0})
    truth = draw(scene).truth
    first = np.flatnonzero(np.diff(scene.trial)) + 1
    assert first.tolist() == [100, 200, 300]
    steps = np.abs(np.diff(truth.bleach))
    assert steps[first - 1].min() > 10 * np.median(steps)
    falls = np.diff(truth.traces)[:, first - 1].min(axis=1)
    assert (falls < np.delete(np.diff(truth.traces), first - 1, axis=1).min(axis=1)).mean() > 0.5


def test_flicker_has_its_standard_deviation():
    truth = draw(scene_of("tiny", {"flicker": 0.07, "frames": 2000, "cells": 1, "bleaching": 0})).truth
    assert truth.bleach.std() == pytest.approx(0.07, rel=0.06)


def test_light_is_lost_with_depth():
    plain = {"cells": 0, "neuropil": 0, "size": "60,60,9", "frames": 4}
    planes = draw(scene_of("tiny", plain | {"depth_loss": 0.75})).truth.resting.mean(axis=(1, 2))
    still = draw(scene_of("tiny", plain)).truth.resting.mean(axis=(1, 2))
    np.testing.assert_allclose(planes / still, 0.25 ** (np.arange(9) / 8), rtol=1e-5)


def test_processes_that_leave_the_field_are_drawn_anew():
    scene = scene_of("cortex", {"frames": 4, "size": "40,40,1", "cells": 1, "silent": 0, "vessels": 0})
    truth = draw(scene, 1).truth
    assert len(truth.others.kinds) == 200
    assert np.isfinite(truth.others.footprints.data).all()
    np.testing.assert_allclose((truth.others.footprints**2).sum(axis=0), 1, rtol=1e-5)
