"""Work environments: from files to a movie with metadata; memory that comes back; every way to get it wrong."""

from __future__ import annotations

import json
import tracemalloc
import uuid
import weakref

import numpy as np
import pytest

from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.workspace.environment import ViewerWorkEnv
from cnmf3d.workspace.imgdata import ImgData
from cnmf3d.workspace.rois import RoiManager

META = {"origin": "microscope A", "fps": 5.0, "date": "20240131_142500", "animal": "m7", "laser": {"nm": 920}}
OME = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0" Name="fish">
<Pixels ID="Pixels:0" DimensionOrder="XYZTC" Type="uint16" SizeX="4" SizeY="5" SizeZ="3" SizeT="6" SizeC="1"
 PhysicalSizeX="0.5" PhysicalSizeY="0.5" PhysicalSizeZ="4" TimeIncrement="0.25"/></Image></OME>"""


@pytest.mark.parametrize("method", ["imread", "asarray", "asarray-multi"])
def test_a_tiff_with_its_metadata(tiff, method):
    path = tiff(meta=META)
    env = ViewerWorkEnv.from_tiff(path=str(path), method=method, meta_path=str(path)[:-5] + ".json", axes_order=None)
    assert env.imgdata.shape == (6, 3, 5, 4) and env.imgdata.rate == 5 and not env.isEmpty
    assert META.items() <= env.imgdata.meta.items()
    np.testing.assert_array_equal(env.imgdata.seq[2, 1], np.arange(360).reshape(6, 3, 5, 4)[2, 1])
    assert (env.sample_id, env.comments, env.stim_maps, env.history_trace, env.roi_manager) == ("", "", None, [], None)
    assert isinstance(env.UUID, uuid.UUID) and env.UUID != ViewerWorkEnv().UUID
    assert "(6, 3, 5, 4)" in repr(env)


def test_metadata_may_lie_elsewhere_and_win(tiff, tmp_path):
    path = tiff(meta={**META, "fps": 99})
    other = tmp_path / "elsewhere" / "facts.txt"
    other.parent.mkdir()
    other.write_text(json.dumps({**META, "voxel_size": [1, 1, 4]}))
    env = ViewerWorkEnv.from_tiff(path, meta_path=other)
    assert env.imgdata.rate == 5 and env.imgdata.meta["voxel_size"] == {"x": 1, "y": 1, "z": 4}
    source, opening = env.imgdata.source()
    assert source == str(path) and opening == {"rate": 5, "voxel_size": [1, 1, 4]}
    named = ViewerWorkEnv.from_tiff(path, meta_path=other, meta_format="json_minimal")
    assert named.imgdata.meta == env.imgdata.meta


def test_metadata_as_ome_xml(tiff, tmp_path):
    (tmp_path / "m.ome.xml").write_text(OME)
    for form in (None, "ome_xml", "OME-XML"):
        env = ViewerWorkEnv.from_tiff(tiff(), meta_path=tmp_path / "m.ome.xml", meta_format=form)
        assert env.imgdata.rate == 4 and env.imgdata.meta["name"] == "fish"
        assert env.imgdata.voxel_size.xyz == (0.5, 0.5, 4)


def test_the_sidecar_of_the_name_is_found_without_meta_path(tiff):
    assert ViewerWorkEnv.from_tiff(tiff(meta=META)).imgdata.meta["animal"] == "m7"


def test_the_order_of_axes_of_script_wins_over_metadata(tiff, tmp_path):
    path = tiff(shape=(6, 5, 4), meta={**META, "axes": "tyx"})
    assert ViewerWorkEnv.from_tiff(path, meta_path=path.with_suffix(".json")).imgdata.shape == (6, 1, 5, 4)
    env = ViewerWorkEnv.from_tiff(path, meta_path=path.with_suffix(".json"), axes_order="txy")
    assert env.imgdata.shape == (6, 1, 4, 5) and env.imgdata.source()[1]["axes"] == "txy"


def test_other_movies(tiff, tmp_path):
    values = np.zeros((8, 3, 5, 4), np.float32)
    np.save(tmp_path / "a.npy", values)
    np.save(tmp_path / "b.npy", values)
    env = ViewerWorkEnv.from_movie([tmp_path / "a.npy", tmp_path / "b.npy"], rate=3, voxel_size=(1, 1, 4), axes="tzyx")
    assert env.imgdata.shape[0] == 16 and env.imgdata.rate == 3
    source, opening = env.imgdata.source()
    assert source == (str(tmp_path / "a.npy"), str(tmp_path / "b.npy"))
    assert opening == {"axes": "tzyx", "rate": 3, "voxel_size": [1, 1, 4]}
    assert ViewerWorkEnv.from_movie(values, rate=2).imgdata.meta["fps"] == 2
    assert any("rate" in text for text in ViewerWorkEnv.from_movie(values).warnings)


def test_a_rate_that_contradicts_the_movie_is_told(tiff):
    env = ViewerWorkEnv.from_tiff(tiff(meta=META))
    assert not any("5 Hz" in text for text in env.warnings)
    env.imgdata.meta["fps"] = 15.0
    assert any("says 5 Hz" in text and "15 Hz looks like the frame rate" in text for text in env.warnings)
    assert env.imgdata.described.rate == 15


def test_a_rate_that_the_script_sets_counts(tiff):
    env = ViewerWorkEnv.from_tiff(tiff())
    assert env.imgdata.rate is None and "rate" not in env.imgdata.source()[1]
    env.imgdata.meta["fps"] = np.float32(2.5)
    env.imgdata.meta["voxel_size"] = 2
    assert env.imgdata.source()[1] == {"rate": 2.5, "voxel_size": [2, 2, 2]}


@pytest.mark.parametrize(
    ("meta", "told"),
    [
        ("{", "m.json"),
        ({**META, "fps": "5"}, "fps"),
        ({**META, "fps": -1}, "fps"),
        ({**META, "fps": True}, "fps"),
        ({**META, "origin": 7}, "origin"),
        ({**META, "date": "2024-01-31"}, "date"),
        ({**META, "date": None}, "date"),
        ({**META, "voxel_size": [1, 2, 3, 4]}, "voxel_size"),
        ({"animal": "m7"}, "none of origin"),
        ([1], "neither JSON"),
        ("not json", "neither JSON"),
    ],
)
def test_wrong_metadata_are_named_with_file_and_key(tiff, tmp_path, meta, told):
    path = tmp_path / "other" / "m.json"
    path.parent.mkdir()
    path.write_text(meta if isinstance(meta, str) else json.dumps(meta))
    with pytest.raises(InputError) as error:
        ViewerWorkEnv.from_tiff(tiff(), meta_path=path)
    assert told in error.value.problem and str(path) in error.value.problem and error.value.fix


@pytest.mark.parametrize(
    ("given", "told", "helps"),
    [
        ({"method": "imraed"}, "imraed", "imread"),
        ({"method": "quickly"}, "quickly", "asarray-multi"),
        ({"meta_path": "none.json"}, "none.json", "meta_path"),
        ({"meta_path": "m.ome.xml", "meta_format": "json"}, "json", "json_minimal"),
        ({"meta_path": "m.ome.xml", "meta_format": "csv"}, "csv", "ome_xml"),
        ({"meta_format": "json_minimal"}, "no meta_path", "leave meta_format out"),
        ({"meta_path": "m.ome.xml", "meta_format": "json_minimal"}, "m.ome.xml", "fps"),
        ({"meta_path": "broken.xml"}, "broken.xml", ".ome.xml"),
        ({"meta_path": "other.xml"}, "other.xml", ".ome.xml"),
        ({"axes_order": "tzyy"}, "twice", "tzyx"),
        ({"axes_order": "tzcyx"}, "does not fit", "tzyx"),
    ],
)
def test_wrong_arguments_are_named_with_what_helps(tiff, tmp_path, monkeypatch, given, told, helps):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.ome.xml").write_text(OME)
    (tmp_path / "broken.xml").write_text("<OME><Image>")
    (tmp_path / "other.xml").write_text("<html/>")
    with pytest.raises(Cnmf3dError) as error:
        ViewerWorkEnv.from_tiff(tiff(), **given)
    assert told in error.value.problem and helps in error.value.fix


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none\.tif does not exist"):
        ViewerWorkEnv.from_tiff(tmp_path / "none.tif")


def test_keywords_that_there_are_not(tiff):
    with pytest.raises(UsageError, match="Did you mean axes"):
        ViewerWorkEnv.from_movie(tiff(), axis="tzyx")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fps", "ten"),
        ("fps", 0),
        ("fps", 10**400),
        ("fps", float("nan")),
        ("voxel_size", "big"),
        ("voxel_size", (1, 1, 0)),
    ],
)
def test_wrong_values_that_a_script_sets(tiff, name, value):
    env = ViewerWorkEnv.from_tiff(tiff())
    env.imgdata.meta[name] = value
    with pytest.raises(InputError, match=name):
        env.imgdata.source()


def test_the_plane(tiff):
    data = ViewerWorkEnv.from_tiff(tiff()).imgdata
    data.z = 2
    assert data.z == 2
    for wrong in (3, -1, 1.5, True, None):
        with pytest.raises(UsageError, match="from 0 to 2"):
            data.z = wrong


def test_a_sequence_that_was_changed_has_no_file(tiff):
    data = ViewerWorkEnv.from_tiff(tiff(meta=META)).imgdata
    data.seq = data.seq[:, 1:]
    assert data.shape == (6, 2, 5, 4) and data.movie.rate == 5
    with pytest.raises(UsageError, match=r"numpy\.save"):
        data.source()
    with pytest.raises(InputError, match="one volume"):
        data.seq = np.zeros((1, 3, 5, 4))
    with pytest.raises(UsageError, match=r"numpy\.save"):
        ViewerWorkEnv.from_movie(np.zeros((6, 3, 5, 4), np.float32)).imgdata.source()


def test_a_sequence_can_be_passed_on(tiff):
    data = ViewerWorkEnv.from_tiff(tiff(meta=META)).imgdata
    again = ImgData(data.seq, data.meta)
    assert again.source() == data.source()


def test_an_empty_environment_says_what_to_do():
    env = ViewerWorkEnv()
    assert env.isEmpty and env.imgdata.seq is None and env.warnings == () and "empty" in repr(env)
    for ask in (env.imgdata.source, lambda: env.imgdata.movie, lambda: env.imgdata.shape):
        with pytest.raises(UsageError, match="from_tiff"):
            ask()
    with pytest.raises(UsageError, match="no UUID"):
        ViewerWorkEnv(UUID="seven")
    assert str(ViewerWorkEnv(UUID=str(env.UUID)).UUID) == str(env.UUID)


def test_clear_gives_everything_back(tmp_path, random_results):
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    env = ViewerWorkEnv.from_movie(np.zeros((50, 4, 100, 100), np.float32), rate=5)
    env.roi_manager = RoiManager(random_results(count=50, shape=(4, 100, 100), frames=500))
    env.history_trace.append({"cnmf_3d": {}})
    seq, rois, old = env.imgdata.seq, env.roi_manager, env.UUID
    dead = weakref.ref(seq.movie.frames), weakref.ref(rois.results)
    assert tracemalloc.get_traced_memory()[0] - before > 8_000_000
    env.clear()
    assert [ref() for ref in dead] == [None, None]  # though somebody holds seq and rois
    assert tracemalloc.get_traced_memory()[0] - before < 500_000
    tracemalloc.stop()
    assert env.isEmpty and env.roi_manager is None and env.history_trace == [] and env.imgdata.meta == {}
    assert old != env.UUID and "cleared" in repr(rois)
    with pytest.raises(UsageError, match="cleared"):
        len(rois)
    with pytest.raises(UsageError, match="cleared"):
        seq[0]


def test_a_file_is_let_go(tmp_path):
    psutil = pytest.importorskip("psutil")
    import h5py

    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["mov"] = np.zeros((6, 3, 5, 4), np.uint16)
    env = ViewerWorkEnv.from_movie(path, axes="tzyx")
    assert env.imgdata.seq[0].shape == (3, 5, 4)
    env.clear()
    assert str(path) not in {each.path for each in psutil.Process().open_files()}
