"""ROIs drawn in ImageJ or Fiji: ``.roi`` files, and ``.zip`` files of the ROI Manager."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cnmf3d.damage import DAMAGE
from cnmf3d.errors import InputError
from cnmf3d.results.footprints import footprints_of
from cnmf3d.results.imports.importer import Given, Importer
from cnmf3d.results.imports.masks import mask_results
from cnmf3d.results.model import Results

if TYPE_CHECKING:
    from roifile import ImagejRoi

Ints = npt.NDArray[np.int64]


def read_imagej(path: Path, given: Given) -> Results:
    """Read areas drawn in ImageJ: rectangles, ovals, polygons, freehand and composite ones.

    Each is an ROI in its plane (the Z position, or the position in a stack without time and channels); one without a
    position is in all planes. A pixel belongs to it where its centre is inside. Points and lines have no area and are
    left out, with a warning.

    Parameters
    ----------
    path : Path
        ``.roi`` or ``.zip``.
    given : Given
        `shape` of the volume, which the files don't tell; `rate` and `voxel_size`.

    Raises
    ------
    InputError
        Where the file is damaged, has no areas, or they lie outside the volume.
    """
    if given.shape is None:
        raise InputError(f"{path} doesn't say how large the image is", "Give it: --shape x,y,z.")
    z, y, x = shape = given.shape
    columns: list[Ints] = []
    skipped: list[str] = []
    for number, roi in enumerate(_rois(path)):
        name = roi.name or f"number {number + 1}"
        inside = _inside(roi, (y, x))
        if inside is None:
            skipped.append(name)
            continue
        planes = _planes(roi, z, f"{path}: the ROI {name!r}")
        if not inside.size:
            raise InputError(
                f"{path}: the ROI {name!r} has no pixel in {x} × {y} (x × y)", "Is --shape that of the image?"
            )
        columns.append(np.concatenate([plane * y * x + inside for plane in planes]))
    if not columns:
        raise InputError(f"{path} has no areas, only points or lines", "Draw outlines of the cells.")
    left_out = (f"{len(skipped)} ROIs without an area left out: {', '.join(skipped[:5])}",) if skipped else ()
    footprints = footprints_of(((each, np.ones(each.size)) for each in columns), z * y * x)
    return mask_results(footprints, shape, rate=given.rate or 0.0, voxel_size=given.voxel_size, warnings=left_out)


def _rois(path: Path) -> list[ImagejRoi]:
    from roifile import ImagejRoi

    try:
        read = ImagejRoi.fromfile(path)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error}", "Give a .roi or .zip file of ImageJ.") from error
    except DAMAGE as error:
        raise InputError(
            f"{path} holds no ROIs of ImageJ, or is damaged: {error}", "Save them again from the ROI Manager."
        ) from error
    return read if isinstance(read, list) else [read]


def _planes(roi: ImagejRoi, depth: int, name: str) -> list[int]:
    """Planes of a volume that an ROI is in, from 0."""
    place = roi.z_position or (roi.position if depth > 1 else 0)
    if place > depth:
        raise InputError(f"{name} is in plane {place} of {depth}", "Is --shape that of the image (x,y,z)?")
    return [place - 1] if place > 0 else list(range(depth))


def _inside(roi: ImagejRoi, size: tuple[int, int]) -> Ints | None:
    """Pixels of a plane (flat) whose centre is in the area; None where it has none."""
    from roifile import ROI_TYPE

    lines = (ROI_TYPE.LINE, ROI_TYPE.FREELINE, ROI_TYPE.POLYLINE, ROI_TYPE.ANGLE, ROI_TYPE.POINT, ROI_TYPE.NOROI)
    if roi.roitype in lines:
        return None
    if roi.roitype == ROI_TYPE.OVAL and roi.subpixel_coordinates is None:
        return _oval(roi, size)
    paths = [np.asarray(each, np.float64) for each in roi.coordinates(multi=True)]
    paths = [each for each in paths if each.ndim == 2 and len(each) >= 3]
    return _filled(paths, size) if paths else None


def _grid(low: npt.NDArray[Any], high: npt.NDArray[Any], size: tuple[int, int]) -> tuple[Ints, npt.NDArray[np.float64]]:
    """Pixels of a plane that lie in a rectangle (x, y): flat numbers, and their centres."""
    x0, y0 = np.maximum(np.floor(low).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(high).astype(int), (size[1], size[0]))
    y, x = (part.ravel() for part in np.mgrid[y0 : max(y1, y0), x0 : max(x1, x0)])
    return (y * size[1] + x).astype(np.int64), np.stack([x + 0.5, y + 0.5], axis=1)


def _oval(roi: ImagejRoi, size: tuple[int, int]) -> Ints:
    low, high = np.array([roi.left, roi.top], float), np.array([roi.right, roi.bottom], float)
    pixels, centres = _grid(low, high, size)
    away = (centres - (low + high) / 2) / np.maximum((high - low) / 2, 1e-9)
    return np.asarray(pixels[(away**2).sum(axis=1) <= 1], np.int64)


def _filled(paths: list[npt.NDArray[np.float64]], size: tuple[int, int]) -> Ints:
    """Pixels inside an odd number of outlines: holes are outlines within outlines."""
    from matplotlib.path import Path as Outline

    every = np.concatenate(paths)
    pixels, centres = _grid(every.min(axis=0), every.max(axis=0), size)
    odd = np.zeros(pixels.size, bool)
    for each in paths:
        odd ^= Outline(each).contains_points(centres)
    return pixels[odd]


IMPORTER = Importer(
    "imagej",
    "areas drawn in ImageJ or Fiji: .roi, or .zip of the ROI Manager",
    read_imagej,
    frozenset({"shape", "rate", "voxel_size"}),
)
