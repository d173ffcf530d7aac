import numpy as np
import pytest
from scipy import ndimage

from cnmf3d.engine.plausibility.motion import motion_of


def recording(shifts, z=1, seed=0):
    """A textured tissue displaced by (volumes, 3) voxels, with noise; (volumes, z, 96, 96)."""
    rng = np.random.default_rng(seed)
    tissue = ndimage.gaussian_filter(rng.normal(0, 1, (z + 8, 112, 112)), (2, 2, 2))
    tissue = 200 + 60 * tissue / tissue.std()
    frames = [ndimage.shift(tissue, by, order=3)[4 : 4 + z, 8:-8, 8:-8] for by in shifts]
    return (frames + rng.normal(0, 10, (len(shifts), z, 96, 96))).astype(np.float32)


def parts(frames, count=4):
    return tuple(np.array_split(frames, count))


def noise_of(frames):
    return np.full(frames.shape[1:], 100, np.float32)


@pytest.mark.parametrize("rms", [0.0, 0.2, 0.5, 1.0])
def test_displacement_is_measured(rms):
    shifts = np.random.default_rng(1).normal(0, 1, (48, 3)) * (0, rms, rms)
    frames = recording(shifts)
    motion = motion_of(parts(frames), noise_of(frames))
    y, x = shifts[:, 1:].std(axis=0)
    assert motion.total.y == pytest.approx(y, rel=0.2, abs=0.05)
    assert motion.total.x == pytest.approx(x, rel=0.2, abs=0.05)
    assert motion.total.z == 0


def test_drift_is_no_fast_motion():
    shifts = np.outer(np.linspace(-1, 1, 48), (0.6, 0.8, 0))
    frames = recording(shifts, z=5)
    motion = motion_of(parts(frames, 6), noise_of(frames))
    assert motion.total.z == pytest.approx(shifts[:, 0].std(), rel=0.3)
    assert motion.total.y == pytest.approx(shifts[:, 1].std(), rel=0.2)
    assert motion.fast.y < 0.3 * motion.total.y


def test_line_noise_and_brightness_are_no_motion():
    rng = np.random.default_rng(2)
    frames = recording(np.zeros((48, 3)))
    frames = frames * rng.normal(1, 0.1, (48, 1, 1, 1)) + rng.normal(0, 10, (48, 1, 96, 1))
    motion = motion_of(parts(frames.astype(np.float32)), noise_of(frames))
    assert max(motion.total) < 0.1


def test_nothing_is_said_of_noise_and_of_small_planes():
    noise = np.random.default_rng(0).normal(100, 10, (48, 2, 96, 96)).astype(np.float32)
    assert motion_of(parts(noise), noise_of(noise)) is None
    frames = recording(np.zeros((16, 3)))[..., :20, :20]
    assert motion_of(parts(frames), noise_of(frames)) is None
