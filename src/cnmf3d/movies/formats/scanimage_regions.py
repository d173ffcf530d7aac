"""Regions of the sample that ScanImage scans in turn (mROI) and stores one below the other in each page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnmf3d.errors import InputError
from cnmf3d.movies.formats.scanimage_settings import flag, positive


@dataclass(frozen=True)
class Region:
    """One region.

    Attributes
    ----------
    start, stop : int
        Its rows in each page.
    pixel : (y, x) or None
        Size of a pixel in µm.
    """

    start: int
    stop: int
    pixel: tuple[float, float] | None


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
        if not dataset.isdecimal() or int(dataset) >= self.count:
            fix = f'They count from dataset="0" (--dataset 0) to "{self.count - 1}".'
            raise InputError(f"{where} has no region {dataset!r}", fix)
        return self.known[int(dataset)]

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
        Region(start, start + lines, _pixel(region, scale))
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


def _pair(field: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """Read two positive numbers, x and y."""
    values = field.get(name)
    if not isinstance(values, (list, tuple)) or len(values) != 2:
        return None
    x, y = (positive(value) for value in values)
    return None if x is None or y is None else (x, y)
