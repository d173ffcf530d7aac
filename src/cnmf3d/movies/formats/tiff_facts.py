"""Rate and voxel size from what ImageJ, tifffile and plain TIFF tags say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cnmf3d.movies.calibration import Calibration, calibration_of
from cnmf3d.movies.formats.tiff_series import Series, shaped_labels
from cnmf3d.movies.stored import Facts, Place
from cnmf3d.movies.units import micrometres, seconds, voxel_size

if TYPE_CHECKING:
    from tifffile import TiffFile

CENTIMETRE = 3
"""Value of the ResolutionUnit tag for which a resolution is taken as a size; inches are a printer's."""


def of_series(place: Place, tif: TiffFile, series: Series) -> Facts:
    """Facts of an image series, by its kind."""
    if series.kind == "imagej":
        return _imagej(place, tif)
    if series.kind == "shaped":
        return _shaped(tif, series.description)
    return plain(place, tif)


def plain(place: Place, tif: TiffFile) -> Facts:
    """Facts of a file without known labels: the resolution where it is in centimetres, its texts, its calibration."""
    tags = tif.pages.first.tags
    texts = {name: tags.valueof(code) for name, code in (("description", 270), ("software", 305), ("date", 306))}
    metadata = {name: text for name, text in texts.items() if isinstance(text, str) and text}
    facts = Facts(None, _resolution(tif, "cm", only_centimetres=True), metadata)
    return _with_calibration(place, tif, facts) if tif.is_imagej else facts


def _imagej(place: Place, tif: TiffFile) -> Facts:
    """Facts of an ImageJ hyperstack.

    ``finterval`` is the time between frames, ``spacing`` the distance between slices, XResolution and
    YResolution the pixels a unit. ``fps`` is the speed at which ImageJ plays the movie and says nothing of
    the recording.
    """
    labels = dict(tif.imagej_metadata or {})
    unit = str(labels.get("unit", ""))
    interval = seconds(labels.get("finterval"), str(labels.get("tunit", "s")))
    size = _resolution(tif, unit, z=labels.get("spacing"))
    return _with_calibration(place, tif, Facts(1 / interval if interval else None, size, _told(labels)))


STRAIGHT_LINE = 0
"""ImageJ's number (``cf``) for a calibration that is a straight line."""

NO_CURVE = 20
"""ImageJ's number (``cf``) for no calibration."""


def _with_calibration(place: Place, tif: TiffFile, facts: Facts) -> Facts:
    """Add the calibration of ImageJ's description: ``cf`` the kind of curve, ``c0`` and ``c1`` of a straight line.

    ImageJ calibrates integers only and counts signed 16-bit values from -32768 up.
    """
    labels, dtype = dict(tif.imagej_metadata or {}), np.dtype(tif.pages.first.dtype)
    curve = labels.get("cf")
    if dtype.kind not in "iu" or dtype.itemsize > 2 or curve in (None, NO_CURVE):
        return facts
    if curve != STRAIGHT_LINE:
        text = (
            f"{place} has a calibration of ImageJ's that is no straight line (cf={curve}); it was not applied, so that "
            "intensities are the numbers that are stored. Apply it in ImageJ and save as 32-bit if it is needed."
        )
        return replace(facts, warnings=(*facts.warnings, text))
    found = calibration_of(labels.get("c1"), labels.get("c0"), str(labels.get("vunit", "")))
    if found is not None and dtype.kind == "i":
        first = -float(np.iinfo(dtype).min)
        found = Calibration(found.gain, found.offset + found.gain * first, found.unit)
    return replace(facts, calibration=found)


def _shaped(tif: TiffFile, description: str) -> Facts:
    """Facts of a file that tifffile wrote with `metadata`: as ImageJ's, and ``fps`` is the recording's."""
    labels = shaped_labels(description)
    interval = seconds(labels.get("finterval"))
    rate = 1 / interval if interval else seconds(labels.get("fps"))
    size = _resolution(tif, str(labels.get("unit", "")), z=labels.get("spacing"))
    return Facts(rate, size, _told(labels))


def _told(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Labels that are worth keeping: plain values that aren't kept elsewhere."""
    known = {
        "shape",
        "axes",
        "images",
        "channels",
        "slices",
        "frames",
        "hyperstack",
        "ImageJ",
        "loop",
        "min",
        "max",
        "cf",
        "c0",
        "c1",
        "vunit",
    }
    return {name: value for name, value in labels.items() if name not in known and isinstance(value, (str, int, float))}


def _resolution(tif: TiffFile, unit: str, *, z: Any = None, only_centimetres: bool = False) -> Any:
    """Voxel size from the resolution tags (pixels a `unit`) and the distance `z` of planes."""
    tags = tif.pages.first.tags
    if only_centimetres and tags.valueof(296) != CENTIMETRE:
        return None
    sides = []
    for code in (283, 282):
        top, bottom = tags.valueof(code) or (0, 1)
        sides.append(micrometres(bottom / top, unit) if top and bottom else None)
    return voxel_size(micrometres(z, unit), *sides)
