"""What the engine must know about the recording."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveFloat

from cnmf3d.parameters.frames import frame_numbers
from cnmf3d.parameters.stage import Auto, Lengths, Stage


class DataParameters(Stage):
    """The recording: rate, decay time, voxel size."""

    fr: PositiveFloat | None = Field(
        None, description="Volumes a second (Hz). None: as the movie's metadata say; an error if they don't."
    )
    decay_time: PositiveFloat | Auto = Field(
        "auto",
        description="Decay time of the calcium indicator in seconds. auto: measured on the strongest cells.",
    )
    voxel_size: Lengths | None = Field(
        None, description="Size of a voxel (x, y, z) in µm. None: as the movie's metadata say."
    )
    lengths: Literal["voxels", "um"] = Field(
        "voxels",
        description="Unit of gSig, gSiz, rf and stride: voxels, or µm (um), which needs the voxel size.",
    )
    offset: float | Auto = Field(
        "auto",
        description="Value of a pixel without light, which F0 of dF/F is above. auto: estimated from how the skewness "
        "of the noise grows with the light.",
    )
    bad_frames: Annotated[tuple[NonNegativeInt, ...] | Auto, BeforeValidator(frame_numbers)] = Field(
        "auto",
        description="Frames that are left out, beside those that registration found: numbers and ranges from 0 "
        "(17, 20-24), a file (text, .npy, Suite2p's bad_frames.npy), or [] for none. auto: flashes, blank and "
        "saturated ones, where they are plain.",
    )
    exclude: str | None = Field(
        None,
        description="More frames to leave out: a rule (mean > 3000), or a file of frame numbers or of a mask. Names: "
        "mean, lowest, highest (of a frame), channel0, channel1, ... (mean of another channel, as of a shutter's), "
        "frame, seconds.",
    )
    segments: Annotated[tuple[NonNegativeInt, ...] | Auto, BeforeValidator(frame_numbers)] = Field(
        "auto",
        description="First frames of stretches (trials, files), or [] for none: each has its own resting level, and "
        "deconvolution doesn't run across. auto: several files, and acquisitions that a file tells apart.",
    )
    structural: NonNegativeInt | None = Field(
        None,
        description="Channel of a structural label: its mean in each ROI (red) and its significance (red_z).",
    )
    functional: Annotated[tuple[NonNegativeInt, ...], BeforeValidator(frame_numbers)] = Field(
        (), description="Channels whose traces are taken on the same footprints, beside the one that is opened."
    )
