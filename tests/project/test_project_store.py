"""Projects on disk: samples come back as they were added, cells and columns change and change back, bad input."""

from __future__ import annotations

import datetime
import sqlite3
from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from comparing import assert_same

from cnmf3d.batch import Batch, Job
from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.project import Add, Column, Kind, Project, Remove, Rename, Show, StimulusMap, Type, files, schema
from cnmf3d.project.checking import check
from cnmf3d.results import curated, load_results, write_results
from cnmf3d.results.curation import as_found
from cnmf3d.results.curation.session import CurationSession


def facts(project, key):
    """All that a sample says, apart from when and which revision."""
    sample = project.sample(key)
    return sample.info, sample.movie, sample.copied, project.tags(key)


def test_a_sample_comes_back_as_it_was_added(project, results, movie):
    stimuli = StimulusMap(((*[],)), "frames")
    sample = project.add(
        results,
        animal="m 1",
        trial=3,
        date=datetime.date(2026, 5, 17),
        comments="first\nsecond line",
        custom={"age": "12", "weight": 0.1},
        stimuli={"odour": [("rose", 0, 5), ("none", 4.5, 9)]},
        meta={"origin": "2p", "array": np.arange(3), "deep": {"t": (1, 2)}},
        tags={"cell type": ["pyramidal", None, "", "PV", "PV"], "layer": {4: "L2/3"}},
        movie=movie,
        opening={"rate": 7.5},
    )
    with Project.open(project.folder) as again:
        assert again.samples() == [sample] == [again.sample("m 1/3")] == [again.sample(sample.uuid[:8])]
        assert again.tags("m 1/3") == {"cell type": {0: "pyramidal", 3: "PV", 4: "PV"}, "layer": {4: "L2/3"}}
        opened = again.results("m 1/3")
        assert_same(as_found(opened), results)
        assert {name: dict(each) for name, each in curated(opened).tags.items()} == again.tags("m 1/3")
        assert again.movie("m 1/3").fingerprint() == results.provenance.fingerprint
    info = sample.info
    assert (info.animal, info.trial, info.date, info.comments) == ("m 1", "3", "2026-05-17", "first\nsecond line")
    assert info.custom == {"age": 12, "weight": 0.1, "anaesthesia": False, "line": "wild type"}
    assert info.stimuli["odour"].names == ("rose", "none") and stimuli.periods == ()
    assert info.stimuli["odour"].within("frames", 2)[1].start == 9
    known = {"fps": 7.5, "voxel_size": {"x": 1.5, "y": 1.0, "z": 4.0}}
    assert info.meta == {**known, "origin": "2p", "array": [0, 1, 2], "deep": {"t": [1, 2]}}
    assert info.history[0]["cnmf_3d"]["parameters"] == results.parameters
    assert (sample.rois, sample.accepted) == (5, results.components.accepted.sum())


def test_a_results_file_is_kept_with_everything_that_is_in_it(project, results, tmp_path):
    path = write_results(results, tmp_path / "r.hdf5")
    with h5py.File(path, "a") as file:
        file["what/nobody/knows"] = [1, 2, 3]
    sample = project.add(path, animal="a", trial="1")
    assert project.file(sample).read_bytes() == path.read_bytes()


def test_caimans_file_becomes_a_sample_with_its_axes_known(project, data):
    path = data / "caiman_results/sim_tiny_patch_refit.hdf5"
    sample = project.add(path, animal="a", trial="1")
    kept, theirs = project.results("a/1").components, load_results(path).components
    assert sample.rois == theirs.count > 10
    assert kept.shape == theirs.shape and (kept.footprints != theirs.footprints).nnz == 0


def test_saving_anew_replaces_the_rois_and_leaves_one_file(project, results, random_results):
    first = project.add(results, animal="a", trial="1", tags={"layer": {0: "L1"}}, comments="kept")
    other = random_results(count=2, seed=4)
    other = type(other)(**{**vars(other), "provenance": results.provenance})
    saved = project.save("a/1", other, date="later")
    assert saved == project.sample(first.uuid) and saved.revision == 2 and saved.added == first.added
    assert (saved.rois, saved.info.comments, saved.info.date) == (2, "kept", "later")
    assert project.tags("a/1") == {"cell type": {}, "layer": {}}
    assert [path.name for path in project.place(first.uuid).iterdir()] == [saved.file]
    assert_same(as_found(project.results("a/1")), other)


