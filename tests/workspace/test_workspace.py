"""The names that a script finds, and a workspace that lets go of everything."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from cnmf3d.errors import UsageError
from cnmf3d.workspace import ImgData, ViewerWorkEnv, Workspace
from cnmf3d.workspace.viewer import Viewer, ViewerUtils

META = {"origin": "microscope A", "fps": 5.0, "date": "20240131_142500"}


def test_the_names_of_the_page(tiff):
    with Workspace() as space:
        names = space.names()
        page = "get_module vi ViewerWorkEnv os glob get_workEnv get_image get_meta get_batch_manager"
        ours = "update_workEnv clear_workEnv ImgData all_modules np"
        assert {*page.split(), *ours.split()} <= set(names)
        assert names["all_modules"] == ["cnmf_3d", "mcorr_3d"] and names["ViewerWorkEnv"] is ViewerWorkEnv
        assert names["ImgData"] is ImgData and names["get_batch_manager"]() is space.manager
        assert names["get_image"]() is None and names["get_meta"]() == {}
        names["vi"].viewer.workEnv = env = ViewerWorkEnv.from_tiff(tiff(meta=META))
        names["update_workEnv"]()
        assert names["get_workEnv"]() is env and names["get_meta"]()["fps"] == 5
        np.testing.assert_array_equal(names["get_image"]()[2, 1], np.arange(360).reshape(6, 3, 5, 4)[2, 1])
        names["get_meta"]()["animal"] = "m7"
        assert env.imgdata.meta["animal"] == "m7"
        names["clear_workEnv"]()
        assert env.isEmpty and names["get_workEnv"]().isEmpty and names["get_image"]() is None


def test_pandas_is_there_and_loaded_when_used():
    code = (
        "import sys; from cnmf3d.workspace import Workspace; names = Workspace().names()\n"
        "assert 'pandas' not in sys.modules\n"
        "assert names['pd'].DataFrame({'a': [1]}).a[0] == 1 and 'DataFrame' in dir(names['pd'])\n"
        "import pandas; assert pandas.DataFrame is names['pd'].DataFrame\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_screen_is_loaded():
    code = (
        "import sys; from cnmf3d.workspace import Workspace; Workspace().names()\n"
        "assert not {'qtpy', 'PyQt6', 'napari', 'numba', 'IPython'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_viewer_with_a_window_brings_its_own(tiff):
    class Window(Viewer):
        pass

    vi = ViewerUtils(Window())
    with Workspace(vi=vi) as space:
        assert space.vi is vi and space.viewer is vi.viewer and space.names()["vi"] is vi
        vi.viewer.workEnv = env = ViewerWorkEnv.from_tiff(tiff(meta=META))
        assert space.get_workEnv() is env


def test_closing_lets_go_of_batch_and_movie(tiff, tmp_path):
    with Workspace() as space:
        space.manager.new_batch(tmp_path / "b")
        space.viewer.workEnv = env = ViewerWorkEnv.from_tiff(tiff(meta=META))
    assert env.isEmpty and space.manager.folder is None
    with pytest.raises(UsageError, match="no batch is open"):
        _ = space.manager.items
