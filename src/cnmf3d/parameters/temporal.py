"""Deconvolution."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat

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
    f0: Literal["constant", "percentile", "window"] = Field(
        "constant",
        description="Resting light F0 of dF/F. constant: the level of the quiet frames; percentile: follows a running "
        "percentile; window: the median of given seconds.",
    )
    f0_light: Literal["auto", "own", "all", "surround"] = Field(
        "auto",
        description="Whose light F0 is. own: the cell's, without what comes from around it; all: that its footprint "
        "sees; surround: that without f0_factor times what its surround sends; auto: own if the movie shows it for "
        "most cells, else all.",
    )
    f0_factor: Annotated[float, Field(ge=0, le=1)] = Field(
        0.7, description="Share of the surround's light that f0_light: surround takes out."
    )
    f0_begin: NonNegativeFloat = Field(0.0, description="Second from which f0: window counts its f0_window seconds.")
    f0_percentile: Annotated[float, Field(gt=0, lt=100)] = Field(
        8.0, description="Percentile of the trace that a drifting F0 follows."
    )
    f0_window: PositiveFloat = Field(
        60.0, description="Seconds of that percentile, several times as long as a cell stays active; or of that window."
    )
