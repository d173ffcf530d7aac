"""Reopening a sample and saving it again is the identity on everything, whatever was done to its ROIs."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from comparing import assert_same
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cnmf3d.project import Add, Column, Kind, Project, Rename, Type
from cnmf3d.results import Results, curated
from cnmf3d.results.curation import Entry, with_log

names = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="/"), min_size=1, max_size=6)
names = names.filter(lambda text: text.strip() != "" and text.isprintable())
texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
tags = st.none() | names
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(texts, each, max_size=3),
    max_leaves=6,
)
periods = st.lists(
    st.tuples(names, st.floats(0, 2), st.floats(0.1, 9)).map(lambda each: (each[0], each[1], each[1] + each[2])),
    max_size=3,
)


@st.composite
def steps(draw, count: int) -> list[Entry]:
    """Curation of `count` ROIs."""
    log, alive = [], list(range(count))
    for _ in range(draw(st.integers(0, 5))):
        some = draw(st.lists(st.sampled_from(alive), unique=True, min_size=1, max_size=3)) if alive else []
        what = draw(st.sampled_from(["accept", "reject", "delete", "tag", "undo"]))
        if what == "undo" and log and log[-1].what != "undo":
            log.append(Entry("undo"))
            alive = list(range(count))
        elif what == "tag" and some:
            log.append(Entry("tag", tuple(some), {"column": "layer", "values": [draw(names) for _ in some]}))
        elif what in ("accept", "reject", "delete") and some:
            log.append(Entry(what, tuple(some)))
    return log


def everything(project: Project, key: str) -> tuple:
    """All that can be seen of a sample, apart from the revision of its file."""
    sample = project.sample(key)
    found = curated(project.results(key))
    table = project.dataframe()
    curves = {kind: project.curves(key, kind) for kind in ("raw", "dff", "denoised", "spikes")}
    seen = {column: dict(values) for column, values in found.tags.items()}
    return sample.info, sample.movie, found.results, found.ids, seen, project.tags(key), table, curves


def see_same(one: tuple, other: tuple) -> None:
    *rest, table, curves = one
    *again, other_table, other_curves = other
    assert_same(tuple(rest), tuple(again))
    pd.testing.assert_frame_equal(table, other_table)
    assert_same(curves, other_curves)


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.data())
def test_reopening_and_saving_is_the_identity(random_results, data):
    count = data.draw(st.integers(0, 5))
    base: Results = random_results(count, (2, 5, 6), 20, data.draw(st.integers(0, 99)))
    quality = {**base.components.quality, "odd": np.array([np.nan, *range(count)][:count], np.float32)}
    base = dataclasses.replace(base, components=dataclasses.replace(base.components, quality=quality))
    log = data.draw(steps(count))
    if log:
        base = with_log(base, log)
    with tempfile.TemporaryDirectory() as folder, Project.create(Path(folder) / "p") as project:
        project.configure(
            Add(Column("layer", Kind.ROI)),
            Add(Column("type", Kind.ROI)),
            Add(Column("odour", Kind.STIMULUS)),
            Add(Column("age", Kind.CUSTOM, Type.DECIMAL)),
        )
        sample = project.add(
            base,
            animal=data.draw(names),
            trial=data.draw(names),
            comments=data.draw(texts),
            date=data.draw(texts),
            custom={"age": data.draw(st.none() | st.floats(allow_nan=False, allow_infinity=False))},
            stimuli={"odour": data.draw(periods)},
            meta=data.draw(st.dictionaries(texts, plain, max_size=3)),
            tags={"type": {int(roi): data.draw(tags) for roi in curated(base).ids}},
        )
        before = everything(project, sample.uuid)
        for revision in (2, 3):
            saved = project.save(sample.uuid, project.results(sample.uuid))
            assert saved.revision == revision
            see_same(before, everything(project, sample.uuid))
        ids = curated(base).ids.tolist()
        if ids:  # what the project changes is there when the sample is opened
            project.edit_rois(sample.uuid, "layer", {ids[0]: "new"})
            project.edit_rois(sample.uuid, "accepted", {ids[-1]: True})
        project.configure(Rename("type", "kind"))
        changed = everything(project, sample.uuid)
        assert not ids or (changed[4]["layer"][ids[0]] == "new" and changed[2].components.accepted[-1])
        assert changed[4]["kind"] == before[4]["type"] and "type" not in changed[4]
        project.save(sample.uuid, project.results(sample.uuid))
        see_same(changed, everything(project, sample.uuid))
