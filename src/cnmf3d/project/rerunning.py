"""The recorded history of a sample run again, and compared with what the sample has."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from cnmf3d.components import Components, bridged
from cnmf3d.errors import InputError
from cnmf3d.events import Reporter, silent
from cnmf3d.movies import Movie
from cnmf3d.parameters import CnmfParameters, read_parameters
from cnmf3d.project.sample import Sample
from cnmf3d.results import Results
from cnmf3d.results.curation import found_of
from cnmf3d.results.reading import read_file

if TYPE_CHECKING:
    from cnmf3d.project.store import Project

ARRAYS = ("traces", "residuals", "spikes", "dff", "accepted")


@dataclass(frozen=True)
class Difference:
    """A part of the results that isn't the same.

    Attributes
    ----------
    what : str
        ``traces``, ``quality.snr``, ...
    largest : float
        Largest difference of two values; NaN where shapes differ.
    relative : float
        The same as a part of the largest value.
    """

    what: str
    largest: float
    relative: float


@dataclass(frozen=True)
class Comparison:
    """Two runs of one history.

    Attributes
    ----------
    components : tuple of int
        How many the sample's run found, and how many this one.
    differences : tuple of Difference
        Empty where everything is the same to the last bit.
    matched : int
        ROIs with a partner whose footprint has a cosine of at least 0.5.
    cosine, correlation : float
        The smallest of the partners' footprints and of their denoised traces; 1 where all are the same.
    versions : mapping of package to (then, now)
        Those that differ.
    """

    components: tuple[int, int]
    differences: tuple[Difference, ...]
    matched: int
    cosine: float
    correlation: float
    versions: dict[str, tuple[str, str]]

    @property
    def identical(self) -> bool:
        """Whether everything is the same to the last bit."""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"identical": self.identical, **dataclasses.asdict(self)}


def rerun(project: Project, key: str, *, reporter: Reporter = silent, workers: int | None = None) -> Comparison:
    """Run the recorded history of a sample again, from its movie, and compare with what its run found.

    Curation is not run again: what it changed is in the sample's log, and the run's own ROIs are kept beside it.

    Parameters
    ----------
    project : Project
    key : str
        Of the sample.
    reporter : callable
        Told of progress.
    workers : int, optional
        Threads.

    Raises
    ------
    InputError
        Where the history has no run of ours, or the movie is gone or another one.
    """
    from cnmf3d.engine import run

    sample = project.sample(key)
    parameters, movie = _recorded(sample), project.movie(sample.uuid)
    fingerprint = sample.movie.fingerprint
    if fingerprint and movie.fingerprint() != fingerprint:
        raise InputError(
            f"{movie.paths[0]} is another movie than the one that {sample.id} is from", "Put the old one back."
        )
    old = read_file(project.file(sample))
    movie = dataclasses.replace(movie, rate=old.rate or movie.rate, voxel_size=old.voxel_size or movie.voxel_size)
    return compare(old, run(_quiet(movie), parameters, reporter=reporter, workers=workers))


def _quiet(movie: Movie) -> Movie:
    return dataclasses.replace(movie, warnings=())


def _recorded(sample: Sample) -> CnmfParameters:
    """The parameters that the last run in a history was given; those that it used, where that isn't known."""
    runs = [entry["cnmf_3d"] for entry in sample.info.history if "cnmf_3d" in entry]
    told = runs[-1].get("parameters") if runs else None
    if not isinstance(told, dict) or "caiman" in told:
        raise InputError(
            f"the history of {sample.id} has no run of cnmf3d", "Only what cnmf3d computed can be computed again."
        )
    return read_parameters(runs[-1].get("asked") or told)


def compare(old: Results, new: Results) -> Comparison:
    """What differs between two results of the same movie.

    Parameters
    ----------
    old, new : Results
        Of which what the runs found is compared, not what people made of it.
    """
    one, other = found_of(old), found_of(new)
    then, now = old.provenance.versions, new.provenance.versions
    versions = {
        name: (then.get(name, ""), now.get(name, ""))
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    }
    differences = tuple(_differences(one, other))
    count = (one.count, other.count)
    if not differences:
        return Comparison(count, (), one.count, 1.0, 1.0, versions)
    return Comparison(count, differences, *_partners(one, other), versions)


def _differences(one: Components, other: Components) -> Iterator[Difference]:
    yield from _footprints(one.footprints, other.footprints)
    for name in ARRAYS:
        yield from _array(name, getattr(one, name), getattr(other, name))
    for name in sorted({*one.quality, *other.quality}):
        then, now = one.quality.get(name), other.quality.get(name)
        if then is None or now is None:
            yield Difference(f"quality.{name}", float("nan"), float("nan"))
        else:
            yield from _array(f"quality.{name}", then, now)


def _footprints(a: sparse.csc_array[Any], b: sparse.csc_array[Any]) -> Iterator[Difference]:
    if a.shape != b.shape:
        yield Difference("footprints", float("nan"), float("nan"))
    elif largest := float(abs(a - b).max()):
        yield _largest("footprints", largest, abs(a).max())


def _array(name: str, a: npt.NDArray[Any], b: npt.NDArray[Any]) -> Iterator[Difference]:
    if a.shape != b.shape:
        yield Difference(name, float("nan"), float("nan"))
    elif not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
        largest = np.nanmax(np.abs(a.astype(np.float64) - b.astype(np.float64)), initial=0)
        yield _largest(name, largest, np.nanmax(np.abs(a.astype(np.float64)), initial=0))


def _largest(name: str, difference: Any, value: Any) -> Difference:
    return Difference(name, float(difference), float(difference) / float(value) if value else float("inf"))


def _partners(one: Components, other: Components) -> tuple[int, float, float]:
    """Count partners; the smallest cosine of their footprints, and the smallest correlation of their traces."""
    if not one.count or not other.count:
        return 0, 0.0, 0.0
    norms = [np.sqrt(np.asarray(c.footprints.power(2).sum(axis=0)).ravel()) for c in (one, other)]
    overlap = (one.footprints.T @ other.footprints).toarray()
    cosines = overlap / np.maximum(np.outer(norms[0], norms[1]), 1e-12)
    rows, columns = linear_sum_assignment(cosines, maximize=True)
    good = cosines[rows, columns] >= 0.5
    rows, columns = rows[good], columns[good]
    if not len(rows):
        return 0, 0.0, 0.0
    traces = (bridged(each).astype(np.float64) for each in (one.traces[rows], other.traces[columns]))
    pairs = zip(*traces, strict=True)
    correlations = [_correlation(a, b) for a, b in pairs]
    return len(rows), float(cosines[rows, columns].min()), min(correlations)


def _correlation(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else float(np.array_equal(a, b))
