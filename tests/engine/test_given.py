"""What a user gives is used: every parameter, followed to the place where the engine computes with it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import cnmf3d
from cnmf3d.engine import full_rate, pipeline, solved_blocks
from cnmf3d.engine.merging import NEVER
from cnmf3d.engine.planning import LEAST_BINS, plan_of
from cnmf3d.errors import UsageError
from cnmf3d.events import Caution
from cnmf3d.geometry import ZYX, half_size_of
from cnmf3d.parameters.lengths import LENGTHS
from cnmf3d.parameters.reading import find, names
from cnmf3d.results.caiman_params import caiman_parameters
from cnmf3d.results.curation.scene import cell_reach
from cnmf3d.simulate import simulate

FRAMES, RATE = 240, 7.0
VOXEL = ZYX(4.0, 1.5, 1.5)


@dataclasses.dataclass
class Seen:
    """What the stages of one run were handed."""

    results: Any = None
    settings: list[Any] = dataclasses.field(default_factory=list)
    blocks: list[Any] = dataclasses.field(default_factory=list)
    boxes: Any = ()
    plans: list[Any] = dataclasses.field(default_factory=list)
    orders: list[int] = dataclasses.field(default_factory=list)
    response: Any = None
    fits: int = 0
    seeds: int = 0
    courses: list[int] = dataclasses.field(default_factory=list)

    def cut_along(self, axis: int) -> list[tuple[int, int]]:
        """Different (start, stop) of the boxes along an axis, halo included."""
        return sorted({box.outer[axis] for box in self.boxes})


def xyz(values: Any) -> list[float]:
    return [round(v, 6) for v in values.xyz]


GIVEN: dict[str, tuple[Any, Callable[[Seen], Any]]] = {
    "data.fr": (RATE, lambda s: s.plans[0].rate),
    "data.decay_time": (3.3, lambda s: s.response.decay / RATE),
    "data.voxel_size": (list(VOXEL.xyz), lambda s: xyz(s.results.voxel_size)),
    "data.offset": (17.5, lambda s: s.results.components.resting.offset),
    "data.bad_frames": ([11, 60], lambda s: list(s.plans[-1].left_out)),
    "data.segments": ([90, 160], lambda s: list(s.results.components.resting.segments)),
    "data.exclude": ("frame == 33", lambda s: next(iter(set(s.results.timeline.left_out) - {"given"}))),
    "data.structural": (0, lambda s: 0 if "red_z" in s.results.components.quality else None),
    "data.functional": ([0], lambda s: [0] if not s.results.components.channels else []),  # that is where cells are
    "init.K": (2, lambda s: s.settings[0].limit),
    "init.gSig": ([3.1, 2.9, 0.9], lambda s: xyz(half_size_of(s.settings[0].sigma))),
    "init.gSiz": ([9.0, 11.0, 5.0], lambda s: [2 * side for side in xyz(s.settings[0].reach)]),
    "init.method_init": ("activity", lambda s: "activity"),  # the only one
    "init.ssub": (3, lambda s: s.settings[0].grid),
    "init.tsub": (5, lambda s: FRAMES // s.blocks[0].bins),
    "init.seeds": (None, lambda s: None if s.seeds == 0 else "seeds"),  # given: see below
    "patch.rf": ([10.0, 12.0, 9.0], lambda s: [half_of_largest(s, axis) for axis in (2, 1, 0)]),
    "patch.stride": ([4.0, 6.0, 2.0], lambda s: [overlap(s, axis) for axis in (2, 1, 0)]),
    "background.nb": (3, lambda s: s.settings[0].rank if set(s.courses) == {4} else s.courses),
    "temporal.p": (1, lambda s: s.orders[-1]),
    "temporal.unseen": ("interpolate", lambda s: "interpolate" if s.plans[-1].bridges else "nan"),
    "temporal.align_planes": (True, lambda s: s.results.timeline.aligned),
    "temporal.f0": ("percentile", lambda s: "percentile" if s.results.components.resting.percentile else "constant"),
    "temporal.f0_light": ("all", lambda s: s.results.components.resting.light),
    "temporal.f0_factor": (0.4, lambda s: s.results.components.resting.factor),
    "temporal.f0_begin": (0.0, lambda s: 0.0),  # of f0: window alone, see below
    "temporal.f0_percentile": (12.0, lambda s: s.results.components.resting.percentile),
    "temporal.f0_window": (9.0, lambda s: s.results.components.resting.window / RATE),
    "merging.do_merge": (True, lambda s: s.settings[0].merge_threshold < NEVER),
    "merging.merge_thr": (0.93, lambda s: s.settings[0].merge_threshold),
    "quality.min_SNR": (3.7, lambda s: s.plans[-1].min_snr),
    "quality.rval_thr": (0.81, lambda s: s.plans[-1].min_r),
    "quality.SNR_lowest": (0.9, lambda s: s.plans[-1].lowest_snr),
    "quality.rval_lowest": (0.1, lambda s: s.plans[-1].lowest_r),
    "quality.skew_thr": (0.3, lambda s: s.plans[-1].min_skew),
    "quality.compact_thr": (0.55, lambda s: s.plans[-1].least_compact),
    "quality.smooth_thr": (0.35, lambda s: s.plans[-1].least_smooth),
    "quality.soma_thr": (0.2, lambda s: s.plans[-1].least_soma),
    "quality.motion_thr": (0.85, lambda s: s.plans[-1].most_motion),
    "quality.reliability_z": (3.9, lambda s: s.settings[0].significance),
    "quality.use_cnn": (False, lambda s: False),  # the only one
    "refit": (True, lambda s: s.fits == 2),
}
"""Name to a value that is neither the default nor what the data say, and where to look for it in a run.

