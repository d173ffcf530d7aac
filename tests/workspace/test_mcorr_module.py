"""Scripts that register movies and look for cells in what came out."""

from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.batch import Status
from cnmf3d.errors import UsageError
from cnmf3d.movies import open_movie
from cnmf3d.movies.registered import Motion, write_motion
from cnmf3d.results import write_results
from cnmf3d.workspace import ViewerWorkEnv, Workspace

META = {"origin": "microscope A", "fps": 7.5, "date": "20240131_142500"}
SHAPE = (40, 4, 9, 11)


@pytest.fixture
def space(tmp_path, tiff):
    with Workspace() as made:
        made.manager.new_batch(tmp_path / "b")
        made.viewer.workEnv = ViewerWorkEnv.from_tiff(tiff(shape=SHAPE, meta=META))
        yield made


def settle(space, key, *, motion=True, results=None):
    """Let an item be done, without computing it."""
    batch, item = space.manager.batch, space.manager.item(key)
    folder = batch.run_folder(item)
    folder.path.mkdir(parents=True, exist_ok=True)
    if results is not None:
        write_results(results, folder.results)
    else:
        rigid = np.zeros((SHAPE[0], 3), np.float32)
        rigid[:, 2] = np.linspace(-2, 2, SHAPE[0]) * motion
        found = Motion(
            rigid=rigid,
            confidence=np.ones(SHAPE[0], np.float32),
            planes=np.zeros((SHAPE[1], 2), np.float32),
            bad_frames=np.arange(SHAPE[0]) == (7 if motion else -1),
            template=np.zeros(SHAPE[1:], np.float32),
            fingerprint=open_movie(*item.input.paths, **item.input.opening).fingerprint(),
            parameters={"asked": {"max_shifts": "auto", "niter_rig": 3}, "chosen": {"max_shifts": [4, 4, 1]}},
            versions={"cnmf3d": "0.1.0"},
        )
        write_motion(found, folder.motion)
    batch.change(item.uuid, Status.PENDING, Status.RUNNING)
    batch.change(item.uuid, Status.RUNNING, Status.DONE, started=item.added)


def test_a_script_registers_and_looks_for_cells_in_what_came_out(space, random_results):
    assert "mcorr_3d" in space.names()["all_modules"]
    params = {"item_name": "moved", "mc_kwargs": {"max_shifts": (4, 4, 1), "pw_rigid": False}}
    moved = space.get_module("mcorr_3d", hide=True).add_to_batch(params)
    item = space.manager.item(moved)
    assert item.module == "mcorr_3d" and item.parameters["motion"]["max_shifts"] == [4, 4, 1]
    cnmf = space.get_module("cnmf_3d")
    cells = cnmf.add_to_batch({"item_name": "cells", "input_item": str(moved)})
    assert space.manager.item(cells).input.item == str(moved)
    with pytest.raises(UsageError, match="pending"):
        space.manager.load_item_output(space.vi, moved)

    settle(space, moved)
    settle(space, cells, results=random_results())
    env = space.manager.load_item_output(space.vi, moved)
    (entry,) = env.history_trace
    said = entry["mcorr_3d"]
    assert said["parameters"] == {"max_shifts": [4, 4, 1], "niter_rig": 3} and said["asked"]["max_shifts"] == "auto"
    assert (said["kind"], said["bad_frames"]) == ("rigid", [7])
    assert said["largest"] == pytest.approx([2.05, 0, 0], abs=0.01)
    assert (said["item_uuid"], said["item_name"]) == (str(moved), "moved")
    assert env.roi_manager is None and env.imgdata.rate == 7.5 and env.imgdata.meta["origin"] == "microscope A"
    assert np.isnan(env.imgdata.seq[7]).all()  # a bad frame
    assert str(space.manager.df["output"][0]).endswith("motion.hdf5")

    again = cnmf.add_to_batch({"item_name": "again"})  # the registered movie is known as the item's output
    assert space.manager.item(again).input == space.manager.item(cells).input
    settle(space, again, results=random_results())
    for key in (cells, again):
        env = space.manager.load_item_output(space.vi, key)
        assert [list(entry) for entry in env.history_trace] == [["mcorr_3d"], ["cnmf_3d"]]
        assert env.history_trace[0]["mcorr_3d"]["item_uuid"] == str(moved) and len(env.roi_manager) == 5
        assert np.isnan(env.imgdata.seq[7]).all()
    assert np.isnan(space.manager.load_item_input(space.vi, again).imgdata.seq[7]).all()

    space.manager.batch.delete([str(moved)], force=True)
    env = space.manager.load_item_output(space.vi, cells)
    assert env.isEmpty and len(env.roi_manager) == 5  # not with a movie in which they lie elsewhere


def test_where_nothing_moves_the_recording_is_the_input(space):
    moved = space.get_module("mcorr_3d").add_to_batch({"item_name": "moved"})
    cells = space.get_module("cnmf_3d").add_to_batch({"item_name": "cells", "input_item": moved})
    settle(space, moved, motion=False)
    env = space.manager.load_item_input(space.vi, cells)
    assert env.imgdata.movie.dtype == np.uint16 and "motion" not in env.imgdata.meta
    assert list(env.history_trace[0]) == ["mcorr_3d"]


def test_what_cannot_be_registered_is_refused_at_once(space, tiff):
    module = space.get_module("mcorr_3d")
    for params, text in (
        ({}, "no item_name"),
        ({"item_name": "m", "cnmf_kwargs": {}}, "the form of mcorr_3d has no cnmf_kwargs"),
        ({"item_name": "m", "mc_kwarg": {}}, "no mc_kwarg"),
        ({"item_name": "m", "mc_kwargs": {"max_shift": 3}}, "no parameter max_shift"),
        ({"item_name": "m", "mc_kwargs": 3}, "mc_kwargs is 3"),
        ({"item_name": "m", "register_on": "red"}, "register_on is 'red'"),
    ):
        with pytest.raises(UsageError, match=text):
            module.add_to_batch(params)
    with pytest.raises(UsageError, match="no parameter overlap_"):
        module.add_to_batch({"item_name": "m", "mc_kwargs": {"overlap_": 3}}, engine="caiman")
    theirs = module.add_to_batch({"item_name": "theirs", "mc_kwargs": {"overlaps": (8, 8, 2)}}, engine="caiman")
    assert space.manager.item(theirs).options == {"caiman": {"overlaps": [8, 8, 2]}}
    with pytest.raises(UsageError, match="mc_kwargs"):
        module.set_params([1])
    text = module.add_to_batch({"item_name": "text", "mc_kwargs": "max_shifts=(3, 3, 1)"})
    assert space.manager.item(text).parameters["motion"]["max_shifts"] == [3, 3, 1]
    space.viewer.workEnv = ViewerWorkEnv.from_tiff(tiff("other.tiff", shape=(41, 4, 9, 11), meta=META))
    with pytest.raises(UsageError, match="text has another movie"):
        space.get_module("cnmf_3d").add_to_batch({"item_name": "x", "input_item": text})
    with pytest.raises(UsageError, match="no item nobody"):
        space.get_module("cnmf_3d").add_to_batch({"item_name": "x", "input_item": "nobody"})
