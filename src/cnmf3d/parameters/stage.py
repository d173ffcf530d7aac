"""What all parameter models share: frozen, no unknown names, numbers that are numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator

from cnmf3d.errors import UsageError
from cnmf3d.geometry import NUMBERS, along_axes

Auto = Literal["auto"]


class Stage(BaseModel):
    """Parameters of one stage. Frozen; a name that it doesn't know is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True, validate_default=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch(cls, value: Any, info: ValidationInfo) -> Any:
        """True is no number, though Python counts it as one."""
        kind = None if info.field_name is None else cls.model_fields[info.field_name].annotation
        switch = kind in (bool, Literal[False]) or bool in get_args(kind)
        if isinstance(value, bool) and not switch:
            raise ValueError("a value, not a switch")
        return value


def _lengths(value: Any) -> Any:
    """A per-axis quantity as (x, y, z); "auto" and None stay."""
    if value is None or value == "auto" or isinstance(value, bool):
        return value
    try:
        return along_axes(value).xyz
    except UsageError as error:
        raise ValueError(NUMBERS) from error


def _positive(value: Any) -> Any:
    if isinstance(value, tuple) and not all(v > 0 for v in value):
        raise ValueError("above 0 along every axis")
    return value


def _not_negative(value: Any) -> Any:
    if isinstance(value, tuple) and not all(v >= 0 for v in value):
        raise ValueError("0 or more along every axis")
    return value


XYZ = tuple[float, float, float]
Lengths = Annotated[XYZ, BeforeValidator(_positive), BeforeValidator(_lengths)]
"""(x, y, z): one number for all axes, three numbers, or {"x": , "y": , "z": }; above 0."""
Overlap = Annotated[XYZ, BeforeValidator(_not_negative), BeforeValidator(_lengths)]
"""(x, y, z), may be 0."""
