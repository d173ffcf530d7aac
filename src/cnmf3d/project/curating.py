"""What curation and the project say of ROIs, put together: the file holds the log, the project the cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cnmf3d.project.columns import Config, Kind
from cnmf3d.project.rois import Tags, tag
from cnmf3d.results import Results, curated
from cnmf3d.results.curation import Entry, with_log

PROJECT = "the project"
"""Who makes the steps that lead from a file to what the project says."""


def with_cells(results: Results, config: Config, accepted: Mapping[int, bool], tags: Tags) -> Results:
    """Results with a curation log that leads to what the project says of their ROIs.

    Parameters
    ----------
    results : Results
        As the sample's file holds them.
    config : Config
    accepted : mapping of ROI number to bool
    tags : mapping of column to ROI number to value
    """
    state = curated(results)
    ids = state.ids.tolist()
    entries: list[Entry] = []
    verdicts = [
        accepted.get(roi, was) for roi, was in zip(ids, state.results.components.accepted.tolist(), strict=True)
    ]
    other = np.flatnonzero(np.array(verdicts, bool) != state.results.components.accepted).tolist()
    if other:
        entries.append(Entry.now("judge", [ids[n] for n in other], PROJECT, accepted=[verdicts[n] for n in other]))
    columns = config.names(Kind.ROI)
    entries += [Entry.now("drop column", (), PROJECT, column=name) for name in state.tags if name not in columns]
    for name in columns:
        if name not in state.tags:
            entries.append(Entry.now("add column", (), PROJECT, column=name))
        old = {roi: tag(name, value) for roi, value in state.tags.get(name, {}).items()}
        new = tags.get(name, {})
        wrong = [roi for roi in ids if old.get(roi) != new.get(roi)]
        if wrong:
            entries.append(Entry.now("tag", wrong, PROJECT, column=name, values=[new.get(roi) for roi in wrong]))
    if not entries:
        return results
    before = results.curation
    return with_log(results, entries) if before is None else with_log(results, (*before.log, *entries), before.made)


def with_curation(history: Sequence[Mapping[str, Any]], results: Results) -> tuple[Mapping[str, Any], ...]:
    """A history with every step of curation as its last entry, but those that the project's own log has.

    Parameters
    ----------
    history : sequence of mapping
        What an earlier save said of curation is left out.
    results : Results
    """
    rest = [entry for entry in history if list(entry) != ["curation"]]
    log = () if results.curation is None else results.curation.log
    steps = [_plain(entry) for entry in log if entry.who != PROJECT]
    return (*rest, {"curation": {"log": steps}}) if steps else tuple(rest)


def _plain(entry: Entry) -> dict[str, Any]:
    return {**dataclasses.asdict(entry), "ids": list(entry.ids), "values": dict(entry.values)}
