"""Deconvolution."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from cnmf3d.parameters.stage import Stage


class TemporalParameters(Stage):
    """Traces and spikes."""

    p: Literal[0, 1, 2] = Field(
        2,
        description="Order of the autoregressive model of calcium. 0: no deconvolution; 1: decay; 2: rise and decay.",
    )
    unseen: Literal["nan", "interpolate"] = Field(
        "nan",
        description="Traces in frames that show nothing of a cell (bad frames, or it was moved out of the field). "
        "nan: not a number; interpolate: what the model expects there.",
    )
    align_planes: bool = Field(
        False,
        description="Bring traces to the time at which their volume begins, where planes are scanned one after the "
        "other and their times are known.",
    )
    f0: Literal["constant", "percentile"] = Field(
        "constant",
        description="Resting light F0 of dF/F. constant: one value a cell; percentile: follows a running percentile.",
    )
    f0_percentile: Annotated[float, Field(gt=0, lt=100)] = Field(
        8.0, description="Percentile of the trace that a drifting F0 follows."
    )
    f0_window: PositiveFloat = Field(
        60.0, description="Seconds of that running percentile; several times as long as a cell stays active."
    )
