"""Where components come from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt

from cnmf3d.parameters.stage import Auto, Lengths, Stage


class InitParameters(Stage):
    """Seeds: how many, how large, at which resolution they are sought."""

    K: PositiveInt | Auto = Field(
        "auto",
        description="Most components in a patch, or in the volume where rf is left open. "
        "auto: as many as there are. With seeds it isn't applied.",
    )
    gSig: Lengths | Auto = Field(
        "auto",
        description="Half-size of a cell (x, y, z): two thirds of a soma's radius, 1.4 times the standard deviation of "
        "its footprint. Used as given; a caution says if measured cells differ. auto: measured.",
    )
    gSiz: Lengths | Auto = Field(
        "auto",
        description="Width of the box (x, y, z) around a seed in which its footprint starts. auto: 4.3 gSig.",
    )
    method_init: Literal["activity"] = Field(
        "activity",
        description="How seeds are sought. activity: where the band-passed residual has transients of a cell's size.",
    )
    ssub: PositiveInt | Auto = Field(
        "auto",
        description="Voxels that are averaged along x and y when seeds are sought. auto: about half of gSig.",
    )
    tsub: PositiveInt | Auto = Field(
        "auto",
        description="Frames that are averaged while components are sought; at least 10 averages must be left. "
        "auto: about half the decay time, less for short movies.",
    )
    seeds: str | None = Field(
        None,
        description="File with footprints or labels to start from (CaImAn's Ain); then no component is added.",
    )
