"""A sample on its way to other programs: what exporters of results are given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cnmf3d.project.sample import Sample
from cnmf3d.results.exports import Export, Interval, export_of
from cnmf3d.results.exports.nwb.metadata import grouped_names

if TYPE_CHECKING:
    from cnmf3d.project.store import Project


def leaving(
    project: Project,
    key: str,
    *,
    takes: frozenset[str] = frozenset({"metadata", "stimuli"}),
    accepted_only: bool = False,
    metadata: Mapping[str, Any] | None = None,
) -> Export:
    """A sample's ROIs with tags and, where the format takes them, stimuli and what is known of animal and session.

    Parameters
    ----------
    project : Project
    key : str
        Of the sample.
    takes : frozenset of str
        What the format takes beside ROIs: ``metadata``, ``stimuli``.
    accepted_only : bool
        Leave rejected ROIs out.
    metadata : mapping, optional
        Of session, subject and imaging; wins over what the sample says.
    """
    sample, results = project.sample(key), project.results(key)
    stimuli = {
        column: [
            Interval(each.name, each.start, each.end)
            for each in told.within("seconds", sample.rate, results.timeline.stamps)
        ]
        for column, told in sample.info.stimuli.items()
    }
    known: dict[str, Any] = {}
    if "metadata" in takes:
        known = _known(sample)
        for group, values in grouped_names(metadata or {}).items():
            known[group] = {**known.get(group, {}), **values}
    return export_of(
        results, accepted_only=accepted_only, stimuli=stimuli if "stimuli" in takes else {}, metadata=known or metadata
    )


def _known(sample: Sample) -> dict[str, dict[str, Any]]:
    """What a sample says of session and subject."""
    info = sample.info
    session: dict[str, Any] = {"session_id": info.trial}
    if info.comments:
        session["notes"] = info.comments
    start = _moment(info.date) or _moment(str(info.meta.get("date", "")))
    if start is not None:
        session["session_start_time"] = start
    return {"session": session, "subject": {"subject_id": info.animal}}


def _moment(text: str) -> datetime | None:
    """A date as people and microscopes write it; None where it is none."""
    for form in ("%Y%m%d_%H%M%S", "%Y-%m-%d_%H-%M-%S", "%Y%m%d"):
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
