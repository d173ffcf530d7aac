"""ScanImage volumetric stacks: BigTIFF files of ScanImage 2016 and later, flyback planes dropped.

From ScanImage's own description of its BigTIFF files: the non-varying frame data hold the state of the
microscope (``SI.…``), each page's description holds ``frameNumbers``. Channels vary fastest, then repeats of
a slice, slices, flyback frames at the end of a volume, volumes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.errors import InputError
from cnmf3d.geometry import ZYX
from cnmf3d.movies.arrays import Stacked
from cnmf3d.movies.formats.tiff_pages import all_pages
from cnmf3d.movies.stored import Facts, Place, Stored
from cnmf3d.movies.units import voxel_size

if TYPE_CHECKING:
    from tifffile import TiffFile


@dataclass(frozen=True)
class Volume:
    """How the pages of a volume follow one another.

    Attributes
    ----------
    slices : int
        Planes of a volume.
    repeats : int
        Frames at each plane.
    flyback : int
        Frames at the end of a volume while the focus returns.
    channels : int
    """

    slices: int
    repeats: int
    flyback: int
    channels: int

    @property
    def pages(self) -> int:
        """Pages from one volume to the next."""
        return (self.slices * self.repeats + self.flyback) * self.channels


def open_scanimage(place: Place, tif: TiffFile) -> Stored | None:
    """Open a ScanImage file.

    Returns
    -------
    Stored or None
        None for versions before 2016, which keep their state elsewhere.

    Raises
    ------
    InputError
        Where planes were recorded several times each in a movie of volumes, or where the file begins within a
        volume.
    """
    state = (tif.scanimage_metadata or {}).get("FrameData")
    if not state:
        return None
    description = tif.pages.first.description
    pages = all_pages(place, tif)
    if pages is None or len(pages.shape) != 3:
        return None
    volume = _volume(state, pages.shape[0])
    _check_start(place, description, volume)
    volumes, left = divmod(pages.shape[0], volume.pages)
    warnings = []
    if left and volumes:
        warnings.append(
            f"{place}: its last volume is incomplete ({left} of {volume.pages} pages, flyback included), left out."
        )
    if not volumes:
        raise InputError(
            f"{place} ends within its first volume ({left} of {volume.pages} pages)",
            "Record at least two volumes; a recording that was stopped at once can't be used.",
        )
    numbers = np.arange(volumes * volume.pages).reshape(volumes, -1, volume.channels)
    numbers = numbers[:, : volume.slices * volume.repeats]
    arranged = numbers.reshape(volumes, volume.slices, volume.repeats, volume.channels)
    axes, order, caution = _arranged(place, arranged)
    size = None if state.get("SI.hRoiManager.mroiEnable") else _voxel_size(state, pages.shape[1:])
    told = {"flyback_frames": volume.flyback, "date": _date(description), "scanimage": state}
    facts = Facts(_rate(state, volume, axes), size, told, (*warnings, *caution))
    return Stored(Stacked(pages, order), axes, "ScanImage", facts)


def _volume(state: Mapping[str, Any], pages: int) -> Volume:
    """Read how a volume is recorded; settings count only where stacks are switched on."""
    channels = int(np.size(state.get("SI.hChannels.channelSave", 1)))
    if not (_flag(state, "SI.hStackManager.enable") or _flag(state, "SI.hFastZ.enable")):
        return Volume(1, 1, 0, channels)
    slices = _whole(state, "SI.hStackManager.actualNumSlices") or _whole(state, "SI.hStackManager.numSlices") or 1
    repeats = _whole(state, "SI.hStackManager.framesPerSlice") or 1
    whole = _whole(state, "SI.hStackManager.numFramesPerVolumeWithFlyback")
    flyback = max(0, whole - slices * repeats) if whole else (_whole(state, "SI.hFastZ.numDiscardFlybackFrames") or 0)
    volumes = _whole(state, "SI.hStackManager.actualNumVolumes") or _whole(state, "SI.hFastZ.numVolumes")
    if volumes and pages == volumes * slices * repeats * channels:
        flyback = 0
    return Volume(slices, repeats, flyback, channels)


def _arranged(place: Place, numbers: npt.NDArray[np.intp]) -> tuple[str, npt.NDArray[np.intp], tuple[str, ...]]:
    """Bring page numbers (volumes, slices, repeats, channels) to a time, a plane and a channel each."""
    volumes, _, repeats, _ = numbers.shape
    if repeats == 1:
        return "tzcyx", numbers[:, :, 0], ()
    if volumes > 1:
        raise InputError(
            f"{place} holds {volumes} volumes with {repeats} frames at each plane",
            "Average the frames of each plane before (ScanImage: logAverageFactor), then open the result.",
        )
    text = f"{place}: its planes were recorded one after the other, {repeats} frames each, not as volumes."
    return "ztcyx", numbers[0], (text,)


def _check_start(place: Place, description: str, volume: Volume) -> None:
    """See that the first page begins a volume: a recording may have been cut into files anywhere."""
    found = re.search(r"frameNumbers\s*=\s*(\d+)", description)
    frames = volume.slices * volume.repeats + volume.flyback
    if found and (int(found[1]) - 1) % frames:
        raise InputError(
            f"{place} begins in the middle of a volume (frame {found[1]}, {frames} frames a volume)",
            f"Join the recording's files to one, or record with a multiple of {frames} frames a file.",
        )


def _rate(state: Mapping[str, Any], volume: Volume, axes: str) -> float | None:
    """Volumes a second."""
    frames = _positive(state.get("SI.hRoiManager.scanFrameRate"))
    average = _positive(state.get("SI.hScan2D.logAverageFactor")) or 1.0
    if axes.startswith("z") or volume.pages == volume.channels:
        return frames / average if frames else None
    volumes = _positive(state.get("SI.hRoiManager.scanVolumeRate"))
    if volumes:
        return volumes
    return frames / average / (volume.pages / volume.channels) if frames else None


def _voxel_size(state: Mapping[str, Any], page: tuple[int, ...]) -> ZYX | None:
    """µm, from the corners of the field of view and the step of the stack."""
    corners = np.asarray(state.get("SI.hRoiManager.imagingFovUm") or [], dtype=object)
    if corners.shape != (4, 2):
        return None
    width, height = np.ptp(corners.astype(float), axis=0)
    steps = (state.get(f"SI.hStackManager.{name}") for name in ("actualStackZStepSize", "stackZStepSize"))
    step = next((size for size in (_positive(each, sign=True) for each in steps) if size), None)
    return voxel_size(step, _positive(height / page[0]), _positive(width / page[1]))


def _date(description: str) -> str:
    """Start of the recording as ``YYYYMMDD_HHMMSS``; empty where it isn't told."""
    found = re.search(r"epoch\s*=\s*\[([^\]]*)\]", description)
    numbers = [int(float(part)) for part in re.findall(r"[\d.]+", found[1])] if found else []
    return "{:04d}{:02d}{:02d}_{:02d}{:02d}{:02d}".format(*numbers) if len(numbers) == 6 else ""


def _flag(state: Mapping[str, Any], name: str) -> bool:
    """Whether something is switched on: MATLAB writes ``true`` or ``1``."""
    return state.get(name) in (True, 1, "true")


def _whole(state: Mapping[str, Any], name: str) -> int | None:
    """Read a positive whole number; None for what is missing or infinite."""
    number = _positive(state.get(name))
    return int(number) if number else None


def _positive(value: Any, *, sign: bool = False) -> float | None:
    """Read a positive finite number, or with `sign` its size; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
        return None
    number = abs(float(value)) if sign else float(value)
    return number if number > 0 else None
