"""Adding to a batch: the form's dict, everything that can be wrong with it, and what an item then says."""

from __future__ import annotations

import copy
import json
import uuid
from pathlib import Path

import numpy as np
import pytest

from cnmf3d.errors import Cnmf3dError, InputError, UsageError
from cnmf3d.workspace import ViewerWorkEnv, Workspace

META = {"origin": "microscope A", "fps": 5.0, "date": "20240131_142500", "animal": "m7"}


@pytest.fixture
def space(tmp_path, tiff):
    """A workspace with a batch and a movie of 30 volumes that tells its rate."""
    with Workspace() as made:
        made.manager.new_batch(tmp_path / "a bätch")
        made.viewer.workEnv = ViewerWorkEnv.from_tiff(tiff(shape=(30, 3, 24, 25), meta=META))
        yield made


@pytest.fixture
def add(space):
    module = space.get_module("cnmf_3d", hide=True)

    def added(**params):
        return space.manager.item(module.add_to_batch({"item_name": "m", **params}))

    return added


def test_the_dict_of_the_page(space, add):
    params = {
        "cnmf_kwargs": {"p": 2, "merge_thresh": 0.8, "k": 50, "gSig": (10, 10, 1), "gSiz": (41, 41, 4)},
        "eval_kwargs": {"min_SNR": 3.0, "rval_thr": 0.75, "decay_time": 1.0},
        "refit": True,
        "item_name": "trial 1",
        "use_patches": False,
        "use_memmap": False,
        "memmap_uuid": None,
        "keep_memmap": False,
    }
    before = copy.deepcopy(params)
    key = space.get_module("cnmf_3d", hide=True).add_to_batch(params)
    assert isinstance(key, uuid.UUID) and params == before
    item = space.manager.item(key)
    assert (item.name, item.module, item.engine, item.options) == ("trial 1", "cnmf_3d", "native", {})
    told = item.parameters
    assert (told["temporal"]["p"], told["merging"]["merge_thr"], told["init"]["K"]) == (2, 0.8, 50)
    assert list(told["init"]["gSig"]) == [10, 10, 1] and list(told["init"]["gSiz"]) == [41, 41, 4]
    assert (told["quality"]["min_SNR"], told["quality"]["rval_thr"], told["data"]["decay_time"]) == (3, 0.75, 1)
    assert told["refit"] is True and told["patch"]["rf"] is None
    assert item.input.opening["rate"] == 5 and item.input.paths == (str(space.get_workEnv().imgdata.movie.paths[0]),)


def test_what_is_changed_later_does_not_reach_the_item(space, add):
    params = {"item_name": "m", "cnmf_kwargs": {"gSig": [4, 4, 2]}}
    module = space.get_module("cnmf_3d")
    first = module.add_to_batch(params)
    params["cnmf_kwargs"]["gSig"][0] = 7
    params["item_name"] = "other"
    assert list(space.manager.item(first).parameters["init"]["gSig"]) == [4, 4, 2]
    again = space.manager.item(module.add_to_batch())  # what was given last, not what became of it
    assert again.name == "m" and list(again.parameters["init"]["gSig"]) == [4, 4, 2]
    module.get_params()["cnmf_kwargs"]["gSig"][0] = 9
    assert module.get_params()["cnmf_kwargs"]["gSig"] == [4, 4, 2]


def test_only_the_name_is_needed(add):
    assert add().parameters["patch"]["rf"] == "auto" and add().options == {}


def test_text_and_numpy_are_values_too(add):
    item = add(cnmf_kwargs="K=5, gSig=(4, 4, 2)", eval_kwargs='{"min_SNR": 2}')
    assert item.parameters["init"]["K"] == 5 and item.parameters["quality"]["min_SNR"] == 2
    size = np.array([4, 4, 2])
    item = add(cnmf_kwargs={"gSig": size, "K": np.int64(7)}, eval_kwargs={"min_SNR": np.float32(2.5)}, refit=np.True_)
    assert list(item.parameters["init"]["gSig"]) == [4, 4, 2] and item.parameters["init"]["K"] == 7
    assert item.parameters["quality"]["min_SNR"] == 2.5 and item.parameters["refit"] is True


