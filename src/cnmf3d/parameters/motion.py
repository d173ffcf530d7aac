"""Registration: how the motion of the tissue is estimated."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt

from cnmf3d.parameters.frames import frame_numbers
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
        description="Whether places of the volume move by shifts of their own. auto: if patches predict the shifts "
        "of others that were held out. true: also where they don't.",
    )
    strides: Lengths | Auto = Field(
        "auto", description="Distance (x, y, z) from one patch to the next that has a shift of its own."
    )
    max_deviation_rigid: Overlap | Auto = Field(
        "auto", description="Largest difference (x, y, z) of a patch's shift from the rigid one."
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
        description="Whether each plane of a volume moves by itself along x and y, as where planes are taken in turn. "
        "auto and true as of pw_rigid.",
    )
    scan_phase: bool | Auto = Field(
        "auto", description="Whether odd rows are offset along x, as in scans that go both ways."
    )
    bad_frames: Annotated[tuple[NonNegativeInt, ...], BeforeValidator(frame_numbers)] = Field(
        (),
        description="Frames, from 0, that are left out beside those that are found to be bad: numbers and ranges (17, "
        "20-24), or a file (text, .npy, Suite2p's bad_frames.npy).",
    )
