"""The table of exporters, one file each. Outside packages add theirs as entry points."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cnmf3d.errors import UsageError, did_you_mean
from cnmf3d.plugins import load_all
from cnmf3d.results.curation import curated
from cnmf3d.results.exports import caiman, figures, labels, nwb, ome_zarr, suite2p, traces
from cnmf3d.results.exports.exporter import Export, Exporter, Interval
from cnmf3d.results.model import Results
from cnmf3d.results.placing import new_file, new_folder

BUILT_IN: tuple[Exporter, ...] = (
    nwb.EXPORTER,
    caiman.EXPORTER,
    suite2p.EXPORTER,
    traces.CSV,
    traces.PARQUET,
    labels.EXPORTER,
    ome_zarr.EXPORTER,
    figures.PNG,
    figures.SVG,
)

ENTRY_POINTS = "cnmf3d.exporters"
"""Group of entry points; each names an `Exporter`."""

__all__ = ["BUILT_IN", "Export", "Exporter", "Interval", "export", "export_of", "exporters"]


def exporters() -> dict[str, Exporter]:
    """All exporters by name.

    Raises
    ------
    InputError
        Where one of another package can't be loaded; it names the package.
    """
    return {each.name: each for each in (*BUILT_IN, *load_all(ENTRY_POINTS, "the exporter"))}


def export_of(
    results: Results,
    *,
    accepted_only: bool = False,
    stimuli: Mapping[str, Sequence[Interval]] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Export:
    """Put together what leaves: the ROIs as curation left them, with their numbers and tags.

    Parameters
    ----------
    results : Results
        As `load_results` gives them.
    accepted_only : bool
        Leave rejected ROIs out.
    stimuli, metadata : mapping, optional
        See `Export`.
    """
    log = () if results.curation is None else results.curation.log
    now = curated(results)
    whole = Export(now.results, now.ids, now.tags, stimuli or {}, metadata or {}, log)
    return _accepted(whole) if accepted_only else whole


def _accepted(whole: Export) -> Export:
    """Only ROIs that are accepted."""
    components = whole.results.components
    keep = components.accepted
    results = dataclasses.replace(whole.results, components=components.select(keep))
    return dataclasses.replace(whole, results=results, ids=whole.ids[keep])


def exporter_of(name: str) -> Exporter:
    """Find an exporter.

    Raises
    ------
    UsageError
        Where there is none of that name.
    """
    known = exporters()
    if name not in known:
        raise UsageError(
            f"there is no export to {name!r}", f"{did_you_mean(name, known)}There are: {', '.join(known)}."
        )
    return known[name]


def export(name: str, what: Results | Export, out: str | Path, *, force: bool = False) -> tuple[str, ...]:
    """Write results in a format that other programs open.

    Parameters
    ----------
    name : str
        Of the format, as in `exporters`.
    what : Results or Export
        Results as they are, or what `export_of` put together.
    out : str or Path
        The file or folder to write, as the format has it; it appears whole or not at all.
    force : bool
        Whether what is there may be replaced. A folder that isn't an earlier export never is.

    Returns
    -------
    tuple of str
        What the user should know.

    Raises
    ------
    UsageError
        For an unknown format, a name with another suffix, something that is there already, or something that the
        format can't use.
    """
    chosen, out = exporter_of(name), Path(out)
    leaving = export_of(what) if isinstance(what, Results) else what
    for field, flag in (("metadata", "--metadata and --set"), ("stimuli", "--stimuli")):
        if getattr(leaving, field) and field not in chosen.takes:
            users = ", ".join(each.name for each in exporters().values() if field in each.takes)
            raise UsageError(f"export {name} can't use {flag}", f"Leave them out; {users} can.")
    if chosen.suffixes and not out.name.lower().endswith(chosen.suffixes):
        raise UsageError(
            f"{out} isn't named {' or '.join(chosen.suffixes)}", f"Name it {out.name}{chosen.suffixes[0]}."
        )
    place = new_file(out, force=force) if chosen.ours is None else new_folder(out, force=force, ours=chosen.ours)
    with place as draft:
        return chosen.write(leaving, draft)
