"""Scripts that are written and run, and what is recorded."""

from __future__ import annotations

import io
import sys
import threading
import time

import numpy as np
import pytest
import tifffile

pytest.importorskip("psygnal")

from cnmf3d.batch import Batch
from cnmf3d.errors import InputError
from cnmf3d.viewer.controllers.actions import actions_of
from cnmf3d.viewer.controllers.recorder import Recorder
from cnmf3d.viewer.controllers.script_runs import ProcessRun, Redirected, ThreadRun
from cnmf3d.viewer.controllers.scripts import Scripts, examples


@pytest.fixture
def movie_file(tmp_path):
    """A movie that is long enough to be computed."""
    path = tmp_path / "movie.tif"
    values = np.random.default_rng(0).integers(90, 400, (30, 4, 9, 11)).astype(np.uint16)
    tifffile.imwrite(path, values, metadata={"axes": "TZYX"}, photometric="minisblack")
    path.with_suffix(".json").write_text('{"fps": 5.0, "voxel_size": [1.5, 1.0, 4.0], "origin": "test"}')
    return path


@pytest.fixture
def scripts(tmp_path):
    return Scripts(tmp_path / "kept")


def finished(run, app=None, seconds=60):
    end, text = time.monotonic() + seconds, ""
    while run.running:
        if app is not None:
            app.tasks.deliver()
        time.sleep(0.01)
        assert time.monotonic() < end, text
    return text + run.take()


def test_what_is_not_saved_comes_back(scripts, tmp_path):
    script = scripts.new("x = 'ö'\n", "first")
    scripts.keep(script)
    (again,) = Scripts(scripts.folder).kept()
    assert (again.text, again.title, again.path, again.changed) == ("x = 'ö'\n", "first", None, True)
    scripts.save(again, tmp_path / "a file.py")
    assert not again.changed and scripts.kept() == [] and (tmp_path / "a file.py").read_text("utf-8") == "x = 'ö'\n"
    again.text += "y = 2\n"
    scripts.keep(again)
    (third,) = scripts.kept()
    assert third.path == tmp_path / "a file.py" and third.changed and third.saved == "x = 'ö'\n"
    third.text = third.saved
    scripts.keep(third)
    assert scripts.kept() == []


def test_damaged_copies_are_left_alone(scripts):
    scripts.folder.mkdir()
    (scripts.folder / "a.json").write_text("{")
    (scripts.folder / "b.json").write_text("[]")
    assert scripts.kept() == []
    assert len(list(scripts.folder.iterdir())) == 2


def test_files_that_cannot_be_used_say_so(scripts, tmp_path):
    with pytest.raises(InputError, match="can't be read"):
        scripts.open(tmp_path / "none.py")
    (tmp_path / "bytes.py").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        scripts.open(tmp_path / "bytes.py")
    with pytest.raises(InputError, match="no file"):
        scripts.save(scripts.new())
    with pytest.raises(InputError, match="can't be written"):
        scripts.save(scripts.new("x"), tmp_path / "no folder" / "x.py")


def test_the_example_of_the_page_is_there():
    (example,) = [path for path in examples() if path.stem == "cnmf_3d"]
    assert "add_to_batch" in example.read_text()


def test_a_script_in_a_process(tmp_path):
    path = tmp_path / "a script.py"
    path.write_text("import sys\nprint('got', sys.argv[1:], get_batch_manager().folder.name)\nraise SystemExit(3)")
    text = finished(ProcessRun(path, ["--x", "a b"], tmp_path / "b"))
    assert "got ['--x', 'a b'] b" in text and "exit code 3" in text
    path.write_text("while True: pass")
    run = ProcessRun(path)
    time.sleep(0.5)
    run.stop()
    assert not run.running


def test_a_script_in_the_viewer_works_on_what_is_open(app, tmp_path, movie_file, finish):
    app.open(movie_file)
    finish(app)
    shown = []
    app.environment_changed.connect(lambda env: shown.append(threading.get_ident()))
    path = tmp_path / "s.py"
    path.write_text(
        "print(get_image().shape, sys.argv[1:])\n"
        "get_batch_manager().new_batch(sys.argv[1])\n"
        f"vi.viewer.workEnv = ViewerWorkEnv.from_tiff({str(movie_file)!r})\n"
        "vi.update_workEnv()\n"
        "params = {'item_name': 'from a script', 'cnmf_kwargs': {'gSig': (4, 4, 1)}}\n"
        "item = get_module('cnmf_3d', hide=True).add_to_batch(params)\n"
    )
    path.write_text("import sys\n" + path.read_text())
    names = actions_of(app).space.names()
    run = ThreadRun(path, names, app.tasks, [str(tmp_path / "made")])
    text = finished(run, app)
    assert "(30, 4, 9, 11) [" in text and text.endswith("[done]\n")
    assert app.batch.folder == tmp_path / "made" and [item.name for item in app.batch.items()] == ["from a script"]
    assert [item.name for item in actions_of(app).batch.items] == ["from a script"]
    assert set(shown) == {threading.get_ident()}  # what is shown is shown in the window's thread
    assert str(run.left["item"]) == app.batch.items()[0].uuid
    assert sys.argv[0] != str(path)