def test_an_item_of_a_batch_tells_how_its_movie_is_opened(project, results, movie, tmp_path):
    with Batch.create(tmp_path / "batch") as batch:
        item = batch.add(movie, name="x", opening={"axes": "tzyx", "rate": 2.5})
        folder = batch.run_folder(item)
        folder.write(Job("cnmf_3d", "native", item.input, item.parameters))
    write_results(results, folder.results)
    sample = project.add(folder.results, animal="a", trial="1")
    assert sample.movie.opening == {"axes": "tzyx", "rate": 7.5, "voxel_size": [1.5, 1.0, 4.0]}
    assert sample.movie.fingerprint == item.input.fingerprint and project.movie("a/1").rate == 7.5
    assert project.file(sample).read_bytes() == folder.results.read_bytes()


def test_curation_that_only_the_journal_has_comes_along(project, results, tmp_path):
    path = write_results(results, tmp_path / "r.hdf5")
    session = CurationSession.open(path)
    session.tag([1, 2], "layer", "L4")
    session.delete([0])
    project.add(path, animal="a", trial="1")
    session.close()
    assert project.tags("a/1")["layer"] == {1: "L4", 2: "L4"} and project.sample("a/1").rois == 4
    assert project.dataframe()["roi"].tolist() == [1, 2, 3, 4]


def test_tags_of_columns_that_the_project_has_not_are_told(project, results, tmp_path):
    session = CurationSession.from_results(results)
    session.tag([1], "depth", "deep")
    with pytest.raises(UsageError, match="no roi column depth"):
        project.add(session.results, animal="a", trial="1")
    project.configure(Add(Column("depth", Kind.ROI)))
    project.add(session.results, animal="a", trial="1")
    assert project.tags("a/1")["depth"] == {1: "deep"}


def test_rois_of_another_movie_are_no_new_revision(project, results, random_results, tmp_path):
    project.add(results, animal="a", trial="1")
    with pytest.raises(InputError, match="another movie"):
        project.save("a/1", random_results())
    wrong = tmp_path / "wrong.tif"
    tifffile.imwrite(wrong, np.zeros((40, 4, 9, 11), np.uint16), photometric="minisblack", metadata={"axes": "TZYX"})
    with pytest.raises(InputError, match=r"wrong\.tif is another movie"):
        project.add(results, animal="a", trial="2", movie=wrong)
    assert len(project.samples()) == 1


def test_animal_and_trial_are_unique_and_renamed_with_all_references(project, results):
    for trial in "12":
        project.add(results, animal="a", trial=trial, tags={"layer": {0: "L1"}})
    project.add(results, animal="b", trial="1")
    with pytest.raises(UsageError, match="has a sample a/1 already"):
        project.add(results, animal="a", trial="1")
    with pytest.raises(UsageError, match="has a sample b/1 already"):
        project.rename_animal("a", "b")
    with pytest.raises(UsageError, match="has a sample a/2 already"):
        project.edit("a/1", trial="2")
    uuids = [each.uuid for each in project.samples()]
    project.rename_animal("a", "mouse")
    project.edit("mouse/2", trial="two")
    assert [each.id for each in project.samples()] == ["mouse/1", "mouse/two", "b/1"]
    assert [each.uuid for each in project.samples()] == uuids and project.tags("mouse/two")["layer"] == {0: "L1"}
    assert project.undo() == "change trial of mouse/2" and project.undo() == "rename the animal a to mouse"
    assert [each.id for each in project.samples()] == ["a/1", "a/2", "b/1"]
    project.edit("b/1", animal="a", trial="3")
    with pytest.raises(UsageError, match="no animal b"):
        project.rename_animal("b", "c")


def test_undo_does_not_take_an_id_that_is_in_use_now(project, results):
    project.add(results, animal="a", trial="1")
    project.edit("a/1", trial="2")
    project.add(results, animal="a", trial="1")
    with pytest.raises(UsageError, match="another sample has that"):
        project.undo()
    assert [each.id for each in project.samples()] == ["a/2", "a/1"]


