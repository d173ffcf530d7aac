"""The report's page: pictures, tables and text in one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from matplotlib.figure import Figure

from cnmf3d.results.model import Results
from cnmf3d.results.report.figures import end_of
from cnmf3d.results.report.sections import Section, sections_of
from cnmf3d.results.summary import summary
from cnmf3d.written import whole_file

DPI = 110


def write_report(results: Results, path: str | Path, *, title: str = "") -> Path:
    """Write the report of `results`.

    Parameters
    ----------
    results : Results
        Ours or CaImAn's; also one without components.
    path : str or Path
        The ``.html`` file; it appears whole or not at all.
    title : str
        Heading; the movie's name by default.

    Raises
    ------
    InputError
        Where the file can't be written.
    """
    path = Path(path)
    text = render(results, title or _title(results))
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def _title(results: Results) -> str:
    paths = results.provenance.input_paths
    return Path(paths[0]).name if paths else "Results"


def render(results: Results, title: str) -> str:
    """The page as text."""
    environment = Environment(loader=PackageLoader("cnmf3d.results.report"), autoescape=select_autoescape())
    return environment.get_template("page.html").render(
        title=title,
        facts=_facts(results),
        pictures=[_drawn(section) for section in sections_of(results)],
        parameters=_parameters(results),
        timings=_timings(results),
        warnings=results.provenance.warnings,
        source=results.provenance,
    )


def _facts(results: Results) -> dict[str, str]:
    """Headline numbers."""
    facts = summary(results)
    z, y, x = results.components.shape
    seconds = end_of(results) if facts.rate else None
    return {
        "accepted cells": str(facts.accepted),
        "rejected": str(facts.rejected),
        "volume": f"{x} × {y} × {z}",
        "voxel": f"{results.voxel_size} µm" if results.voxel_size else "size unknown",
        "recording": f"{facts.frames} volumes" + (f", {seconds:.0f} s at {facts.rate:g} Hz" if seconds else ""),
        "computed in": f"{facts.seconds:.1f} s" if facts.seconds else "unknown",
    }


def _drawn(section: Section) -> dict[str, Any]:
    """A section as the template has it."""
    pictures = [{"name": name, "data": encoded(figure)} for name, figure in section.pictures.items()]
    return {"title": section.title, "text": section.text, "pictures": pictures}


def encoded(figure: Figure) -> str:
    """A picture as base64 text."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="webp", dpi=DPI, pil_kwargs={"quality": 82})
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _parameters(results: Results) -> list[dict[str, Any]]:
    """Rows of the table of parameters: name, value, and why where it was measured."""
    rows = []
    estimates = results.provenance.estimates
    for group, values in results.parameters.items():
        if group == "caiman":
            continue
        named = values.items() if isinstance(values, Mapping) else [("", values)]
        for name, value in named:
            why = estimates.get(name or group, {}).get("why", "")
            rows.append({"name": f"{group}.{name}" if name else group, "value": _text(value), "why": why})
    known = {row["name"].rpartition(".")[2] for row in rows}
    rows += [
        {"name": name, "value": _text(choice.get("value")), "why": choice.get("why", "")}
        for name, choice in estimates.items()
        if name not in known
    ]
    return rows


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(entry) for entry in value)
    return f"{value:.4g}" if isinstance(value, float) else "none" if value is None else str(value)


def _timings(results: Results) -> list[dict[str, Any]]:
    """Stages with seconds and share."""
    timings = results.provenance.timings
    total = timings.get("total", 0.0) or 1.0
    return [{"stage": name, "seconds": seconds, "share": seconds / total} for name, seconds in timings.items()]
