"""What the engine must know about the recording."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat

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
