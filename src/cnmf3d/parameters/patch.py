"""Patches: the blocks in which components are sought."""

from __future__ import annotations

from pydantic import Field

from cnmf3d.parameters.stage import Auto, Lengths, Overlap, Stage


class PatchParameters(Stage):
    """Patches that are solved side by side, with an overlap."""

    rf: Lengths | Auto | None = Field(
        "auto",
        description="Half the side of a patch (x, y, z), overlap included. auto: as memory and cores suggest. "
        "None: one patch, no cuts.",
    )
    stride: Overlap | Auto = Field(
        "auto",
        description="Overlap of neighbouring patches (x, y, z). auto: 4.3 gSig, but at most half of a patch.",
    )
