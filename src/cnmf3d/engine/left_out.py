"""Frames that a run leaves out: given, plainly bad, or named by a rule or a file. One list in the end, with reasons."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cnmf3d.engine.bad_frames import plain_bad_frames
from cnmf3d.engine.cache import chunk_length, chunk_ranges
from cnmf3d.engine.parallel import in_order
from cnmf3d.engine.plan import Plan
from cnmf3d.engine.solutions import hash_of_file
from cnmf3d.errors import UsageError
from cnmf3d.events import Caution, Note, Reporter
from cnmf3d.movies import Movie
from cnmf3d.movies.blanked import without_frames
from cnmf3d.parameters.frames import frames_in_file, names_file
from cnmf3d.results.curation.rules import matching
from cnmf3d.timeline import Timeline

Bool = npt.NDArray[np.bool_]
Double = npt.NDArray[np.float64]

GIVEN, PLAIN, MOVED = "given", "far brighter or darker than those around, all over a plane", "bad by the registration"
"""Why frames are left out, as results have it; a rule and a file stand for themselves."""

LEVELS = ("mean", "lowest", "highest")
"""What a rule may ask of a frame."""

CHANNEL = re.compile(r"\bchannel(\d+)\b")


def usable(movie: Movie, plan: Plan, reporter: Reporter, workers: int) -> tuple[Movie, Timeline]:
    """The movie without the frames that are left out, and the timeline that says which and why; they are reported.

    Parameters
    ----------
    movie : Movie
    plan : Plan
    reporter : Reporter
    workers : int

    Raises
    ------
    UsageError
        Where there is no such frame, none is left, or a rule can't be understood.
    """
    found: dict[str, Bool] = {}
    if plan.left_out is None:
        found[PLAIN] = plain_bad_frames(movie, workers)
    else:
        found[GIVEN] = given_frames(movie, plan.left_out)
    if plan.exclude is not None:
        found[plan.exclude] = excluded(movie, plan.exclude, plan.timeline.seconds(movie.shape[0], plan.rate), workers)
    bad = np.any(list(found.values()), axis=0)
    if bad.all() and movie.shape[0]:
        raise UsageError(
            "all frames of the movie are to be left out", "Give fewer bad frames (data.bad_frames, data.exclude)."
        )
    for why, flags in found.items():
        _report(why, flags, plan, reporter)
    moved = movie.metadata.get("motion")
    known = {MOVED: tuple(moved["bad_frames"])} if isinstance(moved, dict) else {}
    known |= {why: tuple(np.flatnonzero(flags).tolist()) for why, flags in found.items()}
    timeline = replace(plan.timeline, left_out={why: frames for why, frames in known.items() if frames})
    return without_frames(movie, bad), timeline


def asked_of(plan: Plan) -> tuple[int | str, ...] | None:
    """What is asked of frames that are left out, for keys of what is kept; None: what the movie's content tells."""
    if plan.exclude is None:
        return plan.left_out
    given = ("found",) if plan.left_out is None else plan.left_out
    content = hash_of_file(Path(plan.exclude)) if names_file(plan.exclude) and Path(plan.exclude).is_file() else ""
    return (*given, "exclude", plan.exclude, content)


def given_frames(movie: Movie, numbers: tuple[int, ...]) -> Bool:
    """Frames that are given by number, (T,) bool.

    Raises
    ------
    UsageError
        Where one isn't there.
    """
    total = movie.shape[0]
    if beyond := [t for t in numbers if t >= total]:
        fix = f"Frames are counted from 0: the last one is {total - 1} (data.bad_frames)."
        raise UsageError(f"there is no frame {beyond[0]} to leave out: the movie has {total}", fix)
    bad = np.zeros(total, bool)
    bad[list(numbers)] = True
    return bad