def test_an_error_of_a_script_is_told_by_its_own_lines(app, tmp_path):
    path = tmp_path / "s.py"
    names = actions_of(app).space.names()
    path.write_text("def f():\n    return 1 / 0\n\nf()\n")
    text = finished(ThreadRun(path, names, app.tasks), app)
    assert "line 2, in f" in text and "ZeroDivisionError" in text and "script_runs" not in text
    path.write_text("get_module('cnmf_4d')")
    text = finished(ThreadRun(path, names, app.tasks), app)
    assert "Did you mean cnmf_3d?" in text
    path.write_text("x = (")
    assert "SyntaxError" in finished(ThreadRun(path, names, app.tasks), app)
    path.write_text("while True:\n    x = 1\n")
    run = ThreadRun(path, names, app.tasks)
    time.sleep(0.2)
    run.stop()
    assert "[stopped]" in finished(run, app)


def test_a_script_imports_what_lies_beside_it(app, tmp_path, monkeypatch):
    (tmp_path / "lies_beside_it.py").write_text("ANSWER = 42\n")
    path = tmp_path / "s.py"
    path.write_text("import lies_beside_it\nprint(lies_beside_it.ANSWER)\n")
    before = list(sys.path)
    monkeypatch.delitem(sys.modules, "lies_beside_it", raising=False)
    assert finished(ThreadRun(path, actions_of(app).space.names(), app.tasks), app) == "42\n[done]\n"
    assert finished(ProcessRun(path)) == "42\n[done]\n"
    assert sys.path == before


def test_only_the_script_prints_into_its_pane(capsys):
    before, taken = io.StringIO(), []
    stream = Redirected(before, taken.append)
    stream.write("mine")
    other = threading.Thread(target=lambda: stream.write("other"))
    other.start()
    other.join()
    assert (taken, before.getvalue()) == (["mine"], "other")
    assert stream.undone(stream) is before and stream.undone("another") == "another"


def test_process_batch_of_a_script_waits_for_its_end(app, tmp_path):
    from cnmf3d.simulate import simulate

    movie = tmp_path / "m.tif"
    simulate(movie, "tiny", seed=3, overrides={"size": (32, 32, 5), "cells": 6, "frames": 200})
    with Batch.create(tmp_path / "b") as batch:
        batch.add(movie, name="a")
    app.open_batch(tmp_path / "b")
    path = tmp_path / "s.py"
    path.write_text(
        "out = get_batch_manager().process_batch()\n"
        "env = get_batch_manager().load_item_output(vi, 'a')\n"
        "print(out.done, len(env.roi_manager) > 2)\n"
    )
    text = finished(ThreadRun(path, actions_of(app).space.names(), app.tasks), app)
    assert text == "1 True\n[done]\n"
    assert app.rois is not None and "cnmf_3d" in app.environment.history_trace[-1]


def test_what_is_recorded_runs_and_does_the_same(app, tmp_path, movie_file, finish):
    actions = actions_of(app)
    assert Recorder().stop() == ""
    actions.recorder.start()
    app.open(movie_file)
    finish(app)
    actions.open_batch(tmp_path / "first")
    actions.form.set("init.gSig", [4.0, 4.0, 1.5])
    actions.form.use_patches = False
    actions.form.set_name("an item")
    assert actions.add_item() is not None
    actions.add_item()
    actions.recorder.output_loaded(app.batch.items()[1].uuid)
    assert actions.recorder.lines.pop() == "get_batch_manager().load_item_output(vi, item_2)"
    text = actions.recorder.stop()
    assert text.count("add_to_batch") == 2 and text.count("open_or_make") == 1
    path = tmp_path / "recorded.py"
    path.write_text(text.replace(str(tmp_path / "first"), str(tmp_path / "second")))
    told = finished(ProcessRun(path))
    assert "[done]" in told, told
    with Batch.open(tmp_path / "second") as second:
        made = second.items()
    assert [item.parameters for item in made] == [item.parameters for item in app.batch.items()]
    assert [item.input.opening for item in made] == [item.input.opening for item in app.batch.items()]


def test_the_example_of_the_page_runs_in_the_viewer(app, tmp_path):
    (example,) = [path for path in examples() if path.stem == "cnmf_3d"]
    folder = tmp_path / "recordings"
    folder.mkdir()
    values = np.random.default_rng(0).integers(90, 400, (30, 6, 50, 50)).astype(np.uint16)
    for name in ("a", "b"):
        tifffile.imwrite(folder / f"{name}.tiff", values, metadata={"axes": "TZYX"}, photometric="minisblack")
        (folder / f"{name}.json").write_text('{"fps": 5.0, "origin": "test", "date": "20260101_120000"}')
    app.batch = Batch.create(tmp_path / "b")
    shown = []
    app.movie_changed.connect(lambda movie: shown.append(movie.paths[0]))
    text = finished(ThreadRun(example, actions_of(app).space.names(), app.tasks, [str(folder)]), app)
    assert text.endswith("[done]\n"), text
    assert [item.name for item in app.batch.items()] == ["a", "a", "a", "b", "b", "b"]
    assert [path.rpartition("/")[2] for path in shown] == ["a.tiff", "b.tiff"]
    first, second, *_ = app.batch.items()
    assert second.options["memmap_uuid"] == first.uuid
