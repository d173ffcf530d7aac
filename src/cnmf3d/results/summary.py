"""A few numbers about results, for a line on the screen."""

from __future__ import annotations

from dataclasses import dataclass

from cnmf3d.results.model import Results


@dataclass(frozen=True)
class Summary:
    """Headline numbers.

    Attributes
    ----------
    accepted, rejected : int
        Components.
    frames : int
        Volumes of the movie.
    voxels : int
        Voxels of a volume.
    rate : float
        Volumes a second.
    seconds : float
        Time that the computation took; 0 where the file doesn't say.
    """

    accepted: int
    rejected: int
    frames: int
    voxels: int
    rate: float
    seconds: float


def summary(results: Results) -> Summary:
    """Headline numbers of `results`."""
    components = results.components
    z, y, x = components.shape
    return Summary(
        accepted=int(components.accepted.sum()),
        rejected=int(components.count - components.accepted.sum()),
        frames=components.frames,
        voxels=z * y * x,
        rate=results.rate,
        seconds=float(results.provenance.timings.get("total", 0.0)),
    )
