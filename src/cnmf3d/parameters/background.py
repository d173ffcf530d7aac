"""Neuropil."""

from __future__ import annotations

from pydantic import Field, NonNegativeInt

from cnmf3d.parameters.stage import Auto, Stage


class BackgroundParameters(Stage):
    """What fluctuates and is not cells."""

    nb: NonNegativeInt | Auto = Field(
        "auto",
        description="Neuropil time courses of each patch beside the resting image. auto: as many as stand out of the "
        "noise.",
    )
