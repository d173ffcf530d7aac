"""Lengths in µm and times in seconds, from the units that files name."""

from __future__ import annotations

import math
from typing import Any

from cnmf3d.geometry import ZYX

LENGTHS = {
    "m": 1e6, "meter": 1e6, "metre": 1e6, "cm": 1e4, "centimeter": 1e4, "mm": 1e3, "millimeter": 1e3,
    "um": 1.0, "micron": 1.0, "micrometer": 1.0, "micrometre": 1.0, "nm": 1e-3, "nanometer": 1e-3,
    "pm": 1e-6, "picometer": 1e-6, "å": 1e-4, "angstrom": 1e-4, "inch": 25400.0, "in": 25400.0,
}  # fmt: skip
"""µm in a unit of length."""

TIMES = {
    "s": 1.0, "sec": 1.0, "second": 1.0, "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3,
    "us": 1e-6, "microsecond": 1e-6, "ns": 1e-9, "nanosecond": 1e-9,
    "min": 60.0, "minute": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0,
}  # fmt: skip
"""Seconds in a unit of time."""


def micrometres(value: Any, unit: str = "um") -> float | None:
    """Convert a length to µm; None where it isn't a positive number or the unit is no length."""
    return _scaled(value, LENGTHS.get(plain_unit(unit)))


def seconds(value: Any, unit: str = "s") -> float | None:
    """Convert a duration to seconds; None where it isn't a positive number or the unit is no time."""
    return _scaled(value, TIMES.get(plain_unit(unit)))


def voxel_size(z: float | None, y: float | None, x: float | None) -> ZYX | None:
    """Put lengths in µm together; z becomes not-a-number where it isn't known, None where x and y aren't."""
    if y is None or x is None:
        return None
    return ZYX(z=math.nan if z is None else z, y=y, x=x)


def plain_unit(unit: str) -> str:
    """Spell a unit one way: lower case, singular, u for µ."""
    text = unit.strip().replace("\\u00B5", "u").replace("\\u00b5", "u").replace("\u00b5", "u").replace("\u03bc", "u")
    text = text.lower()
    return text[:-1] if len(text) > 3 and text.endswith("s") else text


def _scaled(value: Any, factor: float | None) -> float | None:
    """Multiply, where both are usable."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    if factor is None or not math.isfinite(number) or number <= 0:
        return None
    return number * factor
