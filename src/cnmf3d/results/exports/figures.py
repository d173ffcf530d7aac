"""The figures of the report as files: PNG to look at, SVG to work on."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from cnmf3d.results.exports.exporter import Export, Exporter

DPI = 200


def write_figures(export: Export, folder: Path, suffix: str) -> tuple[str, ...]:
    """Write every figure of the report, named by its section and what it shows.

    Parameters
    ----------
    export : Export
    folder : Path
        Made here.
    suffix : str
        ``.png`` or ``.svg``.
    """
    import matplotlib as mpl

    from cnmf3d.results.report.sections import sections_of

    folder.mkdir()
    # text stays text, which drawing programs can change; the same results give the same file
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "cnmf3d"}):
        for place, section in enumerate(sections_of(export.results), 1):
            for name, figure in section.pictures.items():
                words = [section.title, *([name] if len(section.pictures) > 1 else [])]
                path = folder / f"{place:02d}_{_file_name(' '.join(words))}{suffix}"
                metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
                figure.savefig(path, dpi=DPI, metadata=metadata)
    if not np.array_equal(export.ids, np.arange(len(export.ids))):
        return ("Numbers in the figures count the ROIs that are shown from 0.",)
    return ()


def _file_name(text: str) -> str:
    return re.sub(r"\W+", "_", text.lower()).strip("_")


def ours(folder: Path, suffix: str) -> bool:
    """Whether a folder holds nothing but such figures."""
    return all(re.fullmatch(rf"\d\d_\w+\{suffix}", path.name) for path in folder.iterdir())


PNG = Exporter(
    "png",
    f"the figures of the report, {DPI} dots an inch",
    lambda export, folder: write_figures(export, folder, ".png"),
    ours=lambda folder: ours(folder, ".png"),
)
SVG = Exporter(
    "svg",
    "the figures of the report as drawings, with text that can be changed",
    lambda export, folder: write_figures(export, folder, ".svg"),
    ours=lambda folder: ours(folder, ".svg"),
)
