"""Motion of a stretch, as one of all frames."""

from __future__ import annotations

import numpy as np
import pytest

from cnmf3d.errors import InputError, UsageError
from cnmf3d.motion.stretch import estimate_stretch, over_all, stretch_of
from cnmf3d.movies import open_movie
from cnmf3d.parameters import MotionParameters


@pytest.fixture(scope="module")
def movie():
    still = np.random.default_rng(1).integers(90, 400, (1, 40, 44)).astype(np.uint16)
    frames = [np.roll(still, (0, 0, 3 * (t % 2)), (0, 1, 2)) for t in range(40)]
    return open_movie(np.stack(frames), rate=5.0)


def test_frames_outside_stay(movie):
    motion = estimate_stretch(movie, 10, 30, MotionParameters(bad_frames=(3, 12), pw_rigid=False))
    assert motion.frames == 20 and stretch_of(motion) == (10, 30)
    assert np.flatnonzero(motion.bad_frames).tolist() == [2]
    assert np.diff(motion.rigid[:, 2])[[0, 4, 6]] == pytest.approx([3, 3, 3], abs=0.1)
    whole = over_all(motion, 40)
    assert (
        np.array_equal(whole.rigid[10:30], motion.rigid) and not whole.rigid[:10].any() and not whole.rigid[30:].any()
    )
    assert np.flatnonzero(whole.bad_frames).tolist() == [12]
    assert whole.parameters["asked"]["bad_frames"] == [3, 12]


def test_what_is_no_stretch(movie):
    motion = estimate_stretch(movie, 10, 20)
    with pytest.raises(InputError):
        over_all(motion, 15)
    assert stretch_of(over_all(motion, 40)) == (10, 20)
    with pytest.raises(InputError):
        over_all(over_all(motion, 40), 40)
    with pytest.raises(UsageError):
        estimate_stretch(movie, 30, 50)
