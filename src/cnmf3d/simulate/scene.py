"""What a synthetic recording looks like: one frozen model."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

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


def _rising(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    if high > 0 and not 0 < low <= high:
        raise ValueError("the lower bound comes first, above 0")
    return bounds


Bounds = Annotated[tuple[NotNegative, NotNegative], AfterValidator(_rising)]


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
    scale_spread: NotNegative = Field(0.0, description="lognormal sigma of a cell's overall size from cell to cell")
    oversampling: int = Field(
        1, ge=1, le=9, description="points along each axis over which a voxel averages; needed where cells are small"
    )
    blur: Blur = Field((0.8, 0.8, 0.8), description="sigma of the point spread function")
    separation: NotNegative = Field(1.4, description="smallest distance of two centres, in semi-axes of a soma")

    silent: int = Field(0, ge=0, description="number of cells that never fire, beside `cells`")
    silent_glow: NotNegative = Field(2.0, description="resting brightness of a silent cell over `resting`")
    neurites: int = Field(0, ge=0, description="number of thin processes with activity of their own")
    neurite_length: Positive = Field(30.0, description="length of a process")
    neurite_width: NotNegative = Field(0.6, description="sigma of a process across, before the blur")
    neurite_snr: Positive = Field(0.8, description="median peak SNR of the processes over `snr`")
    vessels: int = Field(0, ge=0, description="number of dark vessels that cross the field")
    vessel_width: Positive = Field(6.0, description="diameter of a vessel")
    vessel_darkness: Fraction = Field(0.6, description="share of the light that is missing in a vessel")

    decay: Positive = Field(0.85, description="median decay time constant, s")
    rise: Positive = Field(0.1, description="median rise time constant, s")
    kinetics_spread: NotNegative = Field(0.2, description="lognormal sigma of both time constants from cell to cell")
    decay_range: Bounds = Field(
        (0.0, 0.0),
        description="bounds of the decay times, s, drawn evenly on a log scale, with rises in proportion; 0,0: around "
        "`decay`",
    )
    saturation: NotNegative = Field(
        0.0,
        description="light is c / (1 + saturation c), with c the calcium in responses to a single spike: 0.1 halves "
        "that of ten spikes",
    )
    bursts: Positive = Field(5.0, description="median number of bursts a minute; at least 3 in a recording")
    burst_spikes: Positive = Field(2.5, description="mean number of spikes in a burst")
    burst_duration: Positive = Field(0.6, description="mean duration of a burst, s")
    activity_spread: NotNegative = Field(0.4, description="lognormal sigma of the burst rate from cell to cell")
    sustained: Fraction = Field(0.0, description="share of the cells that also fire for long stretches")
    sustained_time: Positive = Field(10.0, description="mean length of such a stretch, s")
    sustained_rate: Positive = Field(4.0, description="spikes a second in it")
    inhibited: Fraction = Field(0.0, description="share of the cells that fall below their resting light at times")
    inhibition: Fraction = Field(0.7, description="share of a cell's own resting light that is lost then")
    inhibition_time: Positive = Field(3.0, description="mean time for which it is, s")
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
    flicker: NotNegative = Field(0.0, description="standard deviation of a whole frame's light over its mean")
    depth_loss: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="share of the light lost in the last plane"
    )
    in_turn: bool = Field(False, description="planes are taken one after the other, each at its own time")
    trials: int = Field(1, ge=1, description="number of stretches with time missing between them")
    trial_gap: NotNegative = Field(5.0, description="time missing between two trials, s")
    trial_jump: NotNegative = Field(0.0, description="standard deviation of a trial's brightness over its mean")
    trial_shift: Blur = Field((0.0, 0.0, 0.0), description="rms displacement from trial to trial")

    motion: Blur = Field((0.0, 0.0, 0.0), description="largest rigid displacement along x, y, z")
    fill: Literal["none", "zero", "nan", "mean", "edge"] = Field(
        "none",
        description="what registration leaves in voxels that were shifted out; none: `motion` stays in the movie, "
        "else it was whole voxels and was taken out",
    )
    jitter: Blur = Field((0.0, 0.0, 0.0), description="rms rigid displacement that is left; never taken out")
    jitter_time: NotNegative = Field(
        0.5, description="sigma of the smoothness in time of half of the jitter, s; the other half is new in each frame"
    )
    drift: Blur = Field((0.0, 0.0, 0.0), description="displacement by the last frame; never taken out")
    warp: Blur = Field((0.0, 0.0, 0.0), description="rms displacement that differs from place to place")
    startles: NotNegative = Field(0.0, description="number of brief displacements a minute")
    startle: Blur = Field((3.0, 3.0, 0.0), description="rms of a brief displacement")
    startle_time: Positive = Field(0.3, description="mean duration of a brief displacement, s")

    gain: Positive = Field(2.0, description="counts a photon")
    pulse_spread: NotNegative = Field(
        0.0, description="standard deviation of one photon's counts over its mean (gamma distributed)"
    )
    grain: Blur = Field((0.0, 0.0, 0.0), description="sigma of the blur of photon noise onto neighbours")
    persistence: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.0, description="share of the frame before that is mixed into a frame"
    )
    read_noise: NotNegative = Field(6.0, description="standard deviation of the Gaussian read noise, counts")
    line_noise: NotNegative = Field(
        0.0, description="standard deviation of a line's offset from frame to frame, counts"
    )
    hum: NotNegative = Field(0.0, description="amplitude of stripes that wander from frame to frame, counts")
    stripes: NotNegative = Field(0.0, description="standard deviation of the columns' gains, which stay")
    hot: Fraction = Field(0.0, description="share of pixels with a signal of their own; a third of them blink")
    hot_counts: NotNegative = Field(150.0, description="median signal of a hot pixel, counts")
    offset: NotNegative = Field(100.0, description="counts without light")
    dtype: Literal["uint16", "int16", "float32"] = Field(
        "uint16", description="type of the counts; uint16 clips them at 0, int16 has negative ones"
    )
    ceiling: Positive = Field(65535.0, description="largest count of the detector")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, Y, X), as arrays hold it."""
        return (self.size[2], self.size[1], self.size[0])

    @property
    def trial(self) -> npt.NDArray[np.int64]:
        """Which trial each frame belongs to, (frames,)."""
        return np.arange(self.frames) * self.trials // self.frames

    @property
    def margin(self) -> tuple[int, int, int]:
        """Voxels of tissue beyond each border (z, y, x) that motion may bring into view."""
        x, y, z = (math.ceil(reach) + 2 if reach else 0 for reach in self._reaches())
        return (z, y, x)

    def _reaches(self) -> tuple[float, ...]:
        """Displacement that is hardly ever exceeded, along x, y, z: three times what is given as rms."""
        startle = self.startle if self.startles else (0.0, 0.0, 0.0)
        trial = self.trial_shift if self.trials > 1 else (0.0, 0.0, 0.0)
        rms = zip(self.jitter, self.warp, startle, trial, strict=True)
        return tuple(
            largest + far + 3 * math.sqrt(sum(each**2 for each in some))
            for largest, far, some in zip(self.motion, self.drift, rms, strict=True)
        )

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
