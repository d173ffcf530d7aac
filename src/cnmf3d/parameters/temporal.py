"""Deconvolution."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cnmf3d.parameters.stage import Stage


class TemporalParameters(Stage):
    """Traces and spikes."""

    p: Literal[0, 1, 2] = Field(
        2,
        description="Order of the autoregressive model of calcium. 0: no deconvolution; 1: decay; 2: rise and decay.",
    )
