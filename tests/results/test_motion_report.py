"""The page about a motion, and the figures in it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import ndimage

from cnmf3d.errors import InputError
from cnmf3d.movies import open_movie
from cnmf3d.movies.registered import Motion
from cnmf3d.results.motion_report import compared, facts_of, write_motion_report
from cnmf3d.results.motion_report.flow import residual_flow

T, Z, Y, X = 40, 3, 40, 44


def motion(**values):
    rng = np.random.default_rng(0)
    start = {
        "rigid": (rng.normal(0, 1, (T, 3)) * [0, 1.5, 1.5]).astype(np.float32),
        "confidence": rng.random(T).astype(np.float32),
        "planes": np.zeros((Z, 2), np.float32),
        "bad_frames": np.zeros(T, bool),
        "template": np.full((Z, Y, X), np.nan, np.float32),
    }
    return Motion(**{**start, **values})


def moving(found):
    """A scene of spots that moves so, with noise."""
    rng = np.random.default_rng(1)
    still = ndimage.gaussian_filter(rng.random((Z, Y + 20, X + 20)) ** 8, (0, 1.5, 1.5)) * 5000
    frames = [ndimage.shift(still, shift, order=3)[:, 10:-10, 10:-10] for shift in found.rigid]
    return open_movie((np.stack(frames) + rng.normal(0, 10, (T, Z, Y, X))).astype(np.float32), rate=5.0)


def test_registration_is_measured_before_and_after():
    found = motion()
    result = compared(moving(found), found)
    assert result.sharpness_before == 1 and result.sharpness_after > 1.5
    assert np.nanmedian(result.correlation_after) > np.nanmedian(result.correlation_before) + 0.05
    assert result.before.shape == result.after.shape == (Z, Y, X)


def test_a_wrong_motion_makes_it_worse():
    found = motion()
    wrong = motion(rigid=-found.rigid)
    result = compared(moving(found), wrong)
    assert result.sharpness_after < 1
    assert np.nanmedian(result.correlation_after) < np.nanmedian(result.correlation_before)


def textured(shifts, size=(Z, 72, 72), noise=20.0):
    """A scene full of spots that moves so, with noise, and its mean."""
    rng = np.random.default_rng(2)
    still = ndimage.gaussian_filter(rng.random((size[0], size[1] + 20, size[2] + 20)) ** 8, (0, 1.5, 1.5)) * 5000
    frames = np.stack([ndimage.shift(still, (0, y, x), order=3)[:, 10:-10, 10:-10] for y, x in shifts])
    frames = (frames + rng.normal(0, noise, frames.shape)).astype(np.float32)
    return open_movie(frames, rate=5.0), frames.mean(axis=0)


@pytest.mark.parametrize(("spread", "least", "most"), [(0.0, 0.0, 0.03), (0.1, 0.1, 0.18), (0.3, 0.33, 0.5)])
def test_what_is_left_of_the_motion_is_measured(spread, least, most):
    shifts = np.random.default_rng(3).normal(0, spread, (60, 2))
    movie, mean = textured(shifts)
    flow = residual_flow(movie, mean, np.arange(60))
    assert flow.shape == (3, 3)
    assert least <= np.median(flow) <= most  # of both axes: spread * sqrt(2)


def test_a_place_that_moves_by_itself_is_seen_where_it_is():
    moving, _ = textured(np.random.default_rng(3).normal(0, 0.4, (60, 2)))
    still, _ = textured(np.zeros((60, 2)))
    frames = still.read(0, 60).copy()
    frames[..., :36] = moving.read(0, 60)[..., :36]
    movie = open_movie(frames, rate=5.0)
    flow = residual_flow(movie, frames.mean(axis=0), np.arange(60))
    assert flow[:, 0].min() > 0.3 and flow[:, 2].max() < 0.1


def test_what_cannot_be_measured_is_no_number():
    movie = open_movie(np.ones((10, 2, 6, 6), np.float32), rate=5.0)
    assert np.isnan(residual_flow(movie, np.ones((2, 6, 6), np.float32), np.arange(10))).all()
    assert np.isnan(residual_flow(movie, np.full((2, 6, 6), np.nan, np.float32), np.arange(10))).all()


def test_facts_say_what_moves():
    rng = np.random.default_rng(0)
    bad = np.zeros(T, bool)
    bad[[3, 4, 5, 9]] = True
    facts = facts_of(
        motion(
            bad_frames=bad,
            plane_shifts=rng.normal(0, 1, (T, Z, 2)).astype(np.float32),
            planes=np.array([[0, 0], [1, 2], [0, -3]], np.float32),
            scan_phase=-0.5,
            parameters={"asked": {"max_shifts": "auto", "pw_rigid": True}, "chosen": {"binning": 2}, "movie": {}},
        )
    )
    assert facts["bad frames"] == "4: 3–5, 9"
    assert facts["kind"] == "rigid, plane by plane"
    assert facts["planes' offsets"] == "up to 1.00 (y), 3.00 (x) voxels"
    assert "-0.50" in facts["scan phase"]
    assert facts["parameters"] == {"pw_rigid": True, "binning": 2}
    assert facts["largest shift"].endswith("0.00 voxels (x, y, z)")


def test_the_page_needs_nothing_else(tmp_path):
    field = np.random.default_rng(0).normal(0, 0.2, (T, 1, 2, 2, 3)).astype(np.float32)
    grid = (np.float32([1]), np.float32([10, 30]), np.float32([10, 30]))
    planes = np.array([[0, 0], [1, 2], [0, -3]], np.float32)
    found = motion(field=field, grid=grid, planes=planes, template=np.ones((Z, Y, X), np.float32))
    page = write_motion_report(found, tmp_path / "m.html", moving(motion()), title="<m>").read_text()
    assert "&lt;m&gt;" in page and not re.search(r'(src|href)="http', page)
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == [
        "Shifts",
        "Planes",
        "Field",
        "Before and after",
        "Correlation",
        "Residual flow",
        "Template",
        "Facts",
    ]
    alone = write_motion_report(motion(), tmp_path / "m.html").read_text()
    assert re.findall(r"<h2>(.*?)</h2>", alone) == ["Shifts", "Facts"]
    with pytest.raises(InputError, match="can't be written"):
        write_motion_report(motion(), tmp_path / "no" / "m.html")


def test_all_frames_bad_is_no_reason_to_stop(tmp_path):
    found = motion(bad_frames=np.ones(T, bool))
    page = write_motion_report(found, tmp_path / "m.html", moving(motion())).read_text()
    assert "40: 0–39" in page
