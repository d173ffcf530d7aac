"""Frame numbers as people give them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.errors import InputError, UsageError
from cnmf3d.parameters import read_motion_parameters, read_parameters
from cnmf3d.parameters.frames import frames_in_file, frames_in_text
from cnmf3d.parameters.registering import separated

T = 6


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("17", (17,)),
        ("3, 1;2", (3, 1, 2)),
        ("17,20-24", (17, 20, 21, 22, 23, 24)),
        ("2 - 4 3", (2, 3, 4)),
        ("", ()),
    ],
)
def test_numbers_and_ranges(text, frames):
    assert frames_in_text(text) == frames


@pytest.mark.parametrize("text", ["one", "-3", "1.5", "5-3", "0-99999999999", "1--2", "1-2-3"])
def test_text_that_names_no_frames(text):
    with pytest.raises(ValueError, match="is no"):
        frames_in_text(text)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 30)), max_size=8))
def test_ranges_hold_both_ends(spans):
    text = ", ".join(str(a) if n == 0 else f"{a}-{a + n}" for a, n in spans)
    assert set(frames_in_text(text)) == {t for a, n in spans for t in range(a, a + n + 1)}


def test_files(tmp_path):
    mask = np.array([0, 1, 0, 0, 1, 0], bool)
    np.save(tmp_path / "numbers.npy", np.array([4.0, 1.0]))
    np.save(tmp_path / "flags.npy", mask)
    np.save(tmp_path / "ones.npy", mask.astype(int))
    np.save(tmp_path / "column.npy", mask[:, None])
    (tmp_path / "list.txt").write_text("1, 4\n")
    (tmp_path / "ones.txt").write_text("0\n1\n0\n0\n1\n0\n")
    (tmp_path / "range.csv").write_text("1;4.0 - 4\n")
    for file in tmp_path.iterdir():
        assert frames_in_file(file, T).tolist() == frames_in_file(file).tolist() == [1, 4], file
        assert read_parameters({"bad_frames": str(file)}).data.bad_frames == (1, 4)
        assert read_motion_parameters({"bad_frames": str(file)}).bad_frames == (1, 4)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("x.txt", "1 6", "names frame 6"),
        ("x.txt", "one", "else than numbers"),
        ("x.txt", b"\xff\xfe", "is no text"),
        ("none.txt", None, "can't be read"),
        ("x.npy", np.ones(T - 1, bool), "5 frames, the movie has 6"),
        ("x.npy", np.array([0.5]), "doesn't hold frame numbers"),
        ("x.npy", np.array([np.nan]), "doesn't hold frame numbers"),
        ("x.npy", np.array([-1]), "names frame -1"),
    ],
)
def test_files_that_are_of_no_use(tmp_path, name, content, problem):
    if isinstance(content, np.ndarray):
        np.save(tmp_path / name, content)
    elif content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=problem):
        frames_in_file(tmp_path / name, T)


@pytest.mark.parametrize("text", ["none", "None", "[]"])
def test_none_as_text_is_no_frame_and_not_auto(text):
    data = read_parameters({"bad_frames": text, "segments": text, "functional": text}).data
    assert (data.bad_frames, data.segments, data.functional) == ((), (), ())
    assert read_motion_parameters({"motion": {"bad_frames": text}}).bad_frames == ()


def test_nothing_given_for_frames_is_their_default():
    assert read_parameters({"bad_frames": None, "segments": None}).data.segments == "auto"
    assert read_motion_parameters({"motion": {"bad_frames": None}}).bad_frames == ()


def test_what_a_parameter_takes(tmp_path):
    for given_as in ((1, 4), "1,4", "1, 4", [1, 4], np.array([1, 4]), [False, True, False, False, True]):
        assert read_parameters({"bad_frames": given_as}).data.bad_frames == (1, 4), given_as
    assert read_parameters({"bad_frames": "20-22"}).data.bad_frames == (20, 21, 22)
    assert read_parameters({"bad_frames": "[]"}).data.bad_frames == ()
    assert read_parameters({"bad_frames": "auto"}).data.bad_frames == "auto"
    for wrong in ("one", str(tmp_path / "none.npy"), [-1], [1.5]):
        with pytest.raises(UsageError, match="bad_frames"):
            read_parameters({"bad_frames": wrong})


def test_bare_names_that_both_have_are_those_of_finding_cells():
    content = {"bad_frames": [3], "max_shifts": 4, "motion": {"bad_frames": [5]}, "min_SNR": 2}
    ours, moving = separated(content)
    assert ours == {"bad_frames": [3], "min_SNR": 2}
    assert moving == {"max_shifts": 4, "motion": {"bad_frames": [5]}}


@pytest.mark.parametrize("text", ["9223372036854775808", "3, 99999999999999999999-99999999999999999999", "0-20000000"])
def test_numbers_that_no_frame_has_are_refused(tmp_path, text):
    (tmp_path / "bad.txt").write_text(text)
    with pytest.raises(ValueError, match="is no range"):
        frames_in_text(text)
    with pytest.raises(InputError, match="something else than numbers"):
        frames_in_file(tmp_path / "bad.txt")
