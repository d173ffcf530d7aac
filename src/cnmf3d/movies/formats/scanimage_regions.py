"""Regions of the sample that ScanImage scans in turn (mROI) and stores one below the other in each page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnmf3d.errors import InputError
from cnmf3d.movies.formats.mosaic import Tile
from cnmf3d.movies.formats.scanimage_settings import flag, positive

ALIKE = 0.01
"""Part by which sizes of pixels may differ in a mosaic: over 100 pixels it shifts none by more than one."""

SPARSE = 3
"""Times the area of all regions that a mosaic may have: regions far apart would be mostly emptiness, read as zeros."""


@dataclass(frozen=True)
class Region:
    """One region.

    Attributes
    ----------
    start, stop : int
        Its rows in each page.
    pixel : (y, x) or None
        Size of a pixel in µm.
    columns : int
        Pixels of a row that are its own.
    corner, step : (y, x) or None
        Place of its first pixel and distance of pixels in the sample, in degrees of the scan; None where they aren't
        known, or it is turned.
    """

    start: int
    stop: int
    pixel: tuple[float, float] | None
    columns: int = 0
    corner: tuple[float, float] | None = None
    step: tuple[float, float] | None = None


@dataclass(frozen=True)
class Regions:
    """All regions of a recording.

    Attributes
    ----------
    count : int
    known : sequence of Region
        Empty where the file doesn't say which rows are whose.
    """

    count: int
    known: Sequence[Region]

    def chosen(self, dataset: str, where: str) -> Region:
        """Find the region that the user wants.

        Raises
        ------
        InputError
            Where there is none of that number.
        """
        if dataset not in map(str, range(self.count)):
            fix = f'They count from dataset="0" (--dataset 0) to "{self.count - 1}".'
            raise InputError(f"{where} has no region {dataset!r}", fix)
        return self.known[int(dataset)]

    def tiles(self, width: int) -> tuple[list[Tile], int, int] | None:
        """Put all regions where they lie in the sample.

        Parameters
        ----------
        width : int
            Columns of a page.

        Returns
        -------
        tiles : list of Tile
        height, width : int
            Of the mosaic.
            None in place of all three where places or sizes of pixels don't allow it.
        """
        corners = [each.corner for each in self.known if each.corner is not None]
        steps = [each.step for each in self.known if each.step is not None]
        if not self.known or len(corners) < self.count or len(steps) < self.count:
            return None
        step = steps[0]
        if any(abs(other[axis] / step[axis] - 1) > ALIKE for other in steps for axis in (0, 1)):
            return None
        first = [min(corner[axis] for corner in corners) for axis in (0, 1)]
        tiles = [
            Tile(
                (region.start, region.stop),
                (0, min(region.columns, width)),
                *(round((corner[axis] - first[axis]) / step[axis]) for axis in (0, 1)),
            )
            for region, corner in zip(self.known, corners, strict=True)
        ]
        height = max(tile.y + tile.rows[1] - tile.rows[0] for tile in tiles)
        whole = max(tile.x + tile.columns[1] for tile in tiles)
        area = sum((tile.rows[1] - tile.rows[0]) * tile.columns[1] for tile in tiles)
        return (tiles, height, whole) if height * whole <= SPARSE * area else None

    def caution(self) -> str:
        """Say what reading all regions as one picture means."""
        rows = ", ".join(f"{each.start}–{each.stop - 1}" for each in self.known)
        fix = f'Read one of them: dataset="0" (--dataset 0) to "{self.count - 1}".'
        return (
            f"each page holds {self.count} regions of the sample one below the other (mROI{': rows ' if rows else ''}"
            f"{rows}). They are read as one picture, in which neighbours across a border are no neighbours in the "
            "sample, and the size of a voxel is not known. "
            f"{fix if rows else 'Export each region to a file of its own to keep them apart.'}"
        )


def regions_of(state: Mapping[str, Any], groups: Any, height: int) -> Regions | None:
    """Read the regions of a recording; None where regions are switched off.

    The lines between two regions, in which the mirrors move on, are as many everywhere.

    Parameters
    ----------
    state : mapping
    groups : mapping or None
        ``RoiGroups`` of the file.
    height : int
        Rows of a page.
    """
    if not flag(state, "SI.hRoiManager.mroiEnable"):
        return None
    group = groups.get("imagingRoiGroup") if isinstance(groups, Mapping) else None
    rois = group.get("rois") if isinstance(group, Mapping) else None
    regions = list(rois) if isinstance(rois, (list, tuple)) else [rois]
    sizes = [_lines(region) for region in regions]
    rows = [lines for lines in sizes if lines is not None]
    between = height - sum(rows)
    if len(rows) < len(regions) or between < 0 or between % max(1, len(rows) - 1) or (len(rows) == 1 and between):
        return Regions(len(regions), ())
    gap = between // max(1, len(rows) - 1)
    starts = [sum(rows[:number]) + number * gap for number in range(len(rows))]
    scale = positive(state.get("SI.objectiveResolution"))
    known = [
        Region(start, start + lines, _pixel(region, scale), *_geometry(region))
        for start, lines, region in zip(starts, rows, regions, strict=True)
    ]
    return Regions(len(regions), known)


def _fields(region: Any) -> list[Mapping[str, Any]]:
    """Scan fields of a region: its outline at one or several depths."""
    fields = region.get("scanfields") if isinstance(region, Mapping) else None
    return [each for each in (fields if isinstance(fields, list) else [fields]) if isinstance(each, Mapping)]


def _lines(region: Any) -> int | None:
    """Rows of a region; None where they aren't said, or aren't the same in all planes."""
    found = {size[1] for each in _fields(region) for size in [_pair(each, "pixelResolutionXY")] if size is not None}
    if len(found) != 1 or region.get("discretePlaneMode") in (1, True):
        return None
    return int(found.pop())


def _pixel(region: Any, scale: float | None) -> tuple[float, float] | None:
    """Size of a pixel (y, x) in µm; `scale` are µm a degree."""
    found = {(_pair(each, "sizeXY"), _pair(each, "pixelResolutionXY")) for each in _fields(region)}
    if len(found) != 1 or scale is None:
        return None
    size, pixels = found.pop()
    return None if size is None or pixels is None else (scale * size[1] / pixels[1], scale * size[0] / pixels[0])


def _geometry(region: Any) -> tuple[int, tuple[float, float] | None, tuple[float, float] | None]:
    """Pixels of a row, place of the first pixel and distance of pixels (y, x); where planes agree in them."""
    fields = _fields(region)
    found = {(_pair(each, "sizeXY"), _pair(each, "pixelResolutionXY"), _centre(each)) for each in fields}
    turned = any(each.get("rotationDegrees", 0) not in (0, None) for each in fields)
    if len(found) != 1:
        return 0, None, None
    size, pixels, centre = found.pop()
    if pixels is None:
        return 0, None, None
    if size is None or centre is None or turned:
        return int(pixels[0]), None, None
    corner = (centre[1] - size[1] / 2, centre[0] - size[0] / 2)
    return int(pixels[0]), corner, (size[1] / pixels[1], size[0] / pixels[0])


def _centre(field: Mapping[str, Any]) -> tuple[float, float] | None:
    """Read where the middle of a field lies, x and y."""
    values = field.get("centerXY")
    if not isinstance(values, (list, tuple)) or len(values) != 2:
        return None
    if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in values):
        return None
    return float(values[0]), float(values[1])


def _pair(field: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """Read two positive numbers, x and y."""
    values = field.get(name)
    if not isinstance(values, (list, tuple)) or len(values) != 2:
        return None
    x, y = (positive(value) for value in values)
    return None if x is None or y is None else (x, y)