def test_columns_migrate_the_samples_and_back(project, results):
    project.add(results, animal="a", trial="1", tags={"layer": {0: "L1", 2: "L5"}}, stimuli={"odour": [("rose", 0, 1)]})
    project.add(results, animal="a", trial="2", custom={"age": 3})
    change = Rename("layer", "cortical layer")
    assert str(project.preview(change)) == (
        "rename the column layer to cortical layer: values of 1 sample and 2 ROIs change (L1, L5)"
    )
    before = [(project.config, *facts(project, key)) for key in ("a/1", "a/2")]
    states = [before]
    for each in (
        change,
        Remove("odour"),
        Rename("age", "age (d)" if False else "age in days"),
        Add(Column("sex", Kind.CUSTOM, Type.TEXT, "f")),
        Remove("cortical layer"),
        Show(("sex", "animal")),
    ):
        project.configure(each)
        states.append([(project.config, *facts(project, key)) for key in ("a/1", "a/2")])
    assert project.sample("a/1").info.custom["sex"] == "f" and project.sample("a/1").info.stimuli == {}
    assert project.sample("a/2").info.custom["age in days"] == 3 and project.tags("a/1") == {"cell type": {}}
    for state in states[-2::-1]:
        project.undo()
        assert [(project.config, *facts(project, key)) for key in ("a/1", "a/2")] == state
    for state in states[1:]:
        project.redo()
        assert [(project.config, *facts(project, key)) for key in ("a/1", "a/2")] == state
    with pytest.raises(UsageError, match="nothing to redo"):
        project.redo()


def test_undoing_a_column_reaches_samples_that_came_after_it(project, results):
    project.add(results, animal="a", trial="1", tags={"layer": {1: "L1"}})
    project.configure(Add(Column("sex")), Rename("layer", "depth"))
    project.add(results, animal="a", trial="2", custom={"sex": "m"}, tags={"depth": {3: "L3"}})
    project.undo()
    assert project.tags("a/2")["layer"] == {3: "L3"} and project.tags("a/1")["layer"] == {1: "L1"}
    project.undo()
    assert "sex" not in project.sample("a/2").info.custom
    project.configure(Remove("layer"))
    project.delete(["a/1"])
    project.undo()
    assert project.tags("a/2")["layer"] == {3: "L3"}


def test_cells_change_and_change_back(project, results):
    project.add(results, animal="a", trial="1", tags={"layer": {0: "L1"}})
    before = facts(project, "a/1")
    project.edit("a/1", custom={"age": 4, "line": None}, comments="x")
    project.edit_rois("a/1", "layer", {0: None, 1: "L2", 2: np.int64(4)})
    accepted = project.sample("a/1").accepted
    project.edit_rois("a/1", "accepted", dict.fromkeys(range(5), True))
    assert project.sample("a/1").accepted == 5 and project.tags("a/1")["layer"] == {1: "L2", 2: "4"}
    assert project.sample("a/1").info.custom == {"age": 4, "anaesthesia": False}
    project.undo()
    assert project.sample("a/1").accepted == accepted
    project.undo(), project.undo()
    assert facts(project, "a/1") == before
    project.redo()
    project.edit("a/1", comments="another")
    with pytest.raises(UsageError, match="nothing to redo"):
        project.redo()
    assert [each.state for each in project.log()][-4:] == ["done", "dropped", "dropped", "done"]


