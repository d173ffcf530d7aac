import numpy as np
import pytest

from cnmf3d.movies import open_movie
from cnmf3d.simulate import Scene, draw


@pytest.fixture(scope="session")
def healthy():
    """A recording with which nothing is wrong, (160, 8, 80, 80) uint16."""
    scene = Scene(size=(80, 80, 8), frames=160, rate=5.0, cells=40, bleaching=0.05)
    return np.stack(list(draw(scene, 3).frames()))


@pytest.fixture
def opened():
    def make(values, rate=5.0, **more):
        return open_movie(values, axes="tzyx", rate=rate, **more)

    return make
