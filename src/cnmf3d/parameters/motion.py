"""Registration: how the motion of the tissue is estimated."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt

from cnmf3d.parameters.data import frame_numbers
from cnmf3d.parameters.stage import Auto, Lengths, Overlap, Stage


class MotionParameters(Stage):
    """What registration may assume. CaImAn's names and meanings; lengths are (x, y, z) in voxels."""

    max_shifts: Overlap | Auto = Field(
        "auto", description="Largest rigid shift (x, y, z). auto: as far as the tissue is seen to move."
    )
    niter_rig: PositiveInt | Auto = Field(
        "auto",
        description="Rounds in which template and rigid shifts are found anew. auto: until the shifts stay.",
    )
    pw_rigid: bool | Auto = Field(
        "auto",
        description="Whether places of the volume move by shifts of their own. auto: if that predicts frames better "
        "that were held out.",
    )
    strides: Lengths | Auto = Field(
        "auto", description="Distance (x, y, z) from one patch to the next that has a shift of its own."
    )
    overlaps: Overlap | Auto = Field(
        "auto", description="Overlap (x, y, z) of neighbouring patches: a patch is strides + overlaps wide."
    )
    max_deviation_rigid: Overlap | Auto = Field(
        "auto", description="Largest difference (x, y, z) of a patch's shift from the rigid one."
    )
    gSig_filt: Lengths | Auto | None = Field(
        "auto",
        description="Half-size (x, y, z) of what the template's band-pass keeps. auto: from template and noise. None: "
        "no band-pass.",
    )
    num_frames_split: PositiveInt | Auto = Field(
        "auto", description="Frames that are read and registered at once. auto: as memory suggests."
    )
    border_nan: bool | Literal["copy", "min"] | Auto = Field(
        "auto",
        description="What voxels get that a frame doesn't show, where a registered movie is written: true: NaN; copy: "
        "the nearest voxel of the frame; min: the frame's lowest value; false: 0. auto: NaN, and copy in a file of "
        "whole numbers. A run always sees NaN, which it leaves out.",
    )
    plane_offsets: bool | Auto = Field(
        "auto", description="Whether planes have constant offsets along x and y, as in light-beads recordings."
    )
    plane_shifts: bool | Auto = Field(
        "auto",
        description="Whether each plane of a volume moves by itself along x and y, as where planes are taken in turn.",
    )
    scan_phase: bool | Auto = Field(
        "auto", description="Whether odd rows are offset along x, as in scans that go both ways."
    )
    bad_frames: Annotated[tuple[NonNegativeInt, ...], BeforeValidator(frame_numbers)] = Field(
        (), description="Frames, from 0, that are left out beside those that are found to be bad."
    )
