"""Whatever is done to columns and cells: undoing leads back step by step, and redoing forth again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from comparing import assert_same
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cnmf3d.errors import UsageError
from cnmf3d.project import Add, Column, Kind, Project, Remove, Rename, Show, Type

NAMES = ("one", "two", "three", "four")
names = st.sampled_from(NAMES)
texts = st.none() | st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=4)
rois = st.dictionaries(st.integers(0, 2), texts, min_size=1, max_size=3)
keys = st.sampled_from(["a", "b"])
columns = st.one_of(
    st.builds(Column, names, st.just(Kind.ROI)),
    st.builds(Column, names, st.just(Kind.STIMULUS)),
    st.builds(Column, names, st.just(Kind.CUSTOM), st.just(Type.TEXT), st.none() | st.just("d")),
    st.builds(Column, names, st.just(Kind.CUSTOM), st.just(Type.WHOLE), st.none() | st.just(3)),
)
steps = st.one_of(
    st.tuples(st.just("configure"), st.builds(Add, columns)),
    st.tuples(st.just("configure"), st.builds(Rename, names, names)),
    st.tuples(st.just("configure"), st.builds(Remove, names)),
    st.tuples(st.just("configure"), st.builds(Show, st.lists(names, max_size=2).map(tuple))),
    st.tuples(st.just("edit_rois"), keys, names | st.just("accepted"), rois),
    st.tuples(st.just("accept"), keys, st.dictionaries(st.integers(0, 2), st.booleans(), min_size=1)),
    st.tuples(st.just("edit"), keys, st.fixed_dictionaries({"comments": st.text("xy", max_size=3)})),
    st.tuples(st.just("edit"), keys, st.fixed_dictionaries({"trial": st.sampled_from("123")})),
    st.tuples(st.just("edit"), keys, st.builds(lambda n, v: {"custom": {n: v}}, names, st.none() | st.integers(0, 9))),
    st.tuples(st.just("edit"), keys, st.builds(lambda n, e: {"stimuli": {n: [("s", 0, e)]}}, names, st.integers(1, 9))),
)


def state(project):
    samples = project.samples()
    return (
        project.config,
        [each.info for each in samples],
        [project.tags(each.uuid) for each in samples],
        [each.accepted for each in samples],
    )


def do(project, uuids, step):
    """Do a step; whether it could be done and changed anything."""
    before = len(project.log())
    what, *rest = step
    try:
        match what:
            case "configure":
                project.configure(rest[0])
            case "edit_rois":
                project.edit_rois(uuids[rest[0]], rest[1], rest[2])
            case "accept":
                project.edit_rois(uuids[rest[0]], "accepted", rest[1])
            case "edit":
                project.edit(uuids[rest[0]], **rest[1])
    except UsageError:
        assert len(project.log()) == before
        return False
    return len(project.log()) > before


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
@given(st.lists(steps, min_size=1, max_size=10))
def test_undo_leads_back_and_redo_forth(random_results, todo):
    results = random_results(3, (2, 4, 5), 20)
    with tempfile.TemporaryDirectory() as folder, Project.create(Path(folder) / "p") as project:
        uuids = {animal: project.add(results, animal=animal, trial="1").uuid for animal in "ab"}
        for column in (Column("one", Kind.ROI), Column("two"), Column("three", Kind.STIMULUS)):
            project.configure(Add(column))
        states = [state(project)]
        for step in todo:
            if do(project, uuids, step):
                states.append(state(project))
            else:
                assert_same(state(project), states[-1])
        for expected in states[-2::-1]:
            project.undo()
            assert_same(state(project), expected)
        for expected in states[1:]:
            project.redo()
            assert_same(state(project), expected)
