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
    assert titles == ["Shifts", "Planes", "Field", "Before and after", "Correlation", "Template", "Facts"]
    alone = write_motion_report(motion(), tmp_path / "m.html").read_text()
    assert re.findall(r"<h2>(.*?)</h2>", alone) == ["Shifts", "Facts"]
    with pytest.raises(InputError, match="can't be written"):
        write_motion_report(motion(), tmp_path / "no" / "m.html")


def test_all_frames_bad_is_no_reason_to_stop(tmp_path):
    found = motion(bad_frames=np.ones(T, bool))
    page = write_motion_report(found, tmp_path / "m.html", moving(motion())).read_text()
    assert "40: 0–39" in page
