"""What ScanImage's state says about a recording: how pages make volumes, the rate, the size of a voxel.

From ScanImage's description of its TIFF files. ``SI.hStackManager`` holds stacks, ``SI.hFastZ`` fast focusing,
``SI.hScan2D`` and ``SI.hRoiManager`` the scan. Settings stay in the file when what they belong to is switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnmf3d.errors import InputError
from cnmf3d.geometry import ZYX
from cnmf3d.movies.stored import Place
from cnmf3d.movies.units import voxel_size

UNEVEN = 0.01
"""Part of the median distance by which distances of planes may differ: positions are written with few digits."""


@dataclass(frozen=True)
class Volume:
    """How the frames of a volume follow one another in the file.

    Attributes
    ----------
    slices : int
        Planes of a volume.
    repeats : int
        Frames in the file at each plane.
    flyback : int
        Frames in the file at the end of a volume, while the focus returns.
    channels : int
        Pages of a frame.
    average : int
        Scanned frames in each frame of the file.
    slow : bool
        Whether the stage moves from plane to plane and each plane counts as an acquisition.
    """

    slices: int = 1
    repeats: int = 1
    flyback: int = 0
    channels: int = 1
    average: int = 1
    slow: bool = False

    @property
    def wanted(self) -> int:
        """Frames of a volume without flyback."""
        return self.slices * self.repeats

    @property
    def frames(self) -> int:
        """Frames from one volume to the next."""
        return self.wanted + self.flyback


def stacked(state: Mapping[str, Any]) -> bool:
    """Whether volumes were recorded; else all settings of stacks are leftovers.

    Versions that can't switch stacks off have them where the stack lists several positions.
    """
    if "SI.hStackManager.enable" not in state and np.size(state.get("SI.hStackManager.zs", 0)) > 1:
        return True
    return flag(state, "SI.hStackManager.enable") or flag(state, "SI.hFastZ.enable")


def volume_of(place: Place, state: Mapping[str, Any]) -> Volume:
    """Read how a volume was recorded.

    Raises
    ------
    InputError
        Where the settings contradict one another.
    """
    channels = max(1, int(np.size(state.get("SI.hChannels.channelSave", 1))))
    average = whole(state, "SI.hScan2D.logAverageFactor") or 1
    if not stacked(state):
        return Volume(channels=channels, average=average)
    slices = whole(state, "SI.hStackManager.actualNumSlices") or whole(state, "SI.hStackManager.numSlices") or 1
    repeats = _repeats(place, state, slices)
    with_flyback = whole(state, "SI.hStackManager.numFramesPerVolumeWithFlyback")
    if not with_flyback and flag(state, "SI.hFastZ.enable"):
        with_flyback = whole(state, "SI.hFastZ.numFramesPerVolume")
    flyback = whole(state, "SI.hFastZ.numDiscardFlybackFrames") or 0
    if with_flyback:
        flyback = max(0, with_flyback - slices * repeats)
    if repeats % average or flyback % average:
        raise InputError(
            f"{place} averages {average} frames into one (logAverageFactor), but has {repeats} frames at each of "
            f"{slices} planes and {flyback} frames of flyback",
            "The pages then mix planes. Record with a logAverageFactor that divides the frames of a plane.",
        )
    slow = str(state.get("SI.hStackManager.stackMode", "")) == "slow"
    return Volume(slices, repeats // average, flyback // average, channels, average, slow)


def _repeats(place: Place, state: Mapping[str, Any], slices: int) -> int:
    """Frames scanned at each plane: by the length of a volume, in which no leftover has a part."""
    length = whole(state, "SI.hStackManager.numFramesPerVolume")
    if length and length % slices == 0:
        return length // slices
    if length:
        raise InputError(
            f"{place} has {length} frames a volume (numFramesPerVolume) and {slices} planes, which does not divide it",
            "ScanImage's settings contradict one another: export the volumes from ScanImage to another format.",
        )
    fast = whole(state, "SI.hFastZ.numFramesPerVolume") if flag(state, "SI.hFastZ.enable") else None
    if fast is not None:
        return 1
    return whole(state, "SI.hStackManager.framesPerSlice") or 1


def expected_volumes(state: Mapping[str, Any]) -> int | None:
    """Volumes that the recording should have; None where it runs until it is stopped."""
    if not stacked(state):
        return None
    return (
        whole(state, "SI.hStackManager.actualNumVolumes")
        or whole(state, "SI.hStackManager.numVolumes")
        or whole(state, "SI.hFastZ.numVolumes")
    )


def frame_rate(state: Mapping[str, Any], volume: Volume) -> float | None:
    """Frames in the file a second."""
    rate = positive(state.get("SI.hRoiManager.scanFrameRate"))
    return rate / volume.average if rate else None


def volume_rate(state: Mapping[str, Any], volume: Volume) -> float | None:
    """Volumes a second."""
    frames = frame_rate(state, volume)
    if volume.frames == 1:
        return frames
    return positive(state.get("SI.hRoiManager.scanVolumeRate")) or (frames / volume.frames if frames else None)


def size_of(place: Place, state: Mapping[str, Any], page: tuple[int, ...]) -> tuple[ZYX | None, tuple[str, ...]]:
    """µm, from the corners of the field of view and the positions of the planes; with cautions.

    Parameters
    ----------
    place : Place
    state : mapping
    page : (Y, X)
    """
    corners = np.asarray(state.get("SI.hRoiManager.imagingFovUm") or [], dtype=object)
    step, cautions = _step(place, state)
    if corners.shape != (4, 2):
        return None, cautions
    width, height = np.ptp(corners.astype(float), axis=0)
    return voxel_size(step, positive(height / page[0]), positive(width / page[1])), cautions


def _step(place: Place, state: Mapping[str, Any]) -> tuple[float | None, tuple[str, ...]]:
    """Distance of planes in µm; only where a stack was recorded."""
    if not stacked(state):
        return None, ()
    slices = whole(state, "SI.hStackManager.actualNumSlices") or whole(state, "SI.hStackManager.numSlices") or 1
    positions = _positions(state, slices)
    if positions is not None and slices > 1:
        steps = np.abs(np.diff(positions))
        middle = float(np.median(steps))
        if middle > 0 and np.ptp(steps) <= UNEVEN * middle:
            return middle, ()
        where = ", ".join(f"{position:g}" for position in positions)
        text = f"{place}: its planes are not evenly spaced (z = {where} µm); no distance of planes was taken."
        return None, (text,)
    names = ("SI.hStackManager.actualStackZStepSize", "SI.hStackManager.stackZStepSize")
    return next((size for size in (positive(state.get(name), sign=True) for name in names) if size), None), ()


def _positions(state: Mapping[str, Any], slices: int) -> np.ndarray | None:
    """Where the planes of a volume lie; None where that isn't said for each plane."""
    try:
        values = np.asarray(state.get("SI.hStackManager.zs"), np.float64).ravel()
    except (TypeError, ValueError):
        return None
    if not values.size or values.size % slices or not np.isfinite(values).all():
        return None
    each = values.reshape(slices, -1)
    return each[:, 0] if np.array_equal(each, np.repeat(each[:, :1], each.shape[1], axis=1)) else None


def flag(state: Mapping[str, Any], name: str) -> bool:
    """Whether something is switched on: MATLAB writes ``true`` or ``1``."""
    return state.get(name) in (True, 1, "true")


def whole(state: Mapping[str, Any], name: str) -> int | None:
    """Read a positive whole number; None for what is missing or infinite."""
    number = positive(state.get(name))
    return int(number) if number else None


def positive(value: Any, *, sign: bool = False) -> float | None:
    """Read a positive finite number, or with `sign` its size; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
        return None
    number = abs(float(value)) if sign else float(value)
    return number if number > 0 else None
