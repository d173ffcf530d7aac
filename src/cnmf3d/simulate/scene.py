"""What a synthetic recording looks like: one frozen model, and the presets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cnmf3d.errors import UsageError, did_you_mean

Size = tuple[
    Annotated[int, Field(ge=4, le=4096)],
    Annotated[int, Field(ge=4, le=4096)],
    Annotated[int, Field(ge=1, le=1024)],
]
Lengths = tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]
Blur = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Scene(BaseModel):
    """Everything that a synthetic recording is drawn from. Tuples are (x, y, z), lengths are in voxels."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    size: Size = Field((100, 100, 12), description="size of the volume, voxels")
    frames: int = Field(600, ge=2, description="time points (volumes)")
    rate: Positive = Field(10.0, description="volumes a second")
    voxel_size: Lengths = Field((1.0, 1.0, 4.0), description="µm")

    cells: int = Field(80, ge=0, description="number of cells")
    look: Literal["soma", "blob"] = Field(
        "soma", description="soma: ellipsoid with a dim nucleus, blurred; blob: three-dimensional Gaussian"
    )
    cell_size: Lengths = Field(
        (4.0, 4.0, 1.5), description="gSig; a soma's semi-axes are 1.5 times this, a blob's sigmas 0.8 times"
    )
    size_spread: NotNegative = Field(0.1, description="lognormal sigma of each semi-axis from cell to cell")
    nucleus: Fraction = Field(
        0.45, description="share of the brightness that is missing in the nucleus, before the blur"
    )
    blur: Blur = Field((0.8, 0.8, 0.8), description="sigma of the point spread function")
    separation: NotNegative = Field(1.4, description="smallest distance of two centres, in semi-axes of a soma")

    decay: Positive = Field(0.85, description="median decay time constant, s")
    rise: Positive = Field(0.1, description="median rise time constant, s")
    kinetics_spread: NotNegative = Field(0.2, description="lognormal sigma of both time constants from cell to cell")
    bursts: Positive = Field(5.0, description="median number of bursts a minute; at least 3 in a recording")
    burst_spikes: Positive = Field(2.5, description="mean number of spikes in a burst")
    burst_duration: Positive = Field(0.6, description="mean duration of a burst, s")
    activity_spread: NotNegative = Field(0.4, description="lognormal sigma of the burst rate from cell to cell")
    coactivity: Fraction = Field(0.1, description="share of the bursts that a cell has together with a group of others")

    snr: Positive = Field(5.0, description="median over cells of peak dF over noise at the cell's brightest voxel")
    snr_spread: NotNegative = Field(0.5, description="lognormal sigma of that ratio from cell to cell")
    snr_range: tuple[Positive, Positive] = Field((0.5, 4.0), description="bounds of that ratio over its median")

    resting: Positive = Field(110.0, description="resting background, counts above the offset")
    resting_cell: NotNegative = Field(0.25, description="resting brightness of a cell's brightest voxel over `resting`")
    vignette: Fraction = Field(0.25, description="loss of light in the corners of the field")
    neuropil: NotNegative = Field(
        0.3, description="median over voxels of the neuropil's peak to peak over the resting background"
    )
    neuropil_rank: int = Field(4, ge=1, le=50, description="number of neuropil images")
    neuropil_scale: Positive = Field(3.5, description="sigma of the neuropil's smoothness, in cell sizes")
    neuropil_time: Positive = Field(4.0, description="sigma of the smoothness of the neuropil's time courses, s")
    bleaching: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.14, description="share of the light lost by the last frame"
    )

    motion: Blur = Field((0.0, 0.0, 0.0), description="largest rigid displacement along x, y, z")
    gain: Positive = Field(2.0, description="counts a photon")
    read_noise: NotNegative = Field(6.0, description="standard deviation of the Gaussian read noise, counts")
    offset: NotNegative = Field(100.0, description="counts without light")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, Y, X), as arrays hold it."""
        return (self.size[2], self.size[1], self.size[0])

    @property
    def margin(self) -> tuple[int, int, int]:
        """Voxels of tissue beyond each border (z, y, x) that motion may bring into view."""
        x, y, z = (math.ceil(largest) + 2 if largest else 0 for largest in self.motion)
        return (z, y, x)

    @property
    def canvas(self) -> tuple[int, int, int]:
        """(Z, Y, X) of the tissue: the volume and its margins."""
        z, y, x = (n + 2 * m for n, m in zip(self.shape, self.margin, strict=True))
        return (z, y, x)

    @property
    def view(self) -> tuple[slice, slice, slice]:
        """Where in the canvas the volume is."""
        z, y, x = (slice(m, m + n) for n, m in zip(self.shape, self.margin, strict=True))
        return (z, y, x)


SMALL = Scene()
PRESETS: Mapping[str, Scene] = {
    "tiny": Scene(size=(60, 60, 10), frames=300, cells=25),
    "small": SMALL,
    "large": Scene(size=(200, 200, 24), frames=1500, cells=400),
    "dense": Scene(size=(80, 80, 10), cells=110, separation=0.95),
    "dim": SMALL.model_copy(update={"snr": 2.0}),
    "neuropil": SMALL.model_copy(update={"neuropil": 1.3}),
    "lightsheet": Scene(
        size=(200, 200, 12),
        frames=500,
        rate=2.5,
        voxel_size=(0.8, 0.8, 4.0),
        cells=500,
        cell_size=(3.0, 3.0, 1.2),
        blur=(1.0, 1.0, 1.2),
        separation=1.3,
        decay=1.8,
        rise=0.25,
        bursts=2.0,
        burst_duration=1.2,
        resting=220.0,
        gain=1.0,
        read_noise=4.0,
        neuropil=0.4,
        neuropil_time=8.0,
    ),
    "motion": SMALL.model_copy(update={"motion": (3.0, 3.0, 0.8)}),
    "noise": Scene(size=(250, 250, 16), frames=300, cells=0, neuropil=0.0, bleaching=0.0),
}


def scene_of(scene: str | Scene, overrides: Mapping[str, Any] | None = None) -> Scene:
    """Look a preset up, and replace some of its fields.

    Parameters
    ----------
    scene : str or Scene
        A name in `PRESETS`, or a scene.
    overrides : mapping of field name to value, optional
        Values may be text, as a command line gives them: ``{"cells": "40", "size": "60,60,8"}``.

    Raises
    ------
    UsageError
        For an unknown preset or field, or a value that can't be.
    """
    if isinstance(scene, str) and scene not in PRESETS:
        raise UsageError(f"There is no preset {scene!r}", f"Choose one of {', '.join(PRESETS)}.")
    fields = Scene.model_fields
    values = (PRESETS[scene] if isinstance(scene, str) else scene).model_dump()
    for name, value in (overrides or {}).items():
        if name not in fields:
            raise UsageError(
                f"A scene has no {name!r}", f"{did_you_mean(name, fields)}A scene has: {', '.join(fields)}."
            )
        is_list = isinstance(value, str) and isinstance(values[name], tuple)
        values[name] = tuple(value.split(",")) if is_list else value
    try:
        return Scene.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        example, given = getattr(PRESETS["tiny"], name), (overrides or {}).get(name, values[name])
        reason = first["msg"]
        if isinstance(example, tuple):
            example = ",".join(f"{each:g}" for each in example)
            reason = "x, y and z are needed" if first["type"] == "missing" else reason
        raise UsageError(
            f"{name} = {given!r}: {reason}", f"{name}: {fields[name].description}; like {name}={example}."
        ) from error
