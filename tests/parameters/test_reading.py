"""Parameters from files, text, CaImAn's names and the form's dict; and every way to write them wrongly."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.errors import InputError, UsageError
from cnmf3d.parameters import CnmfParameters, read_parameters, read_text
from cnmf3d.parameters.reading import names

PAGE = {
    "cnmf_kwargs": {"p": 2, "merge_thresh": 0.8, "k": 50, "gSig": (10, 10, 1), "gSiz": (41, 41, 4)},
    "eval_kwargs": {"min_SNR": 3.0, "rval_thr": 0.75, "decay_time": 1.0},
    "refit": True,
    "item_name": "will set later per file",
    "use_patches": False,
    "use_memmap": False,
    "memmap_uuid": None,
    "keep_memmmap": False,
}


def test_nothing_gives_the_defaults():
    assert read_parameters() == CnmfParameters()


def test_the_pages_dict_is_understood():
    parameters = read_parameters(PAGE)
    assert parameters.temporal.p == 2
    assert parameters.merging.merge_thr == 0.8
    assert parameters.init.K == 50
    assert parameters.init.gSig == (10, 10, 1)
    assert parameters.init.gSiz == (41, 41, 4)
    assert parameters.quality.min_SNR == 3.0
    assert parameters.quality.rval_thr == 0.75
    assert parameters.data.decay_time == 1.0
    assert parameters.refit
    assert parameters.patch.rf is None


def test_the_forms_kwargs_may_be_text():
    text = read_parameters({**PAGE, "cnmf_kwargs": "p=2, merge_thresh=0.8, k=50, gSig=(10, 10, 1), gSiz=(41, 41, 4)"})
    assert text == read_parameters(PAGE)


def test_patches_stay_where_the_form_asks_for_them():
    parameters = read_parameters({"cnmf_kwargs": {"rf": 25, "stride": 15}, "use_patches": True})
    assert parameters.patch.rf == (25, 25, 25)
    assert parameters.patch.stride == (15, 15, 15)


def test_what_is_written_is_read_again(tmp_path):
    parameters = read_parameters(gSig=(4, 4, 2), K=7, rf=None, decay_time=0.7, use_cnn=False, refit=True, seeds="a.tif")
    assert read_parameters(parameters.to_dict()) == parameters
    file = tmp_path / "p.json"
    file.write_text(json.dumps(parameters.to_dict()))
    assert read_parameters(file) == parameters
    file = tmp_path / "p.yml"
    file.write_text(yaml.safe_dump(parameters.to_dict()))
    assert read_parameters(str(file)) == parameters


def test_toml_has_no_null_but_none(tmp_path):
    file = tmp_path / "p.toml"
    file.write_text('refit = true\n[patch]\nrf = "none"\n[init]\ngSig = [4, 4, 2]\n')
    parameters = read_parameters(file)
    assert parameters.patch.rf is None
    assert parameters.init.gSig == (4, 4, 2)


def test_changes_win_over_the_source():
    assert read_parameters({"quality": {"min_SNR": 4}}, min_SNR=3).quality.min_SNR == 3
    assert read_parameters(CnmfParameters(), K=3).init.K == 3


@pytest.mark.parametrize("value", [4, "4", (4, 4, 4), [4, 4, 4], {"x": 4, "y": 4, "z": 4}, "4,4,4"])
def test_lengths_in_all_their_ways(value):
    assert read_parameters(gSig=value).init.gSig == (4, 4, 4)


@pytest.mark.parametrize("name", ["gSig", "gSiz", "rf", "stride", "voxel_size"])
@pytest.mark.parametrize("value", [(4, 4), [4, 4], "4,4"])
def test_two_numbers_are_refused_for_every_length(name, value):
    with pytest.raises(UsageError, match=r"three in the order x, y, z.*of a movie of one plane as \(4, 4, 1\)"):
        read_parameters({name: value})


def test_names_for_the_rate():
    assert (
        read_parameters(fps=5).data.fr == read_parameters(fr=5).data.fr == read_parameters({"data": {"fr": 5}}).data.fr
    )


@pytest.mark.parametrize(
    ("wrong", "told", "helps"),
    [
        ({"gsig": 3}, "gsig", "Did you mean gSig?"),
        ({"init": {"gSg": 3}}, "init.gSg", "Did you mean gSig?"),
        ({"min_snr": 3}, "min_snr", "Did you mean min_SNR?"),
        ({"merge_tresh": 3}, "merge_tresh", "Did you mean merge_thresh?"),
        ({"use_pathces": 3}, "use_pathces", "Did you mean use_patches?"),
        ({"xyzzyx": 3}, "xyzzyx", "cnmf3d params"),
        ({"K": "many"}, "init.K", "cnmf3d params K"),
        ({"K": 0}, "greater than 0", "cnmf3d params K"),
        ({"K": True}, "not a switch", "cnmf3d params K"),
        ({"gSig": -1}, "above 0", "cnmf3d params gSig"),
        ({"gSig": (1, 2, 3, 4)}, "x, y, z", "cnmf3d params gSig"),
        ({"gSig": {"x": 1}}, "x, y, z", "cnmf3d params gSig"),
        ({"gSig": "wide"}, "x, y, z", "cnmf3d params gSig"),
        ({"p": 3}, "0, 1 or 2", "cnmf3d params p"),
        ({"rval_thr": 1.5}, "less than or equal to 1", "cnmf3d params rval_thr"),
        ({"min_SNR": float("nan")}, "finite", "cnmf3d params min_SNR"),
        ({"fr": -1}, "greater than 0", "cnmf3d params fr"),
        ({"refit": "maybe"}, "boolean", "cnmf3d params refit"),
        ({"init": 5}, "group", "init: {...}"),
        ({"k": 5, "K": 6}, "both set init.K", "only one"),
        ({"cnmf_kwargs": {"p": 1}, "temporal": {"p": 2}}, "both set temporal.p", "only one"),
        ({"cnmf_kwargs": [1]}, "cnmf_kwargs", "dict"),
    ],
)
def test_wrong_values_are_named_with_what_helps(wrong, told, helps):
    with pytest.raises(UsageError) as error:
        read_parameters(wrong)
    assert told in error.value.problem
    assert helps in error.value.fix
    assert "pydantic" not in str(error.value)


def test_all_wrong_values_are_told_at_once():
    with pytest.raises(UsageError) as error:
        read_parameters(p=7, gSig=-1)
    assert "temporal.p" in error.value.problem
    assert "init.gSig" in error.value.problem


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("K=5, method_init='greedy_roi'", {"K": 5, "method_init": "greedy_roi"}),
        ('K=5, method_init="greedy_roi",', {"K": 5, "method_init": "greedy_roi"}),
        ('{"K": 5, "gSig": [4, 4, 2], "rf": null}', {"K": 5, "gSig": [4, 4, 2], "rf": None}),
        ("{'K': 5, 'gSig': (4, 4, 2), 'rf': None}", {"K": 5, "gSig": (4, 4, 2), "rf": None}),
        ("gSig=(4, -4.5, 2)", {"gSig": (4, -4.5, 2)}),
        ("", {}),
        ("  ", {}),
    ],
)
def test_text_is_read_as_literals(text, value):
    assert read_text(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "K=__import__('os').system('true')",
        "K=open('x')",
        "**{}",
        "5",
        "K=5 6",
        "K=",
        "{1, 2}",
        "[1]",
        "K=1, K=2",
        "K=lambda: 1",
        "{'K': [x for x in ()]}",
        "K=1); (2",
        "'a'",
    ],
)
def test_text_is_never_evaluated(text):
    with pytest.raises(UsageError, match="parameters"):
        read_text(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_words(text):
    try:
        assert isinstance(read_text(text), dict)
    except UsageError as error:
        assert error.fix


@given(
    st.dictionaries(
        st.sampled_from([name.rpartition(".")[2] for name in names()] + ["foo", "rval", "nb_patch", "dxy", "init"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers())),
        max_size=4,
    )
)
def test_any_values_are_read_or_refused_in_words(content):
    try:
        assert read_parameters(read_parameters(content).to_dict()) == read_parameters(content)
    except UsageError as error:
        assert error.problem


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("p.json", "{", InputError),
        ("p.yaml", "a: [", InputError),
        ("p.toml", "a = ", InputError),
        ("p.json", "[1]", InputError),
        ("p.txt", "K=5", UsageError),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, kind):
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(kind, match=name):
        read_parameters(file)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_parameters(tmp_path / "p.json")


def test_an_empty_file_gives_the_defaults(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("")
    assert read_parameters(file) == CnmfParameters()


def test_groups_and_other_names_are_explained_too():
    from cnmf3d.parameters.explain import explain

    told = explain("quality")
    assert "quality.min_SNR" in told and "quality.reliability_z" in told and "init." not in told
    assert explain("fps") == explain("data.fr") and "Volumes a second" in explain("fps")


@pytest.mark.parametrize("content", [{1: 2}, {None: 3}, {"cnmf_kwargs": {7: 8}}, {"init": {1: 2}}, {("K",): 3}])
def test_names_are_texts(content):
    with pytest.raises(UsageError, match=r"no name of a parameter|no parameter init\.1"):
        read_parameters(content)
