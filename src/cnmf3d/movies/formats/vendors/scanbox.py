"""Scanbox (Neurolabware): ``recording.sbx`` with the values, ``recording.mat`` beside it with the settings.

The values are 16-bit numbers that fall as light rises: intensity is 65535 less the number. They lie by frame, line,
pixel and channel, the channel running fastest. With an optotune lens frames go through its planes in turn. Settings as
its maker describes them: ``sz`` (lines, pixels), ``channels`` (1: both detectors, 2 and 3: one of them) or
``chan.nchan``, ``resfreq`` (lines a second), ``scanmode`` (0: lines in both directions), ``otwave`` (planes).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cnmf3d import matlab_files
from cnmf3d.errors import InputError
from cnmf3d.movies.arrays import Mapped, folded
from cnmf3d.movies.calibration import Calibration
from cnmf3d.movies.formats.descriptions import named
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.stored import Facts, Place, Stored
from cnmf3d.movies.timing import scanned

SUFFIX = ".sbx"
LARGEST = 65535


def open_recording(place: Place, dataset: str | None) -> Stored:
    """Open a recording.

    Raises
    ------
    InputError
        Where its settings are missing, can't be read, or don't fit the file.
    """
    del dataset
    assert place.path is not None
    path = place.path.with_suffix(".mat")
    info = _info(place, path)
    try:
        lines, pixels = (int(number) for number in np.ravel(info["sz"])[:2])
        channels, planes, rate = _channels(info), _planes(info), _rate(info)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path} does not tell how {place} is to be read ({error})", "Copy it again.") from error
    if min(lines, pixels) < 1:
        raise InputError(f"{path} says that images are {pixels} × {lines}", "Copy it again.")
    frame = lines * pixels * channels * 2
    frames, rest = divmod(place.path.stat().st_size, frame)
    warnings = []
    if rest:
        warnings.append(f"{place} ends within a frame, which is left out: the recording was stopped.")
    if frames < planes:
        raise InputError(
            f"{place} holds {frames} frames of {pixels} × {lines} in {channels} channels by {path.name}, no volume of "
            f"{planes} planes",
            "Copy both files again; they must be of one recording.",
        )
    times = frames // planes
    data = Mapped(place.path, np.dtype("<u2"), (times * planes, lines, pixels, channels))
    shaped = folded(data, (times, planes))
    assert shaped is not None
    detectors = {"channels": [f"PMT {number}" for number in range(channels)]} if channels > 1 else {}
    facts = Facts(
        rate / (lines * planes) if rate > 0 else None,
        None,
        {**detectors, **scanned(planes, lines / rate if rate > 0 else None)},
        tuple(warnings),
        Calibration(-1.0, float(LARGEST)),
        files=(str(place.path),),
    )
    return Stored(shaped, "tzyxc", "Scanbox", facts)


def _info(place: Place, path: Path) -> dict[str, Any]:
    """Read the settings; MATLAB files hold plain values, which are not run."""
    if not path.is_file():
        raise InputError(f"{place} has no {path.name} beside it, which tells how it is to be read", "Copy it there.")
    try:
        info = matlab_files.load(path, plain=True)["info"]
    except Exception as error:  # scipy raises whatever its parser meets in a damaged file
        raise InputError(f"{path} can't be read as settings of Scanbox ({error})", "Copy it again.") from error
    if not isinstance(info, dict):
        raise InputError(f"{path} holds no settings of Scanbox (info)", "Copy it again.")
    return info


def _channels(info: dict[str, Any]) -> int:
    """Count the channels that are stored."""
    named = info.get("chan")
    count = named.get("nchan") if isinstance(named, dict) else None
    if count is not None:
        return max(1, int(count))
    return 2 if info.get("channels") in (1, 4) else 1


def _planes(info: dict[str, Any]) -> int:
    """Count the planes that the lens goes through."""
    if not int(info.get("volscan", 1) or 0):
        return 1
    return max(1, np.size(info.get("otwave", [])))


def _rate(info: dict[str, Any]) -> float:
    """Lines a second; 0 where it isn't known."""
    both_ways = int(info.get("scanmode", 1)) == 0
    return float(info.get("resfreq", 0)) * (2 if both_ways else 1)


FORMAT = Format("Scanbox", (SUFFIX,), named(SUFFIX), open_recording)
