"""Components: what the engine finds. Footprints, traces, spikes, background, quality, one frozen object."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d import plain_json
from cnmf3d.errors import UsageError

Float = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
VolumeShape = tuple[int, int, int]

UNSEEN = 0.1
"""Share of a footprint's light below which a frame counts as showing none of it: a trace is then what the model
expects. More would throw away frames that show the cell, less would keep ones that show the faint rim of a footprint
alone, whose trace is ten times as noisy."""

TRACES = ("traces", "residuals", "spikes", "dff")
"""Fields that are NaN where nothing of a component was seen."""

ERRORS = ("traces_sd", "spikes_sd", "events_sd")
"""Fields of standard errors, which are NaN there, too; None where they aren't known."""


@dataclass(frozen=True)
class Background:
    """What is not cells: the resting image and the neuropil, ``spatial @ temporal``.

    Attributes
    ----------
    spatial : (voxels, nb) float32
        One image a column, voxels in C order over (Z, Y, X).
    temporal : (nb, frames) float32
        Time course of each image. Row 0 is constant one: column 0 is the resting image.
    """

    spatial: Float
    temporal: Float

    def __repr__(self) -> str:
        """How many images: never their values."""
        voxels, images = self.spatial.shape
        return f"<Background: {images} images of {voxels} voxels>"


@dataclass(frozen=True)
class Kinetics:
    """What deconvolution found of each component, ``trace = calcium + baseline``.

    Attributes
    ----------
    g : (components, p) float32
        AR coefficients a frame; p is 0, 1 or 2.
    baseline, initial, noise, sparsity : (components,) float32
        Baseline ``bl``, decaying start value ``c1``, noise ``neurons_sn``, penalty ``lam``, in units of the traces.
    """

    g: Float
    baseline: Float
    initial: Float
    noise: Float
    sparsity: Float

    def __repr__(self) -> str:
        """Of how many components: never the values."""
        return f"<Kinetics of {len(self.g)} components, p = {self.g.shape[1]}>"


Light = Literal["auto", "own", "all", "surround"]
"""Whose light a resting light is; see `RestingLight`."""