def test_a_cache_that_is_named(space, add):
    first = add(keep_memmap=True)
    assert first.options == {"keep_memmap": True}
    for key in (first.uuid, uuid.UUID(first.uuid)):
        second = add(use_memmap=True, memmap_uuid=key)
        assert second.options == {"use_memmap": True, "memmap_uuid": first.uuid}
    assert add(keep_memmmap=True).options == {"keep_memmap": True}  # as the page writes it
    assert add(use_memmap=False, memmap_uuid=first.uuid).options == {}
    other = np.zeros((40, 3, 8, 9), np.uint16)
    path = Path(first.input.paths[0]).with_name("other.npy")
    np.save(path, other)
    space.viewer.workEnv = ViewerWorkEnv.from_movie(path, rate=5)
    with pytest.raises(UsageError, match="another movie"):
        add(use_memmap=True, memmap_uuid=first.uuid)


@pytest.mark.parametrize(
    ("params", "told", "helps"),
    [
        ({"item_name": None}, "no item_name", "item_name"),
        ({"item_name": " "}, "item_name is ' '", "text"),
        ({"item_name": 7}, "item_name is 7", "text"),
        ({"itemname": "m"}, "itemname", "item_name"),
        ({"cnmf_kwarg": {}}, "cnmf_kwarg", "cnmf_kwargs"),
        ({"cnmf_kwargs": {"gsig": 3}}, "gsig", "gSig"),
        ({"cnmf_kwargs": {"gSig": (4, 4, 2, 1)}}, "gSig", "params"),
        ({"cnmf_kwargs": {"gSig": np.zeros(3)}}, "gSig", "above 0"),
        ({"cnmf_kwargs": [4, 4]}, "cnmf_kwargs is [4, 4]", "dict"),
        ({"cnmf_kwargs": "K=f()"}, "K=f()", "literals"),
        ({"cnmf_kwargs": {"method_init": "corr_pnr"}}, "corr_pnr", ""),
        ({"cnmf_kwargs": {"rf": 2, "stride": 9}}, "stride", ""),
        ({"eval_kwargs": {"min_SNR": "high"}}, "min_SNR", "params"),
        ({"refit": "perhaps"}, "refit", ""),
        ({"use_patches": "no"}, "use_patches is 'no'", "True or False"),
        ({"use_memmap": "yes"}, "use_memmap is 'yes'", "True or False"),
        ({"keep_memmap": 1}, "keep_memmap is 1", "True or False"),
        ({"use_memmap": True}, "memmap_uuid names no item", "memmap_uuid"),
        ({"use_memmap": True, "memmap_uuid": "1234-none"}, "1234-none", ""),
        ({"use_memmap": True, "memmap_uuid": "1234", "keep_memmap": True}, "exclude one another", ""),
    ],
)
def test_mistakes_are_named_and_nothing_is_added(space, add, params, told, helps):
    with pytest.raises(Cnmf3dError) as error:
        add(**params)
    assert told in error.value.problem and helps in str(error.value)
    assert space.manager.items == []


@pytest.mark.parametrize("params", ["m", 7, ["item_name"]])
def test_what_is_no_dict(space, params):
    with pytest.raises(UsageError, match="dict of the form"):
        space.get_module("cnmf_3d").add_to_batch(params)
    with pytest.raises(UsageError, match="dict of the form"):
        space.manager.add_item("cnmf_3d", space.get_workEnv(), params)


def test_a_module_that_there_is_not(space):
    for name, told in (
        ("cnmf3d", "Did you mean cnmf_3d"),
        ("CNMF_3D", "Did you mean"),
        ("stacks", "There are cnmf_3d"),
    ):
        with pytest.raises(UsageError, match=told):
            space.get_module(name)