Lengths in voxels; ``data.lengths`` itself is what both runs below differ in.
"""


def half_of_largest(seen: Seen, axis: int) -> float:
    """Half of the side that was given, where the largest block nearly reaches it: cores are evened out."""
    given = GIVEN["patch.rf"][0][2 - axis]
    largest = max(stop - start for start, stop in seen.cut_along(axis))
    extent = max(stop for _, stop in seen.cut_along(axis))
    return given if min(2 * given, extent) * 0.75 <= largest <= 2 * given else largest / 2


def overlap(seen: Seen, axis: int) -> float:
    """What neighbouring blocks share; the value that was given where there is but one block."""
    ranges = seen.cut_along(axis)
    shared = {first[1] - second[0] for first, second in pairwise(ranges)}
    return float(shared.pop()) if len(shared) == 1 else GIVEN["patch.stride"][0][2 - axis]


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    path = tmp_path_factory.mktemp("given") / "m.tif"
    simulate(path, "tiny", seed=1, overrides={"size": (36, 34, 5), "cells": 9, "frames": FRAMES})
    return cnmf3d.open_movie(path, plane_times=0.001)


@pytest.fixture(scope="module")
def lively(tmp_path_factory):
    """A movie that tells how large its cells are."""
    path = tmp_path_factory.mktemp("lively") / "m.tif"
    simulate(path, "tiny", seed=2, overrides={"size": (44, 44, 6), "cells": 14, "frames": 500})
    return cnmf3d.open_movie(path)


def watched(monkeypatch, movie, parameters, **more) -> Seen:
    """A run with a look at what the stages are handed."""
    seen = Seen()

    def solve(block, settings, solver=solved_blocks.solve):
        seen.settings.append(settings)
        seen.blocks.append(block)
        fit = solver(block, settings)
        seen.courses.append(fit.temporal.shape[0])
        return fit

    def seeded(block, footprints, settings, traces=None, solver=solved_blocks.solve_seeded):
        seen.seeds += footprints.shape[1] if traces is None else 0
        return solver(block, footprints, settings, traces)

    def deconvolve(raw, p, response, breaks, workers=1, solver=full_rate.deconvolve_stretches, **errors):
        seen.orders.append(p)
        seen.response = response
        return solver(raw, p, response, breaks, workers, **errors)

    def judge(quality, plan, *further, judged=pipeline.judge):
        seen.plans.append(plan)
        return judged(quality, plan, *further)

    def fit_volume(*args, fit=pipeline.fit_volume):
        seen.fits += 1
        return fit(*args)

    def solve_blocks(context, cache, plan, boxes, start, solver=pipeline.solve_blocks):
        seen.boxes = boxes
        return solver(context, cache, plan, boxes, start)

    for module, name, spy in (
        (solved_blocks, "solve", solve),
        (solved_blocks, "solve_seeded", seeded),
        (full_rate, "deconvolve_stretches", deconvolve),
        (pipeline, "judge", judge),
        (pipeline, "fit_volume", fit_volume),
        (pipeline, "solve_blocks", solve_blocks),
    ):
        monkeypatch.setattr(module, name, spy)
    seen.results = cnmf3d.run(movie, parameters, **more)
    return seen


def as_groups(values: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for full, value in values.items():
        group, _, name = full.rpartition(".")
        (out.setdefault(group, {}) if group else out)[name] = value
    return out


def at(values: Any, full: str) -> Any:
    group, _, name = full.rpartition(".")
    return values[group][name] if group else values[name]


def test_the_table_has_every_parameter():
    assert set(GIVEN) | {"data.lengths"} == set(names())


@pytest.mark.parametrize("unit", ["voxels", "um"])
def test_every_value_that_is_given_is_used_and_is_what_the_results_say(monkeypatch, movie, unit):
    voxels = {name: value for name, (value, _) in GIVEN.items()}
    scale = [1.0, 1.0, 1.0] if unit == "voxels" else list(VOXEL.xyz)
    asked = {
        name: [v * s for v, s in zip(value, scale, strict=True)] if name in LENGTHS else value
        for name, value in voxels.items()
    }
    seen = watched(monkeypatch, movie, as_groups({**asked, "data.lengths": unit}))
    used = seen.results.parameters
    assert at(used, "data.lengths") == "voxels"  # of all lengths in results
    for name, (value, look) in GIVEN.items():
        assert look(seen) == pytest.approx(value), name
        assert at(used, name) == pytest.approx(value), name
    assert seen.results.provenance.asked["init"]["gSig"] == pytest.approx(asked["init.gSig"])
    assert not {find(name) for name in seen.results.provenance.estimates} & set(GIVEN)


def cautions(movie, **given) -> tuple[Any, list[str]]:
    told: list[Any] = []
    results = cnmf3d.run(movie, cnmf3d.read_parameters(**given), reporter=told.append)
    texts = [event.text for event in told if isinstance(event, Caution)]
    assert list(results.provenance.warnings) == texts
    return results.parameters, texts


def test_a_size_that_the_data_contradict_is_used_and_a_caution_names_both(lively):
    used, texts = cautions(lively, gSig=(6, 6, 1))
    assert used["init"]["gSig"] == [6, 6, 1]
    assert any("gSig 6 × 6 × 1" in text and re.search(r"measured as (3\.[5-9]|4\.[0-4])", text) for text in texts)
    assert cautions(lively, gSig=(4.2, 3.5, 1.5))[1] == []  # within what measuring is worth


@pytest.mark.parametrize("rate", [1 / RATE, 50 * RATE])
def test_a_caution_asks_for_the_rate_where_no_indicator_is_so_slow_or_fast(lively, rate):
    (text,) = (text for text in cautions(lively, fr=rate)[1] if text.startswith("decay time"))
    measured = float(re.match(r"decay time ([\d.e-]+) s", text)[1])
    assert measured < 0.05 if rate > RATE else measured > 10
    assert f"{rate:g} volumes a second" in text and "--fps" in text


def test_a_decay_time_that_the_data_contradict_is_used_and_a_caution_names_both(lively):
    used, texts = cautions(lively, decay_time=5.0)
    (text,) = (text for text in texts if "decay_time 5 s is used" in text)
    measured = float(re.search(r"but ([\d.]+) s explain", text)[1])
    assert used["data"]["decay_time"] == 5 and measured == pytest.approx(0.958, rel=0.1)  # the mean of the true ones


def test_small_patches_and_too_many_courses_are_used_as_far_as_can_be_and_doubted(lively):
    used, texts = cautions(lively, rf=(9, 9, 9), stride=2, nb=40)
    assert used["patch"] == {"rf": [9, 9, 9], "stride": [2, 2, 2]} and used["background"]["nb"] < 40
    for part in ("patches of 16 × 16", "overlap by 2 × 2", "nb = 40 neuropil courses were given; the patches hold"):
        assert any(part in text for text in texts), part


def test_components_are_not_merged_where_that_is_switched_off(monkeypatch, movie):
    seen = watched(monkeypatch, movie, cnmf3d.read_parameters(do_merge=False))
    assert seen.settings[0].merge_threshold == NEVER and seen.results.parameters["merging"]["do_merge"] is False


def test_seeds_that_are_given_are_used(monkeypatch, movie, tmp_path):
    labels = np.zeros(movie.shape[1:], np.uint16)
    labels[1:4, 5:10, 5:10], labels[1:4, 20:25, 20:25] = 1, 2
    np.save(tmp_path / "seeds.npy", labels)
    seen = watched(monkeypatch, movie, {"init": {"seeds": str(tmp_path / "seeds.npy")}})
    assert seen.seeds == 2 and not seen.settings
    assert seen.results.parameters["init"]["seeds"] == str(tmp_path / "seeds.npy")


def test_averages_that_leave_too_few_are_refused_and_the_most_that_fit_are_used(movie):
    with pytest.raises(UsageError, match=r"tsub is 25, which leaves 9 averages .*\n?.*up to 24"):
        plan_of(movie, cnmf3d.read_parameters(tsub=25))
    assert plan_of(movie, cnmf3d.read_parameters(tsub=FRAMES // LEAST_BINS)).width == FRAMES // LEAST_BINS


def test_lengths_of_results_are_voxels_for_whoever_reads_them(movie):
    results = cnmf3d.run(movie, {"gSig": (6.0, 6.0, 6.0), "lengths": "um", "voxel_size": (1.5, 1.5, 4.0)})
    assert results.parameters["init"]["gSig"] == [4.0, 4.0, 1.5]
    assert cell_reach(results) == ZYX(3.75, 10.0, 10.0)  # two and a half half-sizes
    assert caiman_parameters(results)["init"]["gSig"] == [4.0, 4.0, 1.5]
    older = dataclasses.replace(results, parameters=results.provenance.asked)  # as files of earlier versions say it
    assert cell_reach(older) == cell_reach(results) and older.parameters["data"]["lengths"] == "voxels"
    given = cnmf3d.read_parameters(results.provenance.asked)
    assert plan_of(movie, cnmf3d.read_parameters(results.parameters)).sigma == plan_of(movie, given).sigma
