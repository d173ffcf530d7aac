"""What all parameter models share: frozen, no unknown names, numbers that are numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from cnmf3d.errors import UsageError
from cnmf3d.geometry import along_axes

Auto = Literal["auto"]


class Stage(BaseModel):
    """Parameters of one stage. Frozen; a name that it doesn't know is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True, validate_default=True
    )


def _lengths(value: Any) -> Any:
    """A per-axis quantity as (x, y, z); "auto" and None stay."""
    if value is None or value == "auto" or isinstance(value, bool):
        return value
    if isinstance(value, str):
        value = [float(part) for part in value.replace("×", ",").split(",")]
        value = value[0] if len(value) == 1 else value
    try:
        return along_axes(value).xyz
    except (UsageError, TypeError) as error:
        raise ValueError(str(error)) from error


def _positive(value: Any) -> Any:
    if isinstance(value, tuple) and not all(v > 0 for v in value):
        raise ValueError("lengths must be above 0")
    return value


XYZ = tuple[float, float, float]
Lengths = Annotated[XYZ, BeforeValidator(_positive), BeforeValidator(_lengths)]
"""(x, y, z): one number for all axes, three numbers, or {"x": , "y": , "z": }; above 0."""
Overlap = Annotated[XYZ, BeforeValidator(_lengths)]
"""(x, y, z), may be 0."""
