"""What the viewer does with items of the module mcorr_3d."""

from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.batch import Batch, Status
from cnmf3d.movies import open_movie
from cnmf3d.movies.registered import Motion, write_motion
from cnmf3d.viewer.controllers.loading import read_input, read_output
from cnmf3d.viewer.models.batch_facts import information_rows, parameter_rows

FRAMES, SHAPE = 30, (3, 8, 9)


class Quiet:
    """A task that nobody watches."""

    def report(self, done, total):
        """Tell nobody."""


@pytest.fixture
def batch(tmp_path):
    """An item that has registered a movie, and one on it."""
    path = tmp_path / "m.npy"
    np.save(path, np.random.default_rng(0).poisson(100, (FRAMES, *SHAPE)).astype(np.uint16))
    with Batch.create(tmp_path / "b") as made:
        moved = made.add(path, {"max_shifts": 3}, name="moved", module="mcorr_3d", opening={"rate": 5.0})
        made.add(moved, name="cells")
        rigid = np.zeros((FRAMES, 3), np.float32)
        rigid[:, 2] = np.linspace(-2, 2, FRAMES)
        motion = Motion(
            rigid=rigid,
            confidence=np.ones(FRAMES, np.float32),
            planes=np.zeros((SHAPE[0], 2), np.float32),
            bad_frames=np.arange(FRAMES) == 7,
            template=np.zeros(SHAPE, np.float32),
            fingerprint=open_movie(path).fingerprint(),
        )
        made.run_folder(moved).path.mkdir(parents=True)
        write_motion(motion, made.run_folder(moved).motion)
        summary = {"kind": "rigid", "largest": [2.0, 0.0, 0.0], "bad_frames": 1, "frames": FRAMES, "shape": [9, 8, 3]}
        made.change(moved.uuid, Status.PENDING, Status.DONE, summary=summary)
        yield made


def test_the_registered_movie_is_shown(batch):
    for opened in (read_output(batch, batch.item("moved"), Quiet()), read_input(batch, batch.item("cells"), Quiet())):
        assert opened.rois is None and opened.results_path is None and opened.contrast is not None
        assert np.isnan(opened.environment.imgdata.seq[7]).all()
        assert [list(entry) for entry in opened.environment.history_trace] == [["mcorr_3d"]]


def test_its_panes_tell_the_motion_and_the_parameters_of_registration(batch):
    rows = {name: (value, changed) for name, value, changed in parameter_rows(batch.item("moved"))}
    assert rows["motion.max_shifts"] == ("3 × 3 × 3", True) and rows["motion.pw_rigid"] == ("auto", False)
    assert not any(name.startswith("init.") for name in rows)
    rows = dict(information_rows(batch, batch.item("moved")))
    assert rows["Motion"] == "rigid, up to 2 × 0 × 0 voxels (x × y × z)" and rows["Bad frames"] == "1"
    assert "motion.hdf5" in rows["Results"] and "Components" not in rows
    assert dict(information_rows(batch, batch.item("cells")))["Registered by"] == batch.item("moved").uuid


def test_items_that_others_need_are_deleted_when_that_was_asked(app, batch):
    from cnmf3d.viewer.controllers.actions import actions_of

    told = []
    app.failed.connect(told.append)
    app.batch = batch
    actions = actions_of(app)
    actions.batch.poll(now=True)
    moved, cells = batch.items()
    assert actions.users([moved.uuid]) == [cells] and actions.users([moved.uuid, cells.uuid]) == []
    assert not actions.fill_form(moved.uuid) and "of mcorr_3d" in str(told[-1])
    assert not actions.delete([moved.uuid]) and "registers the movie of cells" in str(told[-1])
    assert actions.delete([moved.uuid], force=True) and batch.items() == [cells]
