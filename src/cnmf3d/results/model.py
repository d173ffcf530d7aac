"""Results: components with everything that led to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components
from cnmf3d.geometry import ZYX
from cnmf3d.parameters.lengths import lengths_in_voxels
from cnmf3d.results.curation import Curation
from cnmf3d.timeline import Timeline

Volume = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Provenance:
    """Where the results come from.

    Attributes
    ----------
    input_paths : tuple of str
        The movie's files or address.
    fingerprint : str
        Content fingerprint of the movie (`cnmf3d.movies.Movie.fingerprint`).
    versions : mapping
        Package name to version, of what computed them.
    started : str
        Time of start, ISO 8601 with time zone.
    timings : mapping
        Stage to seconds.
    estimates : mapping
        Parameter that was "auto" to ``{"value": ..., "why": ...}``.
    warnings : tuple of str
        Everything that the user was warned of.
    asked : mapping
        The parameters that the run was given, with every "auto": they lead to the same results again. Empty where they
        aren't known.
    """

    input_paths: tuple[str, ...] = ()
    fingerprint: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    started: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)
    estimates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    asked: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Results:
    """Components, the movie's summary and the provenance of one run.

    Attributes
    ----------
    components : Components
        As curation left them: with merged, split and added ROIs, without deleted ones, with the verdicts of people.
    parameters : mapping
        ``CnmfParameters.to_dict()`` of what was used, with every "auto" replaced by its value, lengths in voxels:
        those in µm are converted by the voxel size when a `Results` is made.
        For a file that CaImAn wrote: CaImAn's own groups under the key ``"caiman"``.
    rate : float
        Volumes a second.
    voxel_size : ZYX or None
        µm; None where it is not known.
    noise : (Z, Y, X) float32 or None
        Noise standard deviation of each voxel (CaImAn's ``sn``).
    projections : mapping of name to (Z, Y, X) float32
        ``mean``, ``max``, ``std``, ``correlation`` (local, 6 neighbours); empty for CaImAn's files.
    provenance : Provenance
    curation : Curation or None
        What people did to the ROIs, and the components from before (``curation.found``); None where nobody did
        anything.
    timeline : Timeline
        When volumes and planes were taken, segments of the recording, and frames that were left out.
    """

    components: Components
    parameters: Mapping[str, Any]
    rate: float
    voxel_size: ZYX | None = None
    noise: Volume | None = None
    projections: Mapping[str, Volume] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)
    curation: Curation | None = None
    timeline: Timeline = field(default_factory=Timeline)

    def __post_init__(self) -> None:
        """Bring lengths to voxels, so that nobody who reads `parameters` has to know of units."""
        if self.voxel_size is not None:
            object.__setattr__(self, "parameters", lengths_in_voxels(self.parameters, self.voxel_size))

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """Seconds of each volume since the first, (frames,), with gaps; numbers where the rate isn't known.

        A trace is later by ``components.quality["time_offset"]``, where planes have times of their own.
        """
        return self.timeline.seconds(self.components.frames, self.rate)

    def __repr__(self) -> str:
        """One line: components, movie, rate, voxel size, warnings and curation, without any values."""
        paths = self.provenance.input_paths
        parts = [
            self.components.summary,
            f"{self.rate:g} Hz",
            "voxel size unknown" if self.voxel_size is None else f"voxels of {self.voxel_size} µm",
            *([f"of {paths[0]}" + (f" and {len(paths) - 1} more files" if len(paths) > 1 else "")] if paths else []),
            *([f"{len(self.provenance.warnings)} warnings"] if self.provenance.warnings else []),
            *([] if self.curation is None else ["curated"]),
        ]
        return f"<Results: {', '.join(parts)}>"
