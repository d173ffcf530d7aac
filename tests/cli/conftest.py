"""A small movie with its truth on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnmf3d.simulate import simulate


@pytest.fixture(scope="session")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name has a space and an umlaut, with ``m.tif``, its sidecar and truth."""
    path = tmp_path_factory.mktemp("a möuse") / "m.tif"
    simulate(path, "tiny", seed=2, overrides={"size": "40,40,8", "cells": "12", "frames": "400"})
    return path


@pytest.fixture(scope="session")
def longer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A movie that takes long enough to be stopped, on a busy machine too."""
    path = tmp_path_factory.mktemp("longer") / "long.tif"
    simulate(path, "tiny", seed=2, overrides={"size": "60,60,10", "cells": "25", "frames": "4000"})
    return path
