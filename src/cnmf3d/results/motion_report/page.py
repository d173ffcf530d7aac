"""The page about a motion: pictures, figures and text in one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape

from cnmf3d.movies import Movie
from cnmf3d.movies.registered import Motion
from cnmf3d.results.motion_report import figures
from cnmf3d.results.motion_report.facts import Comparison, compared, facts_of
from cnmf3d.results.report.page import encoded
from cnmf3d.written import whole_file

HEADS = ("kind", "volumes", "largest shift", "bad frames")
"""Facts that stand at the top."""


def write_motion_report(motion: Motion, path: str | Path, movie: Movie | None = None, *, title: str = "") -> Path:
    """Write a page that shows what a motion is, and what it does to its movie.

    Parameters
    ----------
    motion : Motion
    path : path
        The ``.html`` file; it appears whole or not at all.
    movie : Movie, optional
        As recorded; without it the page has no pictures of before and after.
    title : str

    Raises
    ------
    InputError
        Where the file can't be written, or the motion is that of another movie.
    """
    path = Path(path)
    text = render(motion, movie, title or "Motion")
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def render(motion: Motion, movie: Movie | None, title: str) -> str:
    """The page as text."""
    comparison = None if movie is None else compared(movie, motion)
    facts = facts_of(motion)
    heads: dict[str, Any] = {
        name: facts[name] for name in ("kind", "volumes", "largest shift", "bad frames") if name in facts
    }
    if comparison is not None and len(comparison.correlation_after):
        heads["sharpness of the mean"] = f"× {comparison.sharpness_after:.2f}"
        medians = [np.nanmedian(v) for v in (comparison.correlation_before, comparison.correlation_after)]
        heads["correlation with the mean"] = "{:.3f} → {:.3f}".format(*medians)
    environment = Environment(loader=PackageLoader("cnmf3d.results.motion_report"), autoescape=select_autoescape())
    return environment.get_template("motion.html").render(
        title=title, heads=heads, facts=facts, sections=_sections(motion, movie, comparison)
    )


def _sections(motion: Motion, movie: Movie | None, comparison: Comparison | None) -> list[dict[str, Any]]:
    """Titles, texts and pictures."""
    rate = None if movie is None else movie.rate
    size = None if movie is None else movie.voxel_size
    aspect = 1.0 if size is None else size.y / size.x
    parts = [
        (
            "Shifts",
            "Displacement of the tissue against the template. Red: bad frames, which are left out.",
            figures.shifts(motion, rate),
        )
    ]
    if motion.plane_shifts is not None or np.any(motion.planes):
        parts.append(("Planes", "Displacement of planes beside that of the volume.", figures.planes(motion)))
    if motion.field is not None:
        parts.append(("Field", "Displacement beside the rigid one, rms over time.", figures.field(motion)))
    if comparison is not None:
        text = f"Means of {len(comparison.frames)} frames spread over the movie; black is never seen, or hardly."
        means = {"as recorded": comparison.before, "registered": comparison.after}
        parts.append(("Before and after", text, figures.images(means, aspect)))
        if len(comparison.correlation_after):
            text = "Of these frames with the mean of the others, without noise and shade."
            parts.append(("Correlation", text, figures.correlations(comparison, rate)))
        if np.isfinite(comparison.flow_before).any() and np.isfinite(comparison.flow_after).any():
            text = (
                "Displacement in the plane of these frames against their mean, in tiles seen from above. More than a "
                "structure's width comes out too small. Active cells look like displacement, too: where few cells fill "
                "a tile, up to half a voxel of it is theirs."
            )
            parts.append(("Residual flow", text, figures.flow(comparison)))
    if np.isfinite(motion.template).any():
        parts.append(
            ("Template", "What the frames were registered to.", figures.images({"template": motion.template}, aspect))
        )
    return [{"title": name, "text": text, "data": encoded(figure)} for name, text, figure in parts]
