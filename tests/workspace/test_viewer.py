"""The viewer as scripts see it."""

from __future__ import annotations

import pytest

from cnmf3d.errors import InputError, UsageError
from cnmf3d.workspace.environment import ViewerWorkEnv
from cnmf3d.workspace.viewer import Viewer, ViewerUtils


def test_who_listens_is_told(tiff):
    events, seen = [], []
    vi = ViewerUtils(Viewer(events.append))
    vi.viewer.updated.append(seen.append)
    vi.viewer.workEnv = env = ViewerWorkEnv.from_tiff(tiff())
    assert seen == [] and vi.work_env is env
    vi.update_workEnv()
    vi.update_workEnv()
    assert seen == [env, env]
    assert len([event for event in events if "does not tell its rate" in event.text]) == 1


def test_a_rate_that_was_set_is_no_warning(tiff):
    events = []
    vi = ViewerUtils(Viewer(events.append))
    vi.viewer.workEnv = ViewerWorkEnv.from_tiff(tiff())
    vi.work_env.imgdata.meta["fps"] = 5
    vi.update_workEnv()
    assert events == []


def test_discarding_clears(tiff):
    vi = ViewerUtils(Viewer())
    vi.viewer.workEnv = env = ViewerWorkEnv.from_tiff(tiff())
    vi.discard_workEnv()
    assert env.isEmpty and vi.work_env.isEmpty and vi.work_env is not env


def test_what_is_no_work_environment(tiff):
    vi = ViewerUtils(Viewer())
    with pytest.raises(UsageError, match="can't be a str"):
        vi.viewer.workEnv = "m.tif"
    vi.viewer.workEnv = ViewerWorkEnv.from_tiff(tiff())
    vi.work_env.imgdata.meta["fps"] = "fast"
    with pytest.raises(InputError, match="fps"):
        vi.update_workEnv()


def test_a_name_that_is_almost_right_is_not_lost(tiff):
    vi = ViewerUtils(Viewer())
    env = ViewerWorkEnv.from_tiff(tiff())
    for thing, name in ((vi.viewer, "workenv"), (vi.viewer, "work_env"), (vi, "workEnv"), (vi, "work_env")):
        with pytest.raises(UsageError, match=r"vi\.viewer\.workEnv"):
            setattr(thing, name, env)
    vi.viewer.other = 7  # what a window keeps there is its own
    assert vi.work_env.isEmpty and vi.viewer.other == 7


@pytest.mark.parametrize("meta", [None, 5, "fps", [("fps", 5)]])
def test_metadata_are_a_dict(tiff, meta):
    vi = ViewerUtils(Viewer())
    with pytest.raises(UsageError, match="metadata can't be"):
        vi.work_env.imgdata.meta = meta
    vi.work_env.imgdata.meta = {"fps": 4}
    assert vi.work_env.imgdata.rate == 4
