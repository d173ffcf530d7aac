"""State of ScanImage before 2016, which each page's description holds.

ScanImage 2015 writes the names of later versions with ``scanimage.`` before them. Versions 3, 4 and 5 have names of
their own; channels vary fastest in all of them, while the layout of their stacks differs from version to version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Legacy:
    """What is read from versions 3 to 5.

    Attributes
    ----------
    channels : int
        Pages of a frame.
    slices : int
        Planes of a stack; 1 for a movie of one plane.
    rate : float or None
        Frames a second.
    """

    channels: int
    slices: int
    rate: float | None


def modern_state(description: str) -> Mapping[str, Any] | None:
    """Read the state of ScanImage 2015 under its later names; None for other versions."""
    from tifffile import matlabstr2py

    found: dict[str, Any] = {}
    for line in description.splitlines():
        if line.startswith("scanimage.SI.h"):
            with suppress(ValueError, IndexError):  # a value in a form that is not known is one that is not said
                found |= matlabstr2py(f"{line}\n")
    return {name.removeprefix("scanimage."): value for name, value in found.items()} or None


def legacy_state(description: str) -> Legacy | None:
    """Read what versions 3 to 5 say; None for other versions."""
    said = dict(re.findall(r"(?:state\.|scanimage\.SI[45]\.)([\w.]+)\s*=\s*([^\r\n]*)", description))
    if not said:
        return None

    def number(*names: str) -> float | None:
        for name in names:
            found = re.fullmatch(r"[\d.]+(?:e[+-]?\d+)?", said.get(name, "").strip())
            if found and float(found[0]) > 0:
                return float(found[0])
        return None

    if any(name.startswith("acq.") for name in said):
        saved = sum(said.get(f"acq.savingChannel{channel}", "0").strip() == "1" for channel in range(1, 5))
        averaged = number("acq.numAvgFramesSave") or 1
        rate = number("acq.frameRate")
        return Legacy(max(1, saved), int(number("acq.numberOfZSlices") or 1), rate / averaged if rate else None)
    saved = len(re.findall(r"\d+", said.get("channelsSave", "1")))
    fast = said.get("fastZEnable", "0").strip() in ("1", "true")
    period, averaged = number("scanFramePeriod"), number("acqNumAveragedFrames") or 1
    slices = int(number("stackNumSlices") or 1)
    return Legacy(max(1, saved), slices if fast or slices > 1 else 1, 1 / period / averaged if period else None)