def test_an_empty_work_environment(space, add):
    space.vi.discard_workEnv()
    with pytest.raises(UsageError, match="from_tiff"):
        add()


def test_a_movie_in_memory_only(space, add):
    data = space.get_workEnv().imgdata
    data.seq = data.seq[:, 1:]
    with pytest.raises(UsageError, match=r"numpy\.save"):
        add()


def test_the_rate_is_the_metadatas_or_is_given_or_is_asked_for(space, add, tiff):
    assert add().input.opening["rate"] == 5
    space.get_meta()["fps"] = 7.5
    assert add().input.opening["rate"] == 7.5
    del space.get_meta()["fps"]
    assert add(cnmf_kwargs={"fr": 4}).parameters["data"]["fr"] == 4
    with pytest.raises(InputError, match="rate of") as error:
        add()
    assert "get_meta()['fps']" in error.value.fix
    space.get_meta()["fps"] = "fast"
    with pytest.raises(InputError, match="fps = 'fast'"):
        add()


def test_a_movie_that_is_too_short_is_told_now(space, add, tiff):
    space.viewer.workEnv = ViewerWorkEnv.from_tiff(tiff("short.tiff", shape=(6, 3, 8, 9), meta=META))
    with pytest.raises(InputError, match="6 volumes"):
        add()


def test_without_a_batch_it_says_how_to_have_one(tiff):
    with Workspace() as space:
        space.viewer.workEnv = ViewerWorkEnv.from_tiff(tiff(shape=(30, 3, 8, 9), meta=META))
        with pytest.raises(UsageError, match="no batch is open") as error:
            space.get_module("cnmf_3d").add_to_batch({"item_name": "m"})
        assert "--batch DIR" in error.value.fix and "new_batch" in error.value.fix


def test_metadata_that_only_a_file_or_the_script_tells_stay_with_the_item(space, add, tiff, tmp_path):
    (tmp_path / "elsewhere.json").write_text(json.dumps({**META, "laser": {"nm": 920}}))
    path = tiff("n.tiff", shape=(30, 3, 8, 9))
    space.viewer.workEnv = env = ViewerWorkEnv.from_tiff(path, meta_path=tmp_path / "elsewhere.json")
    env.imgdata.meta.update(depth=np.float32(1.5), when=np.arange(3), where=tmp_path)
    env.comments, env.sample_id = "a comment", "m7-_-1"
    env.history_trace.append({"mcorr_3d": {"max_shifts": (6, 6, 2)}})
    item = add()
    back = space.manager.load_item_input(space.vi, item)
    assert space.get_workEnv() is back and back.imgdata.rate == 5
    kept = {"animal": "m7", "laser": {"nm": 920}, "depth": 1.5, "when": [0, 1, 2], "where": str(tmp_path)}
    assert kept.items() <= back.imgdata.meta.items()
    assert (back.comments, back.sample_id) == ("a comment", "m7-_-1")
    assert back.history_trace == [{"mcorr_3d": {"max_shifts": [6, 6, 2]}}]


def test_a_form_is_asked_for_where_it_is_not_hidden(space):
    asked = []
    space.asked.append(asked.append)
    module = space.get_module("cnmf_3d", hide=True)
    assert asked == [] and space.get_module("cnmf_3d") is module and asked == [module]


def test_whether_the_movie_is_registered_first(space, add):
    asked = {"item_name": "m", "register": "rigid", "mc_kwargs": "max_shifts=(6, 6, 2)"}
    item = space.manager.item(space.get_module("cnmf_3d").add_to_batch(asked))
    assert item.options == {"register": "rigid", "motion": {"max_shifts": [6, 6, 2]}}
    for wrong in ({"register": "rigd"}, {"mc_kwargs": {"max_shift": 3}}, {"mc_kwargs": 3}):
        with pytest.raises(UsageError, match=r"rigd|max_shift|mc_kwargs is 3"):
            space.get_module("cnmf_3d").add_to_batch({"item_name": "x", **wrong})
    assert len(space.manager.items) == 1