def excluded(movie: Movie, what: str, seconds: Double, workers: int) -> Bool:
    """Frames that a rule or a file names, (T,) bool.

    Parameters
    ----------
    movie : Movie
    what : str
        A rule as of `cnmf3d.results.curation.rules`, of ``mean``, ``lowest`` and ``highest`` of a frame, ``frame``,
        ``seconds``, and ``channel0``, ... (the mean of another channel of the recording). Or a file: ``.npy`` or text
        with frame numbers from 0 or a value, true or false, for each frame.
    seconds : (T,) float64
    workers : int

    Raises
    ------
    UsageError, InputError
        Where a rule can't be understood, a channel isn't there, or a file can't be read or doesn't fit.
    """
    if names_file(what):
        return given_frames(movie, tuple(frames_in_file(Path(what), movie.shape[0]).tolist()))
    check_excluded(movie, what)
    values: dict[str, npt.NDArray[Any]] = {"frame": np.arange(movie.shape[0]), "seconds": seconds}
    some = dict.fromkeys(LEVELS, np.zeros(movie.shape[0]))
    if any(re.search(rf"\b{name}\b", what) for name in some):
        some = dict(zip(some, _levels(movie, workers), strict=True))
    for number in _channels(what):
        some[f"channel{number}"] = _levels(movie.channel(number), workers)[0]
    return matching(what, {**some, **values})


def check_excluded(movie: Movie, what: str) -> None:
    """See that a rule can be understood and its channels are there, or that a file fits, without reading the movie.

    Raises
    ------
    UsageError, InputError
        As for `excluded`.
    """
    if names_file(what):
        frames_in_file(Path(what), movie.shape[0])
        return
    numbers = _channels(what)
    for number in numbers:
        movie.channel(number)
    names = (*LEVELS, "frame", "seconds", *(f"channel{number}" for number in numbers))
    try:
        matching(what, {name: np.zeros(1) for name in names})
    except UsageError as error:
        fix = "Write for example: mean > 3000, highest >= 65535 or frame < 10, channel1 > 500; or name a file."
        raise UsageError(error.problem, fix) from error


def _channels(rule: str) -> list[int]:
    """Channels that a rule names."""
    return sorted({int(each) for each in CHANNEL.findall(rule)})


def _levels(movie: Movie, workers: int) -> tuple[Double, Double, Double]:
    """Mean, least and greatest value of each frame, of what it shows; NaN where that is nothing. One pass."""

    def digest(span: tuple[int, int]) -> Double:
        part = np.asarray(movie.read(*span)).reshape(span[1] - span[0], -1)
        if part.dtype.kind != "f" or np.isfinite(part.sum(dtype=np.float64)):
            return np.stack([part.mean(axis=1, dtype=np.float64), part.min(axis=1), part.max(axis=1)])
        out = np.full((3, len(part)), np.nan)
        for t, frame in enumerate(part):
            seen = frame[np.isfinite(frame)]
            out[:, t] = (seen.mean(dtype=np.float64), seen.min(), seen.max()) if seen.size else np.nan
        return out

    parts = list(in_order(digest, chunk_ranges(movie.shape[0], chunk_length(movie)), workers))
    mean, lowest, highest = np.concatenate(parts, axis=1)
    return mean, lowest, highest


def _report(why: str, flags: Bool, plan: Plan, reporter: Reporter) -> None:
    """Name the frames that are left out for one reason."""
    count = int(flags.sum())
    if not count:
        if why == plan.exclude:
            reporter(Note("ingest", f"no frame is left out by {why!r}"))
        return
    traces = "what the model expects" if plan.bridges else "not a number"
    reason = {GIVEN: "as given", PLAIN: f"they are {PLAIN}"}.get(why, f"by {why!r}")
    named = f"{count} of {len(flags)} frames are left out ({some_numbers(flags)}): {reason}. Traces are {traces} there"
    if why == PLAIN:
        reporter(Caution("ingest", f"{named}. If they are good, give data.bad_frames: []"))
    else:
        reporter(Note("ingest", named))


def some_numbers(flags: Bool, most: int = 12) -> str:
    """Numbers of the first few frames that are flagged."""
    numbers = np.flatnonzero(flags)
    return ", ".join(map(str, numbers[:most])) + (", ..." if numbers.size > most else "")