@dataclass(frozen=True)
class RestingLight:
    """How the resting light F0 of ΔF/F is taken; see `cnmf3d.dff`.

    Attributes
    ----------
    offset : float
        Value of a pixel without light: what the detector adds.
    error : float
        Standard error of the offset; 0 where it was given.
    percentile : float or None
        F0 follows this running percentile of the trace; None: F0 is constant.
    window : int
        Frames of the running percentile.
    segments : tuple of int
        First frames of stretches, beside frame 0, that no window reaches across.
    light : str
        Whose light F0 is: ``own`` the component's, beside what comes from around it; ``all`` that its footprint sees;
        ``surround`` that without `factor` times what its surround sends; ``auto`` isn't decided yet.
    factor : float
    begin : int or None
        F0 is the median of `window` frames from this one on; None: of the quiet part of the recording.
    """

    offset: float = 0.0
    error: float = 0.0
    percentile: float | None = None
    window: int = 0
    segments: tuple[int, ...] = ()
    light: Light = "all"
    factor: float = 0.7
    begin: int | None = None

    def to_json(self) -> str:
        """As text, for a file."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RestingLight:
        """The inverse of `to_json`."""
        told = plain_json.loads(text)
        return cls(**{**told, "segments": tuple(told["segments"])})


@dataclass(frozen=True)
class Traced:
    """Traces of another functional channel on the same footprints, fields as those of `Components`.

    Attributes
    ----------
    traces, residuals, spikes, dff : (components, frames) float32
    """

    traces: Float
    residuals: Float
    spikes: Float
    dff: Float

    @property
    def raw(self) -> Float:
        """(components, frames) demixed traces before deconvolution."""
        return self.traces + self.residuals

    def select(self, index: npt.NDArray[np.integer[Any]]) -> Traced:
        """Some of them."""
        return Traced(*(getattr(self, name)[index] for name in TRACES))


@dataclass(frozen=True)
class Components:
    """Demixed, denoised, deconvolved and judged components of one movie.

    Attributes
    ----------
    shape : (Z, Y, X)
        Size of the volume in voxels.
    footprints : scipy.sparse.csc_array, (voxels, components) float32
        One footprint a column, unit Euclidean norm, voxels in C order over (Z, Y, X).
    traces : (components, frames) float32
        Denoised calcium ``C``, in units of the movie times the footprint's norm.
    residuals : (components, frames) float32
        ``YrA``: what the demixed raw trace has beside `traces`; ``traces + residuals`` is the raw trace.
    spikes : (components, frames) float32
        Deconvolved activity ``S``, non-negative, in units of the traces.
    background : Background
    kinetics : Kinetics
    dff : (components, frames) float32
        ΔF/F of the raw trace; NaN where the resting light F0 isn't clearly above zero. No unit.
    quality : mapping of name to (components,) float32
        ``snr`` (CaImAn's SNR_comp), ``r_value`` (r_values), ``reliability`` (how far the trace outlasts a moment),
        ``skewness``, ``compactness``, ``smoothness`` (of the outline), ``width`` (narrow side, voxels), ``soma``
        (probability of being a cell body), ``p_cell`` (of being a cell), ...; also ``decay`` and ``rise`` in
        seconds, ``noise`` of the trace and ``f0``, the resting light, in units of the traces, and ``seed``, which seed
        it was.
    accepted : (components,) bool
        Passed the evaluation. Rejected components are kept.
    resting : RestingLight
        How F0 was taken.
    seen : (components, frames) float32 or None
        Share of the footprint's light that each frame shows, 0 to 1; None where all of it was seen all the time. Below
        `UNSEEN` the traces are NaN, unless a run was asked to interpolate them.
    plane_times : tuple of float
        Seconds of each plane since its volume began; empty where all are taken at once, or it isn't known.
    channels : mapping of name to Traced
        Traces of other functional channels, ``channel1``, ....
    traces_sd, spikes_sd, events_sd : (components, frames) float32 or None
        Standard errors in units of the traces: of calcium (without noise), of each frame's spikes, and of the size of
        the event that a frame belongs to, zero outside events; the size is the sum of its spikes. None where they
        aren't known. See docs/traces.md.
    """

    shape: VolumeShape
    footprints: sparse.csc_array[Any]
    traces: Float
    residuals: Float
    spikes: Float
    background: Background
    kinetics: Kinetics
    dff: Float
    quality: Mapping[str, Float] = field(default_factory=dict)
    accepted: Bool = field(default_factory=lambda: np.zeros(0, bool))
    resting: RestingLight = field(default_factory=RestingLight)
    seen: Float | None = field(default_factory=lambda: None)  # no class attribute: one that is stored is read later
    plane_times: tuple[float, ...] = ()
    channels: Mapping[str, Traced] = field(default_factory=lambda: {})  # as above
    traces_sd: Float | None = field(default_factory=lambda: None)
    spikes_sd: Float | None = field(default_factory=lambda: None)
    events_sd: Float | None = field(default_factory=lambda: None)

    @property
    def count(self) -> int:
        """Number of components, accepted or not."""
        return int(self.footprints.shape[1])

    @property
    def frames(self) -> int:
        """Number of time points."""
        return int(self.traces.shape[1])

    @property
    def raw(self) -> Float:
        """(components, frames) demixed traces before deconvolution."""
        return self.traces + self.residuals

    def __repr__(self) -> str:
        """How many, of which volume, judged by what: never their values."""
        return f"<Components: {self.summary}, judged by {', '.join(self.quality) or 'nothing'}>"

    @property
    def summary(self) -> str:
        """How many there are, of which volume, in words."""
        z, y, x = self.shape
        accepted = int(self.accepted.sum())
        return (
            f"{self.count} components ({accepted} accepted), {self.frames} frames of {x} × {y} × {z} voxels (x, y, z)"
        )

    def centroids(self) -> npt.NDArray[np.float64]:
        """(components, 3) centres of mass of the footprints, in voxels, order z, y, x."""
        return centroids_of(self.footprints, self.shape)

    def rows(self, field: str, index: npt.NDArray[np.integer[Any]]) -> Float:
        """(k, frames) some rows of ``traces``, ``residuals``, ``spikes``, ``dff``, ``seen`` or an error."""
        values: Float = getattr(self, field)[index]
        return values

    def has(self, field: str) -> bool:
        """Whether ``seen`` or an error is there."""
        return getattr(self, field) is not None

    def share_seen(self) -> Float:
        """(components, frames) `seen`, ones where it is None."""
        return np.ones((self.count, self.frames), np.float32) if self.seen is None else self.seen

    def timed(self) -> Components:
        """These with ``quality["time_offset"]``, by how many seconds each trace is later than its volume.

        Those themselves where planes have no time of their own.
        """
        late = time_offsets(self.footprints, self.shape, self.plane_times)
        return self if late is None else dataclasses.replace(self, quality={**self.quality, "time_offset": late})

    def of_channel(self, name: str) -> Components:
        """These with the traces of another functional channel in place of their own, whose errors aren't known.

        Raises
        ------
        UsageError
            Where there is no such channel.
        """
        if name not in self.channels:
            raise UsageError(
                f"there are no traces of {name}", f"There are those of {', '.join(self.channels) or 'one'}."
            )
        traced: dict[str, Any] = {field: getattr(self.channels[name], field) for field in TRACES}
        return dataclasses.replace(self, **traced, channels={}, traces_sd=None, spikes_sd=None, events_sd=None)

    def select(self, keep: npt.NDArray[Any]) -> Components:
        """The components that `keep` names (mask or indices), in that order."""
        index = np.flatnonzero(keep) if keep.dtype == bool else keep
        optional: dict[str, Any] = {
            name: self.rows(name, index) if self.has(name) else None for name in ("seen", *ERRORS)
        }
        return dataclasses.replace(
            self,
            footprints=sparse.csc_array(self.footprints[:, index]),
            traces=self.rows("traces", index),
            residuals=self.rows("residuals", index),
            spikes=self.rows("spikes", index),
            kinetics=Kinetics(**{f.name: getattr(self.kinetics, f.name)[index] for f in dataclasses.fields(Kinetics)}),
            dff=self.rows("dff", index),
            quality={name: values[index] for name, values in self.quality.items()},
            accepted=self.accepted[index],
            channels={name: channel.select(index) for name, channel in self.channels.items()},
            **optional,
        )


def hidden_traces(values: Float, seen: Float | None) -> Float:
    """Traces with NaN where nothing of their component was seen; `seen` as in `Components`."""
    return values if seen is None else np.where(seen < UNSEEN, np.float32(np.nan), values)


def bridged(values: Float) -> Float:
    """Traces with a straight line where they are NaN, (rows, frames); zeros where one is NaN altogether.

    For what can't work with gaps: pictures, products of traces, other programs.
    """
    gaps = np.isnan(values)
    if not gaps.any():
        return values
    out, times = values.copy(), np.arange(values.shape[1])
    for row in np.flatnonzero(gaps.any(axis=1)):
        good = np.flatnonzero(~gaps[row])
        out[row] = np.interp(times, good, values[row, good]) if good.size else 0
    return out


def centroids_of(footprints: sparse.csc_array[Any], shape: VolumeShape) -> npt.NDArray[np.float64]:
    """(columns, 3) centres of mass of footprints, in voxels, order z, y, x; zeros for one without weight."""
    count = footprints.shape[1]
    owner = np.repeat(np.arange(count), np.diff(footprints.indptr))
    mass = np.maximum(np.bincount(owner, footprints.data, minlength=count), 1e-12)
    places = np.unravel_index(footprints.indices, shape)
    sums = [np.bincount(owner, footprints.data * place, minlength=count) for place in places]
    return np.asarray(np.stack(sums, axis=1) / mass[:, None], np.float64)


def time_offsets(footprints: sparse.csc_array[Any], shape: VolumeShape, plane_times: tuple[float, ...]) -> Float | None:
    """Seconds by which each trace is later than its volume, (components,) float32; None without times of planes.

    A trace that is fitted by least squares is the sum of what its voxels show, each times the square of its weight in
    the footprint (unit norm): so is its time.
    """
    if len(plane_times) != shape[0]:
        return None
    count = footprints.shape[1]
    column = np.repeat(np.arange(count), np.diff(footprints.indptr))
    power = footprints.data.astype(np.float64) ** 2
    late = np.asarray(plane_times)[footprints.indices // (shape[1] * shape[2])]
    total = np.maximum(np.bincount(column, power, minlength=count), 1e-30)
    return np.asarray(np.bincount(column, power * late, minlength=count) / total, np.float32)