def test_what_was_changed_since_is_not_undone(project, results, random_results):
    project.add(results, animal="a", trial="1", tags={"layer": {4: "L1"}})
    project.edit_rois("a/1", "layer", {4: "L2"})
    few = results.components.select(np.arange(3))
    project.save("a/1", type(results)(**{**vars(results), "components": few}))
    with pytest.raises(UsageError, match="no ROI 4 any more"):
        project.undo()
    assert project.tags("a/1")["layer"] == {}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"animal": " "}, "needs an animal ID"),
        ({"animal": True}, "needs an animal ID"),
        ({"trial": "a/b"}, "has the character '/'"),
        ({"trial": "a\nb"}, "has the character"),
        ({"coments": "x"}, "no coments\nDid you mean comments"),
        ({"custom": {"age": 1.5}}, "age holds whole numbers"),
        ({"custom": {"age": True}}, "age holds whole numbers"),
        ({"custom": {"weight": float("nan")}}, "weight holds decimal numbers"),
        ({"custom": {"anaesthesia": "maybe"}}, "anaesthesia holds yes or no"),
        ({"custom": {"ag": 1}}, "no custom column ag\nDid you mean age"),
        ({"custom": {"odour": "x"}}, "no custom column odour"),
        ({"custom": "x"}, "custom is 'x'"),
        ({"stimuli": {"odour": [("rose", 5, 5)]}}, r"stimulus 1 \(rose\) lasts from 5 to 5"),
        ({"stimuli": {"odour": [("rose", 400, 500)]}}, r"odour: rose starts at 400 seconds"),
        ({"stimuli": {"light": []}}, "no stimulus column light"),
        ({"meta": "x"}, "meta is 'x'"),
        ({"meta": {"x": object()}}, r"meta\.x is a object"),
        ({"history": "x"}, "history is no list"),
        ({"comments": 3}, "comments is 3"),
        ({"tags": {"layer": ["L1"]}}, "not one for each of the 5 ROIs"),
        ({"tags": {"layer": {7: "L1"}}}, "tags the ROI 7"),
        ({"tags": {"layers": {0: "L1"}}}, "no roi column layers\nDid you mean layer"),
        ({"tags": {"layer": {0: ["x"]}}}, "a tag of layer is"),
        ({"movie": "nowhere.tif"}, "nowhere.tif does not exist"),
        ({"movie": np.zeros((40, 4, 9, 11), np.uint16)}, "an array in memory"),
    ],
)
def test_values_that_cannot_be_are_named_and_nothing_is_left(project, results, values, problem):
    with pytest.raises(Cnmf3dError, match=problem):
        project.add(results, **{"animal": "a", "trial": "1", **values})
    assert project.samples() == [] and list((project.folder / files.FOLDER).iterdir()) == []


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        (lambda: Column(""), "can't be named"),
        (lambda: Column("a`b"), "can't be named"),
        (lambda: Column("1st"), "can't be named"),
        (lambda: Column("Animal"), "has a column Animal already"),
        (lambda: Column("AGE"), "a custom column age already"),
        (lambda: Column("Layer", Kind.ROI), "a roi column layer already"),
        (lambda: Column("x", Kind.CUSTOM, Type.WHOLE, "many"), "x holds whole numbers, not 'many'"),
        (lambda: Column("x", Kind.ROI, Type.TEXT, "y"), "without a default"),
    ],
)
def test_columns_that_cannot_be(project, column, problem):
    before = project.config
    with pytest.raises(UsageError, match=problem):
        project.configure(Add(Column("good")), Add(column()))
    assert project.config == before
    with pytest.raises(UsageError, match="no column ages\nDid you mean age"):
        project.configure(Remove("ages"))


def test_two_programs_see_each_others_changes(project, results):
    with Project.open(project.folder) as other:
        project.add(results, animal="a", trial="1")
        other.configure(Rename("layer", "depth"))
        other.edit_rois("a/1", "depth", {0: "x"})
        assert project.tags("a/1") == {"cell type": {}, "depth": {0: "x"}}
        assert project.undo() and other.tags("a/1")["depth"] == {}


def test_deleting_takes_the_data_and_nothing_else(project, results, movie):
    for trial in "12":
        project.add(results, animal="a", trial=trial)
    mine = project.place(project.sample("a/1").uuid) / "notes of mine.txt"
    mine.write_text("x")
    with pytest.raises(UsageError, match="no sample a/3"):
        project.delete(["a/1", "a/3"])
    project.delete(["a/1", "a/2"])
    assert project.samples() == [] and movie.exists()
    assert [path.name for path in (project.folder / "samples").rglob("*")] == [mine.parent.name, mine.name]


def test_what_is_no_project_is_named(tmp_path, results, project):
    with pytest.raises(InputError, match="is no project"):
        Project.open(tmp_path)
    with pytest.raises(UsageError, match="is a project already"):
        Project.create(project.folder)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="there can't be a folder"):
        Project.create(tmp_path / "file" / "p")
    with pytest.raises(UsageError, match="can't be made from a list"):
        project.add([], animal="a", trial="1")
    with pytest.raises(InputError, match="does not exist"):
        project.add("gone.hdf5", animal="a", trial="1")
    project.close()
    (project.folder / schema.FILE).write_bytes(b"SQLite format 3\0" + b"rubbish" * 200)
    for rest in ("-wal", "-shm"):
        (project.folder / f"{schema.FILE}{rest}").unlink(missing_ok=True)
    with pytest.raises(InputError, match="can't be used"):
        Project.open(project.folder)


