"""The module mcorr_3d of the engine caiman, on a stand-in for CaImAn; test_caiman_real.py has CaImAn itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from cnmf3d.batch import Batch, Status, supervise
from cnmf3d.batch.engines import divide_motion
from cnmf3d.batch.engines.caiman import ENGINE
from cnmf3d.batch.engines.caiman.motion_settings import settings_for
from cnmf3d.batch.jobs import job_of
from cnmf3d.errors import EngineError, InputError, UsageError
from cnmf3d.events import Caution, Note
from cnmf3d.movies import open_movie
from cnmf3d.movies.registered import read_motion
from cnmf3d.parameters import read_motion_parameters

SHAPE = (24, 3, 4, 5)


@pytest.fixture
def batch(tmp_path):
    with Batch.create(tmp_path / "b") as made:
        yield made


@pytest.fixture
def add(batch, movie, python):
    """Adds an item of the engine caiman."""

    def make(parameters=None, name="moved", **more):
        given = {"opening": {"axes": "TZYX", "rate": 5.0}, "options": {}} | more
        given["options"] = {"engine_python": python(), **given["options"]}
        return batch.add(movie, parameters, name=name, module="mcorr_3d", engine="caiman", **given)

    return make


def run(batch, item, events=None):
    """Compute an item here; its motion."""
    folder = batch.run_folder(item)
    folder.write(job_of(batch, item, 1))
    ENGINE.run(folder, folder.job, (events if events is not None else []).append)
    assert not folder.scratch.exists()
    return read_motion(folder.motion)


def told(tmp_path):
    return json.loads((tmp_path / "told.json").read_text())


def test_rigid_shifts_come_back_with_our_sign_and_order(batch, add, movie, standin, tmp_path):
    item = add({"max_shifts": (4, 3, 1), "pw_rigid": False, "splits_rig": 7, "bad_frames": [2]})
    assert item.options["caiman"] == {"splits_rig": 7} and item.parameters["motion"]["max_shifts"] == [4, 3, 1]
    events = []
    motion = run(batch, item, events)
    t = np.arange(24)
    assert motion.rigid == pytest.approx(np.stack([0 * t, t / 20, t / 10], axis=1), abs=1e-6)  # z, y, x
    assert motion.kind == "rigid" and np.flatnonzero(motion.bad_frames).tolist() == [2]
    recorded = open_movie(movie, axes="TZYX", rate=5.0)
    assert motion.fingerprint == recorded.fingerprint()
    assert motion.template == pytest.approx(tifffile.imread(movie).mean(axis=0), abs=0.01)
    assert motion.parameters["program"] == "CaImAn" and motion.versions["caiman"] == "0.0-standin"
    assert motion.parameters["asked"]["max_shifts"] == [4, 3, 1]
    assert batch.run_folder(item).motion_page.exists()
    seen = told(tmp_path)
    assert (seen["max_shifts"], seen["splits_rig"], seen["pw_rigid"]) == ([4, 3, 1], 7, False)
    assert seen["corner"] == pytest.approx(float(tifffile.imread(movie)[0, 0, 0, 4]), abs=1e-3)
    notes = [event.text for event in events if isinstance(event, Note)]
    assert "motion.niter_rig: 1, as CaImAn does not choose it by itself" in notes


def test_patches_come_back_as_a_field(batch, add, standin, tmp_path):
    item = add({"pw_rigid": True, "strides": (2, 2, 2), "overlaps": (1, 1, 1), "max_deviation_rigid": (2, 2, 1)})
    events = []
    motion = run(batch, item, events)
    z, y, x = motion.grid
    assert (z.tolist(), y.tolist(), x.tolist()) == ([1], [1, 2], [1, 3])
    number = np.array([[[0, 2], [1, 3]]])  # CaImAn's: y before x
    t = np.arange(24, dtype=np.float32)
    for column in range(3):
        assert motion.field[..., column] == pytest.approx(np.broadcast_to(-0.01 * number, (24, 1, 2, 2)), abs=1e-5)
    assert motion.rigid[:, 2] == pytest.approx(t / 10, abs=1e-6)
    assert (told(tmp_path)["strides"], told(tmp_path)["overlaps"], told(tmp_path)["deviation"]) == (
        [2, 2, 2],
        [1, 1, 1],
        2,
    )
    cautions = [event.text for event in events if isinstance(event, Caution)]
    assert cautions == ["motion.max_deviation_rigid: (2.0, 2.0, 1.0) voxels become 2, one length for all axes"]


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        ("fails", "CaImAn failed: RuntimeError: the template is empty"),
        ("no numbers", "CaImAn's shift of frame 3 is no number"),
        ("other patches", "CaImAn's shifts of patches have the shapes"),
    ],
)
def test_what_goes_wrong_leaves_nothing(batch, add, standin, behaviour, text, capfd):
    standin(behaviour)
    item = add({"pw_rigid": True, "strides": 2, "overlaps": (1, 1, 1)})
    with pytest.raises(EngineError, match=text):
        run(batch, item)
    assert not batch.run_folder(item).motion.exists() and not batch.run_folder(item).scratch.exists()


def test_one_plane_is_refused(batch, add, tmp_path, standin):
    np.save(tmp_path / "plane.npy", np.zeros((20, 1, 8, 9), np.uint16))
    item = add()
    flat = batch.add(tmp_path / "plane.npy", name="p", module="mcorr_3d", engine="caiman", options=item.options)
    with pytest.raises(InputError, match="one plane"):
        run(batch, flat)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"scan_phase": True}, "motion.scan_phase can't be honoured by the engine caiman"),
        ({"plane_shifts": True}, "motion.plane_shifts can't be honoured"),
    ],
)
def test_what_caiman_cannot_honour_is_refused(batch, add, parameters, text):
    with pytest.raises(UsageError, match=text):
        job_of(batch, add(parameters), 1)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"motion": {"overlap": 3}}, "no parameter overlap"),
        ({"indices": [1, 2]}, "can't be honoured"),
    ],
)
def test_names_that_nobody_has_are_refused_when_an_item_is_added(add, batch, parameters, text):
    with pytest.raises(UsageError, match=text):
        add(parameters)
    assert not batch.items()


def test_what_only_caiman_has_goes_to_it_in_either_form():
    ours, own = divide_motion("caiman", {"max_shifts": 3, "overlaps": (8, 8, 2), "motion": {"splits_rig": 5}})
    assert (ours, own) == ({"max_shifts": 3, "motion": {}}, {"caiman": {"overlaps": (8, 8, 2), "splits_rig": 5}})
    assert divide_motion("native", {"overlaps": 3}) == ({"overlaps": 3}, {})


def test_whole_voxels_and_what_nobody_says():
    asked = read_motion_parameters({"max_shifts": (3.6, 2.2, 0), "pw_rigid": True})
    found = settings_for(asked, {}, (100, 6, 40, 200))
    assert found.given["max_shifts"] == [4, 2, 0]
    assert (found.given["strides"], found.given["overlaps"]) == ([48, 20, 3], [16, 6, 1])
    assert len(found.changed) == 1 and len(found.choices) == 3


def test_an_item_finds_cells_on_what_caiman_registered(batch, add, movie, standin):
    moved = add({"pw_rigid": False})
    assert supervise(batch, workers=1).done == 1, batch.item("moved").error
    moved = batch.item("moved")
    assert moved.status is Status.DONE and moved.summary["kind"] == "rigid"
    cells = batch.add(moved, name="cells")
    opening = job_of(batch, cells).input.opening
    assert open_movie(movie, **opening).metadata["motion"]["kind"] == "rigid"
