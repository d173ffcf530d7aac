"""Frame numbers as people give them: numbers, ranges, masks, files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from cnmf3d.errors import InputError
from cnmf3d.npy_objects import load_objects
from cnmf3d.regular import refuse_special

FILES = (".npy", ".txt", ".csv")
"""Endings of files with frame numbers."""

NONE = ("none", "[]", "()")
"""Words for no frames at all; nothing given at all is something else: then the data decide."""

WANTED = "whole numbers and ranges with commas between (200, 400-410)"

MOST = 10_000_000
"""Frames that a range may have: no recording is longer, and a slip of the finger shouldn't fill the memory."""


LAST = 2**53
"""A number that no frame has, and all types of numbers hold."""


def frames_in_text(text: str) -> tuple[int, ...]:
    """Numbers and ranges with commas, semicolons or spaces between: ``17, 20-24``, both ends included.

    Raises
    ------
    ValueError
        For anything else.
    """
    found: dict[int, None] = {}
    for part in re.split(r"[\s,;]+", re.sub(r"\s*-\s*", "-", text.strip())):
        if not part:
            continue
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if match is None:
            raise ValueError(f"{WANTED}; {part!r} is no frame")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < min(first + MOST, LAST):
            raise ValueError(f"{WANTED}; {part!r} is no range")
        found.update(dict.fromkeys(range(first, last + 1)))
    return tuple(found)


def frames_in_file(path: Path, frames: int | None = None) -> npt.NDArray[np.int64]:
    """Frame numbers from Suite2p's ``bad_frames.npy`` or a text file.

    Parameters
    ----------
    path : Path
        ``.npy`` with frame numbers from 0, or with true and false for each frame (1 and 0, too); or text with numbers
        and ranges, or with 1 and 0 for each frame.
    frames : int, optional
        Volumes of the movie, where it is known.

    Returns
    -------
    (n,) int64
        Increasing.

    Raises
    ------
    InputError
        Where it can't be read, or is for another movie.
    """
    refuse_special(path)
    values = np.ravel(load_objects(path)) if path.suffix.lower() == ".npy" else _in_text_file(path)
    if _is_mask(values, frames):
        if frames is not None and values.size != frames:
            raise InputError(f"{path} is for {values.size} frames, the movie has {frames}", "Give that of this movie.")
        return np.flatnonzero(values)
    if values.dtype.kind not in "iuf" or (values != np.rint(values)).any():
        raise InputError(f"{path} doesn't hold frame numbers: {values.dtype}", "Give whole numbers, from 0.")
    outside = values[(values < 0) | (values >= (LAST if frames is None else frames))]
    if outside.size:
        last = "are counted from 0" if frames is None else f"are from 0 to {frames - 1}"
        raise InputError(f"{path} names frame {int(outside[0])}", f"The movie's frames {last}.")
    return np.unique(values.astype(np.int64))


def _is_mask(values: npt.NDArray[Any], frames: int | None) -> bool:
    """Whether they are one value for each frame: true and false, or 1 and 0, which as numbers would be there twice."""
    if values.dtype == bool:
        return True
    if values.dtype.kind not in "iuf" or values.size <= 2:
        return False
    return bool(np.isin(values, (0, 1)).all())


def _in_text_file(path: Path) -> npt.NDArray[np.int64]:
    """Numbers of a text file, in their order and as often as they are there; ranges as all that they hold."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}", "Check the name.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text", "Give frame numbers as text, or a .npy file.") from error
    words = text.replace(",", " ").replace(";", " ").split()
    try:
        if all(word in ("0", "1") for word in words):
            return np.array([int(word) for word in words], np.int64)
        return np.array(frames_in_text(" ".join(_whole(word) for word in words)), np.int64)
    except ValueError as error:
        raise InputError(f"{path} holds something else than numbers: {error}", "Give frame numbers, from 0.") from error


def _whole(word: str) -> str:
    """A number as a whole one, where it is: 17.0 as 17."""
    return re.sub(r"(?<=\d)\.0*(?!\d)", "", word)


def frame_numbers(value: Any) -> Any:
    """What a parameter of frames is given as: numbers, a mask, text, or the name of a file.

    Raises
    ------
    ValueError
        For what names no frames.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Path) or (isinstance(value, str) and value.lower().endswith(FILES)):
        try:
            return tuple(frames_in_file(Path(value)).tolist())
        except InputError as error:
            raise ValueError(f"frames, or a file with some: {error.problem}") from error
    if isinstance(value, (list, tuple)) and value and all(isinstance(each, bool) for each in value):
        return tuple(number for number, flag in enumerate(value) if flag)
    if not isinstance(value, str) or value == "auto":
        return value
    return () if value.strip().lower() in NONE else frames_in_text(value.strip("[]() "))


def is_frames(kind: FieldInfo) -> bool:
    """Whether a parameter is of frame numbers, for which the word none is a value."""
    return any(isinstance(each, BeforeValidator) and each.func is frame_numbers for each in kind.metadata)


def names_file(what: str) -> bool:
    """Whether a file is meant by what says which frames are left out, and no rule."""
    if re.search(r"[<>=!]", what):
        return False
    return Path(what).suffix.lower() in FILES or Path(what).is_file()