def test_an_older_project_is_backed_up_before_it_is_upgraded(project, results, monkeypatch):
    project.add(results, animal="a", trial="1")
    project.close()

    def upgrade(connection):
        connection.exec_driver_sql("ALTER TABLE samples ADD COLUMN mood VARCHAR")

    monkeypatch.setattr(schema, "VERSION", 2)
    monkeypatch.setitem(schema.UPGRADES, 1, upgrade)
    with Project.open(project.folder) as upgraded:
        assert [each.id for each in upgraded.samples()] == ["a/1"]
    with Project.open(project.folder):  # it is done once
        pass
    (copy,) = (project.folder / schema.BACKUPS).iterdir()
    with sqlite3.connect(copy) as old:
        assert old.execute("SELECT value FROM about WHERE name = 'version'").fetchone() == (1,)
        assert "mood" not in [row[1] for row in old.execute("PRAGMA table_info(samples)")]
        assert old.execute("SELECT animal FROM samples").fetchall() == [("a",)]
    old.close()
    monkeypatch.setattr(schema, "VERSION", 1)
    with pytest.raises(InputError, match=r"newer cnmf3d \(format 2"):
        Project.open(project.folder)


def test_an_upgrade_that_fails_changes_nothing(project, monkeypatch):
    project.close()

    def upgrade(connection):
        connection.exec_driver_sql("ALTER TABLE samples ADD COLUMN mood VARCHAR")
        connection.exec_driver_sql("rubbish")

    monkeypatch.setattr(schema, "VERSION", 2)
    monkeypatch.setitem(schema.UPGRADES, 1, upgrade)
    with pytest.raises(InputError, match="can't be used"):
        Project.open(project.folder)
    monkeypatch.undo()
    with Project.open(project.folder) as again, again.engine.begin() as connection:
        names = [row[1] for row in connection.exec_driver_sql("PRAGMA table_info(samples)")]
    assert "mood" not in names


@pytest.mark.parametrize(
    ("damage", "what", "problem"),
    [
        (lambda project, sample: project.file(sample).unlink(), "file", "are not there"),
        (lambda project, sample: project.file(sample).write_bytes(b"x"), "file", "has 1 bytes, not"),
        (lambda project, sample: flip(project.file(sample)), "file", "was changed, or is damaged"),
        (lambda project, sample: open_movie_file(sample).unlink(), "movie", "is not in"),
        (lambda project, sample: other_movie(sample), "movie", "is another movie than it was"),
        (
            lambda project, sample: (project.place(sample.uuid) / "roi-data-9.hdf5").write_bytes(b""),
            "stray",
            "no sample",
        ),
        (lambda project, sample: drop_roi(project), "rois", "lists other ROIs"),
        (lambda project, sample: project.configure(Remove("layer")) and put_tag(project), "columns", "values in layer"),
    ],
)
def test_what_is_damaged_is_found(project, results, damage, what, problem):
    sample = project.add(results, animal="a", trial="1", tags={"layer": {0: "L1"}}, opening={"rate": 5.0})
    assert check(project) == []
    damage(project, sample)
    (found,) = check(project)
    assert found.what == what and problem in str(found)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def open_movie_file(sample):
    return Path(sample.movie.paths[0])


def other_movie(sample):
    values = np.zeros((40, 4, 9, 11), np.uint16)
    tifffile.imwrite(sample.movie.paths[0], values, photometric="minisblack", metadata={"axes": "TZYX"})


def drop_roi(project):
    with project.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM rois WHERE roi = 2")


def put_tag(project):
    with project.engine.begin() as connection:
        connection.exec_driver_sql("""UPDATE rois SET tags = '{"layer": "x"}' WHERE roi = 1""")


def test_a_project_from_a_stranger_leads_nowhere_but_into_itself(project, results, tmp_path):
    sample = project.add(results, animal="m1", trial="1")
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "roi-data-1.hdf5").write_text("mine")
    for column, told in (("uuid", "../../victim"), ("file", "../../../victim/roi-data-1.hdf5"), ("uuid", str(victim))):
        with closing(sqlite3.connect(project.folder / "project.sqlite")) as connection:
            before = connection.execute(f"SELECT {column} FROM samples").fetchone()[0]
            connection.execute(f"UPDATE samples SET {column} = ?", (told,))
            connection.commit()
            for deed in (project.samples, lambda: project.delete(["m1/1"]), lambda: project.results("m1/1")):
                with pytest.raises(InputError, match="which is n"):
                    deed()
            connection.execute(f"UPDATE samples SET {column} = ?", (before,))
            connection.commit()
    assert (victim / "roi-data-1.hdf5").read_text() == "mine" and project.sample("m1/1") == sample
