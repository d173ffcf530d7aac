"""What one stage of a run hands to the next."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Bool, Float, RestingLight, VolumeShape, centroids_of
from cnmf3d.engine import refine
from cnmf3d.engine.block import Footprints, entry_columns, norms_of
from cnmf3d.engine.blocks import Box
from cnmf3d.engine.cache import Cache
from cnmf3d.engine.deconvolution import Deconvolved, Response, without_falls
from cnmf3d.engine.evaluation.motion import following
from cnmf3d.engine.offset import Offset
from cnmf3d.engine.plan import TYPICAL_DECAY, Plan
from cnmf3d.engine.reliability import reliability
from cnmf3d.engine.volume import Neuropil
from cnmf3d.traces import binned, skewness, skewness_error, trace_snr


@dataclass(frozen=True)
class Demixed:
    """The whole volume's fit at the movie's full rate, in units of noise.

    Attributes
    ----------
    footprints : csc (voxels, components), unit norm
    raw : (components, frames) float32
        Demixed traces before deconvolution.
    deconvolved : Deconvolved
    courses : (tiles * rank, frames) float32
        Neuropil.
    quality : mapping of name to (components,) float32
        ``snr``, ``r_value``, ``reliability``, ``skewness``, ``compactness``, ``smoothness``, ``width``, ``aspect``,
        ``motion_r``, ``double``, ``soma``, ``p_cell``.
    response : Response or None
        Kinetics that were measured; None where no trace told them.
    shares : (components, frames) float32 or None
        Share of each footprint's light that a frame shows; None where all of it is always seen.
    """

    footprints: Footprints
    raw: Float
    deconvolved: Deconvolved
    courses: Float
    quality: dict[str, Float]
    response: Response | None
    shares: Float | None = None


@dataclass(frozen=True)
class Outcome:
    """Everything that a run found, in units of noise; `assemble` makes results of it.

    Attributes
    ----------
    plan : Plan
        With every "auto" replaced.
    cache : Cache
    demixed : Demixed
    accepted : (components,) bool
    neuropil : Neuropil
    level, scale : (voxels,) float32
        ``z = (y − level) / scale``.
    correlation : (Z, Y, X) float32
        Local correlation image.
    grid : two of (Z, Y, X)
        Core and halo of the blocks.
    estimates : mapping
        What was estimated, and how.
    offset : Offset
        Value of a pixel without light.
    seeds : (components,) int64 or None
        Number of the seed that each component was, where seeds were given.
    """

    plan: Plan
    cache: Cache
    demixed: Demixed
    accepted: Bool
    neuropil: Neuropil
    level: Float
    scale: Float
    correlation: Float
    grid: tuple[VolumeShape, VolumeShape]
    estimates: dict[str, dict[str, Any]]
    offset: Offset
    seeds: npt.NDArray[np.int64] | None = None

    @property
    def resting(self) -> RestingLight:
        """How the resting light of ΔF/F is taken."""
        plan, offset = self.plan, self.offset
        return dataclasses.replace(plan.resting, offset=offset.value, error=offset.error)


@dataclass(frozen=True)
class Given:
    """The part of a `Start` that concerns one block.

    Attributes
    ----------
    footprints : csc (voxels of the block, components), unit norm
    traces : (components, bins) float32 or None
    which : (components,) int64
        Their numbers in the start.
    mine : (n,) int
        Those that the block owns.
    """

    footprints: Footprints
    traces: Float | None
    which: npt.NDArray[np.int64]
    mine: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Start:
    """Components to start from, so that none is sought.

    Attributes
    ----------
    footprints : csc (voxels, components)
    traces : (components, bins) float32 or None
        In units of a bin's noise; None where they aren't known.
    seeds : (components,) int64 or None
        Numbers of the seeds that they are, as the user counts them; None for components that the engine found.
    kind : str
        What those numbers count: labels, columns or ROIs.
    """

    footprints: Footprints
    traces: Float | None = None
    seeds: npt.NDArray[np.int64] | None = None
    kind: str = "component"

    @property
    def count(self) -> int:
        """Number of components."""
        return int(self.footprints.shape[1])

    def within(self, box: Box, volume: VolumeShape, anchors: npt.NDArray[np.float64]) -> Given:
        """What reaches into a block; `anchors` are those of `anchors_of`, and say which block owns each component."""
        local, which = seeds_within(self.footprints, volume, box)
        mine = np.flatnonzero(box.owns(anchors[which], volume, 0.0))
        return Given(local, None if self.traces is None else self.traces[which], which, mine)

    def names(self, which: npt.NDArray[np.intp], volume: VolumeShape) -> list[str]:
        """What a message calls some of the components: number and place of a seed, else the place alone."""
        places = np.rint(centroids_of(sparse.csc_array(self.footprints[:, which]), volume)).astype(int)
        at = [f"x {x}, y {y}, z {z}" for z, y, x in places]
        if self.seeds is None:
            return [f"{self.kind} at {place}" for place in at]
        return [f"{self.kind} {n} ({place})" for n, place in zip(self.seeds[which], at, strict=True)]

    @staticmethod
    def again(draft: Draft, good: npt.NDArray[np.intp]) -> Start:
        """The components `good` of a fit, for a refit."""
        calcium, cache = draft.traces[good], draft.cache
        edges = np.arange(0, calcium.shape[1], cache.width)[: cache.bins]
        frames = np.diff(np.append(edges, min(calcium.shape[1], cache.bins * cache.width)))
        binned = np.add.reduceat(calcium[:, : edges[-1] + frames[-1]], edges, axis=1) / frames * np.sqrt(cache.width)
        footprints = sparse.csc_array(draft.footprints[:, good])
        traces = np.maximum(binned, 0).astype(np.float32)
        return Start(footprints, traces, None if draft.seeds is None else draft.seeds[good], draft.kind)


@dataclass(frozen=True)
class Draft:
    """A fit of the whole volume whose traces were not yet demixed with its last footprints.

    Attributes
    ----------
    plan : Plan
    cache : Cache
    source : refine.Source
    neuropil : Neuropil
    footprints : csc (voxels, components), unit norm
    raw, traces : (components, frames) float32
        Demixed, with the blocks' footprints; denoised, in the scale of `footprints`.
    measures : mapping of name to (components,) float32
        ``r_value``, ``compactness``, ``smoothness``, ``width``, ``aspect``: those that don't
        depend on the raw traces.
    response : Response or None
        Kinetics that were measured; None where no trace told them.
    correlation : (Z, Y, X) float32
        Local correlation image.
    estimates : mapping
        What was estimated, and how.
    boxes : tuple of Box
        The blocks.
    courses : tuple of (n, bins) float32
        Of the motion in each of them.
    seeds : (components,) int64 or None
    kind : str
        As those of the `Start`.
    """

    plan: Plan
    cache: Cache
    source: refine.Source
    neuropil: Neuropil
    footprints: Footprints
    raw: Float
    traces: Float
    measures: dict[str, Float]
    response: Response | None
    correlation: Float
    estimates: dict[str, dict[str, Any]]
    boxes: tuple[Box, ...]
    courses: tuple[Float, ...]
    seeds: npt.NDArray[np.int64] | None = None
    kind: str = "component"

    def select(self, keep: npt.NDArray[np.intp]) -> Draft:
        """Some of the components."""
        return dataclasses.replace(
            self,
            footprints=sparse.csc_array(self.footprints[:, keep]),
            raw=self.raw[keep],
            traces=self.traces[keep],
            measures={name: values[keep] for name, values in self.measures.items()},
            seeds=None if self.seeds is None else self.seeds[keep],
        )

    @property
    def kinetics(self) -> Response:
        """Those that were measured, or typical ones."""
        return or_typical(self.response, self.plan)

    def quality(self, raw: Float) -> dict[str, Float]:
        """All measures, with what these raw traces tell."""
        known, events = self.measures, without_falls(raw)
        found = {
            "snr": trace_snr(events, transient(self.kinetics)),
            "r_value": known["r_value"],
            "reliability": reliability(binned(raw, self.plan.width)),
            "skewness": skewness(events, self.plan.width),
            "skewness_error": skewness_error(events, self.plan.width),
            "compactness": known["compactness"],
            "smoothness": known["smoothness"],
            "width": known["width"],
            "aspect": known["aspect"],
            "motion_r": following(raw, self.plan.width, self.footprints, self.cache.shape, self.boxes, self.courses),
        }
        return found if self.seeds is None else {**found, "seed": self.seeds.astype(np.float32)}


def or_typical(measured: Response | None, plan: Plan) -> Response:
    """The kinetics that were measured, or those of a common indicator."""
    return measured or Response(TYPICAL_DECAY * plan.rate)


def transient(response: Response) -> int:
    """Frames over which a transient is looked at."""
    return max(1, int(np.ceil(response.decay)))


def anchors_of(footprints: Footprints, volume: VolumeShape) -> npt.NDArray[np.float64]:
    """(components, 3) the voxel of each footprint that is nearest to its centre of mass, z, y, x.

    The centre itself may lie where a footprint has no voxel (a ring, two parts), in a block it does not reach into.
    """
    columns = entry_columns(footprints)
    places = np.stack(np.unravel_index(footprints.indices, volume), axis=1).astype(np.float64)
    distance = ((places - centroids_of(footprints, volume)[columns]) ** 2).sum(axis=1)
    order = np.lexsort((distance, columns))
    first = np.flatnonzero(np.diff(columns[order], prepend=-1))
    anchors = np.zeros((footprints.shape[1], 3))
    anchors[columns[order][first]] = places[order][first]
    return anchors


def seeds_within(seeds: Footprints, volume: VolumeShape, box: Box) -> tuple[Footprints, npt.NDArray[np.int64]]:
    """Footprints of the volume in the coordinates of a block, unit norm; and which of them reach into it."""
    grid = np.arange(int(np.prod(volume))).reshape(volume)[box.slices].ravel()
    local = sparse.csc_array(sparse.csr_array(seeds)[grid])
    keep = np.flatnonzero(np.diff(local.indptr) > 0).astype(np.int64)
    part = sparse.csc_array(local[:, keep]).astype(np.float32)
    part.sort_indices()
    part.data /= np.repeat(norms_of(part), np.diff(part.indptr))
    return part, keep
