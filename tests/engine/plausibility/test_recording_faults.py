"""One fault at a time is put into a healthy recording: it is named, and nothing else is."""

import imagecodecs
import numpy as np
import pytest
from scipy import ndimage

from cnmf3d.engine.plausibility import check_movie


def names(movie):
    return {check.name for check in check_movie(movie) if check.caution}


def whole(values):
    return np.clip(np.rint(values), 0, 65535).astype(np.uint16)


def rng():
    return np.random.default_rng(0)


def saturated(movie):
    return np.minimum(movie, np.uint16(np.percentile(movie, 98)))


def dark(movie):
    return whole(movie - np.percentile(movie, 35))


def normalised(movie):
    mean = movie.mean(axis=0)
    return ((movie - mean) / (mean - 90)).astype(np.float32)


def scores(movie):
    return ((movie - movie.mean(axis=0)) / movie.std(axis=0)).astype(np.float32)


def scaled(movie):
    return ((movie - float(movie.min())) / float(np.ptp(movie))).astype(np.float32)


def few_bits(movie):
    return (movie // 64).astype(np.uint8)


def smoothed(movie):
    return whole(ndimage.gaussian_filter(movie.astype(np.float32), (0, 0, 1.5, 1.5)))


def averaged(movie):
    return whole(ndimage.uniform_filter1d(movie.astype(np.float32), 3, axis=0))


def repeated(movie):
    out = movie.copy()
    out[1::10] = out[::10]
    return out


def line_noise(movie):
    return whole(movie + rng().normal(0, 8, (*movie.shape[:3], 1)))


def column_noise(movie):
    return whole(movie + rng().normal(0, 8, (*movie.shape[:2], 1, movie.shape[3])))


def hum(movie):
    phase = rng().uniform(0, 2 * np.pi, (*movie.shape[:2], 1, 1))
    row, column = np.indices(movie.shape[2:])
    return whole(movie + 6 * np.sin(2 * np.pi * (row / 7 + column / 11) + phase))


def stripes(movie):
    return whole(movie * rng().normal(1, 0.06, movie.shape[3]))


def phase(movie):
    out = movie.copy()
    out[:, :, 1::2] = np.roll(out[:, :, 1::2], 2, axis=3)
    return out


def hot(movie):
    out = movie.copy()
    places = rng().choice(out[0].size, 100, replace=False)
    out.reshape(len(out), -1)[:, places] += 500
    return out


def compressed(movie):
    def jpeg(plane):
        scaled = np.clip((plane - low) * scale, 0, 255).astype(np.uint8)
        return imagecodecs.jpeg8_decode(imagecodecs.jpeg8_encode(scaled, level=70))

    low, high = np.percentile(movie, (0.01, 99.99))
    scale = 255 / (high - low)
    return np.stack([[jpeg(plane) for plane in volume] for volume in movie])


def borders(movie):
    out = movie.copy()
    for time, width in enumerate(rng().integers(0, 24, len(out))):
        out[time, :, :, :width] = 0
    return out


def empty_plane(movie):
    out = movie.copy()
    out[:, 3] = 100
    return out


def shuffled_planes(movie):
    return movie[:, [0, 4, 1, 5, 2, 6, 3, 7]]


def flyback(movie):
    out = movie.copy()
    out[:, -1] = out[:, 3, ::-1, ::-1]
    return out


def flash(movie):
    out = movie.copy()
    out[77] = whole(2.5 * out[77])
    return out


def blank(movie):
    out = movie.copy()
    out[[40, 90]] = 100
    return out


def jump(movie):
    return whole(movie * np.where(np.arange(len(movie)) < 70, 1, 0.85)[:, None, None, None])


def flicker(movie):
    return whole(movie * rng().normal(1, 0.1, (len(movie), 1, 1, 1)))


def bleached(movie):
    return whole(movie * np.linspace(1, 0.4, len(movie))[:, None, None, None])


def shifted(movie, shifts):
    return np.stack([whole(ndimage.shift(volume.astype(float), (0, *by), order=1, mode="nearest"))
                     for volume, by in zip(movie, shifts, strict=True)])  # fmt: skip


def moving(movie):
    return shifted(movie, rng().normal(0, 0.8, (len(movie), 2)))


def startled(movie):
    return shifted(movie, np.where(np.arange(len(movie))[:, None] % 20 == 7, (2.0, -2.0), 0.0))


def drifting_along_z(movie):
    steps = np.linspace(-1, 1, len(movie))
    return np.stack([whole(ndimage.shift(volume.astype(float), (by, 0, 0), order=1, mode="nearest"))
                     for volume, by in zip(movie, steps, strict=True)])  # fmt: skip


FAULTS = [
    (saturated, "saturation"),
    (dark, "darkness"),
    (normalised, "scale"),
    (scores, "scale"),
    (scaled, "scale"),
    (few_bits, "scale"),
    (smoothed, "grain"),
    (averaged, "time"),
    (repeated, "repeats"),
    (line_noise, "lines"),
    (column_noise, "lines"),
    (hum, "lines"),
    (stripes, "stripes"),
    (phase, "phase"),
    (hot, "pixels"),
    (compressed, "compression"),
    (borders, "borders"),
    (empty_plane, "planes"),
    (shuffled_planes, "planes"),
    (flyback, "planes"),
    (flash, "brightness"),
    (blank, "brightness"),
    (jump, "brightness"),
    (flicker, "brightness"),
    (bleached, "brightness"),
    (moving, "motion"),
    (startled, "motion"),
    (drifting_along_z, "motion"),
]


def test_a_healthy_recording_has_no_caution(healthy, opened):
    assert names(opened(healthy)) == set()


@pytest.mark.parametrize(("fault", "name"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_fault_is_named_and_nothing_else(healthy, opened, fault, name):
    assert names(opened(fault(healthy))) == {name}


def test_channels_read_as_time(healthy, opened):
    turned = np.stack([healthy, healthy[:, :, ::-1]], axis=1).reshape(-1, *healthy.shape[1:])
    (check,) = (check for check in check_movie(opened(turned)) if check.name == "turns")
    assert check.figures["period"] == 2 and "--channels 2" in check.caution


def test_planes_read_as_time(healthy, opened):
    flat = healthy[:, [0, 3, 7]].reshape(-1, 1, *healthy.shape[2:])
    (check,) = (check for check in check_movie(opened(flat)) if check.name == "turns")
    assert check.figures["period"] == 3


def test_values_that_are_not_in_proportion_to_light(opened):
    light = np.linspace(20, 600, 64)[None, None, None] * np.ones((60, 1, 64, 1))
    counts = rng().poisson(light)
    assert "photons" not in names(opened(whole(counts * 10)))
    assert "photons" in names(opened(whole(5000 * np.log1p(counts))))


def test_short_and_odd_rates(healthy, opened):
    assert names(opened(healthy[:100])) == {"length"}
    assert names(opened(healthy, rate=30.0)) == {"length"}  # 5 s
    assert names(opened(healthy, rate=0.01)) == {"length"}
    assert names(opened(healthy[:3])) == {"length"}


def test_voxels_as_large_as_cells(healthy, opened):
    assert names(opened(healthy, voxel_size=(12, 12, 15))) == {"voxels"}
    assert names(opened(healthy, voxel_size=(1, 2, 4))) == {"voxels"}
    assert names(opened(healthy, voxel_size=(1, 1, 4))) == set()


def test_nothing_but_not_a_number(opened):
    assert "saturation" in names(opened(np.full((60, 2, 40, 40), np.nan, np.float32)))


def test_an_image_instead_of_a_movie(healthy, opened):
    assert "scale" in names(opened(np.repeat(healthy[:1], 60, axis=0)))


@pytest.mark.parametrize("shape", [(20, 1, 1, 1), (30, 1, 5, 3), (200, 2, 9, 200), (160, 30, 12, 12), (9, 1, 40, 40)])
def test_any_shape_can_be_looked_at(opened, shape):
    values = rng().poisson(50, shape).astype(np.uint16)
    assert names(opened(values)) <= {"length"}
