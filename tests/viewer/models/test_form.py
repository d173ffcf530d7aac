"""The CNMF 3D form without a screen: every parameter has a field, and what is entered is what is run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("psygnal")

from cnmf3d.cli.flags import ParameterFlags
from cnmf3d.errors import UsageError
from cnmf3d.parameters import CnmfParameters, read_parameters
from cnmf3d.parameters.reading import names
from cnmf3d.viewer.models.form import CNMF, EVALUATION, MEMMAP, FormModel
from cnmf3d.viewer.models.form_fields import GROUPS, NOT_SHOWN, PAGE, fields


def test_every_parameter_has_a_field_with_an_explanation():
    assert set(fields()) == set(names()) - set(NOT_SHOWN)
    assert all(field.meaning and field.label for field in fields().values())
    assert [group for group in GROUPS if any(f.group == group for f in fields().values())] == list(GROUPS)


def test_it_begins_with_the_defaults_of_python_and_of_the_command_line():
    form = FormModel()
    assert form.parameters() == CnmfParameters() == read_parameters() == ParameterFlags().parameters()
    assert form.value("init.K") == form.value("init.gSig") == form.value("data.decay_time") == "auto"
    form.set("init.K", 7)
    form.reset()
    assert form.parameters() == CnmfParameters()


def test_the_figures_of_mesmerize_are_a_choice():
    form = FormModel()
    form.reset(mesmerize=True)
    parameters = form.parameters()
    assert (parameters.temporal.p, parameters.init.K, parameters.init.gSig) == (2, 5, (3, 3, 3))
    assert (parameters.patch.rf, parameters.patch.stride) == ((25, 25, 25), (15, 15, 15))
    assert (parameters.merging.merge_thr, parameters.quality.rval_thr, parameters.quality.min_SNR) == (0.8, 0.7, 2.5)
    assert parameters.data.decay_time == 2.0 and not parameters.refit


def test_what_can_be_automatic_or_empty_comes_from_the_models():
    made = fields()
    assert made["init.K"].automatic and not made["init.K"].empty and made["init.K"].kind == "whole"
    assert made["patch.rf"].automatic and made["patch.rf"].empty and made["patch.rf"].kind == "lengths"
    assert made["temporal.p"].choices == (0, 1, 2) and made["refit"].kind == "switch"
    assert (made["merging.merge_thr"].least, made["merging.merge_thr"].most) == (0, 1)
    assert made["init.seeds"].kind == "file" and "Ain" in made["init.seeds"].meaning
    assert set(PAGE) <= set(made)


def test_a_value_that_cannot_be_is_told_at_its_field_and_mended_there():
    form = FormModel()
    form.set("merging.merge_thr", 1.5)
    form.set("init.gSig", [3.0, -1.0, 3.0])
    assert form.errors == {
        "merging.merge_thr": "should be less than or equal to 1",
        "init.gSig": "should be above 0 along every axis",
    } or set(form.errors) == {"merging.merge_thr", "init.gSig"}
    with pytest.raises(UsageError, match="Mend it in the form"):
        form.parameters()
    form.set("merging.merge_thr", 0.9)
    form.set("init.gSig", "auto")
    assert not form.errors and form.parameters().merging.merge_thr == 0.9


def test_signals_tell_what_changed_once():
    form, heard, checks = FormModel(), [], []
    form.changed.connect(heard.append)
    form.checked.connect(lambda: checks.append(1))
    form.set("init.K", 7)
    form.set("init.K", 7)
    form.set_name("a")
    form.set_box(CNMF, text="K=3")
    assert heard == ["init.K", "item_name", CNMF] and len(checks) == 3


def test_boxes_win_over_the_form_only_where_they_are_used():
    form = FormModel()
    form.set("init.gSig", [3.0, 3.0, 3.0])
    form.set_box(CNMF, text="gSig=(4, 4, 2), 'nb': 1")
    assert not form.errors and form.parameters().init.gSig == (3, 3, 3)
    form.set_box(CNMF, used=True)
    assert set(form.errors) == {CNMF}
    form.set_box(CNMF, text="gSig=(4, 4, 2), nb=1, merge_thresh=0.7")
    form.set_box(EVALUATION, text="{'min_SNR': 3.5}", used=True)
    assert form.overridden == {
        "init.gSig": [4, 4, 2],
        "background.nb": 1,
        "merging.merge_thr": 0.7,
        "quality.min_SNR": 3.5,
    }
    made = form.parameters()
    assert made.init.gSig == (4, 4, 2) and made.background.nb == 1 and made.quality.min_SNR == 3.5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gSigg=3", "Did you mean gSig"),
        ("__import__('os')", "can't be read"),
        ("K=", "can't be read"),
        ("source=3", "no parameter source"),
        ("method_init='sparse_nmf'", "can't honour"),
        ("merge_thr=7", "less than or equal to 1"),
    ],
)
def test_a_box_that_cannot_be_read_says_why(text, told):
    form = FormModel()
    form.set_box(CNMF, text=text, used=True)
    assert told in form.errors[CNMF]
    assert form.missing()


def test_what_only_caiman_has_is_taken_where_it_is_the_engine():
    form = FormModel()
    form.set_box(CNMF, text="method_init='sparse_nmf', gSig=(4, 4, 2)", used=True)
    assert CNMF in form.errors
    form.set_engine("caiman")
    assert not form.errors and form.parameters().init.gSig == (4, 4, 2)
    assert form.params()["cnmf_kwargs"]["method_init"] == "sparse_nmf"
    form.set_box(CNMF, text="method_innit=3")
    assert CNMF in form.errors
    form.set_engine("native")
    form.set_box(CNMF, used=False)
    assert not form.errors and "method_init" not in form.params()["cnmf_kwargs"]


def test_both_boxes_may_not_say_different_things():
    form = FormModel()
    form.set_box(CNMF, text="min_SNR=3", used=True)
    form.set_box(EVALUATION, text="min_SNR=4", used=True)
    assert form.errors == {EVALUATION: "quality.min_SNR is set in both boxes"}


def test_patches_are_switched_off_and_on_without_losing_their_size():
    form = FormModel()
    form.set("patch.rf", [20.0, 20.0, 5.0])
    form.use_patches = False
    assert form.parameters().patch.rf is None and form.params()["use_patches"] is False
    form.use_patches = True
    assert form.parameters().patch.rf == (20, 20, 5) and form.parameters().patch.stride == "auto"


def test_memmaps_exclude_one_another_and_need_an_item():
    form = FormModel()
    form.set_name("x")
    form.set_memmap(keep=True)
    form.set_memmap(use=True)
    assert (form.keep_memmap, form.use_memmap) == (False, True)
    assert MEMMAP in form.errors and form.missing() == "Mend the marked entries first."
    form.parameters()  # what is computed is not in question
    form.set_memmap(uuid="1234")
    assert not form.missing() and _memmap(form) == {"keep_memmap": False, "use_memmap": True, "memmap_uuid": "1234"}
    form.set_memmap(keep=True)
    assert _memmap(form) == {"keep_memmap": True, "use_memmap": False, "memmap_uuid": "1234"}


def _memmap(form):
    return {name: value for name, value in form.params().items() if "memmap" in name}


def test_an_item_needs_a_name():
    form = FormModel()
    assert form.missing() == "Name the item first."
    form.set_name("  ")
    assert form.missing()
    form.set_name("m1")
    assert not form.missing()


def test_units_follow_the_unit_of_lengths():
    form = FormModel()
    assert form.unit("init.gSig") == "voxels" and form.unit("data.fr") == "Hz"
    form.set("data.lengths", "um")
    assert form.unit("patch.rf") == "µm" and form.unit("data.voxel_size") == "µm"


def test_search_looks_at_names_labels_and_explanations():
    found = [name for name, field in fields().items() if field.matches("half-size cell")]
    assert "init.gSig" in found and "temporal.p" not in found
    assert [name for name, field in fields().items() if field.matches("merge_thresh")] == ["merging.merge_thr"]


values = st.fixed_dictionaries(
    {},
    optional={
        "init.K": st.one_of(st.just("auto"), st.integers(1, 500)),
        "init.gSig": st.one_of(st.just("auto"), st.lists(st.floats(0.5, 30), min_size=3, max_size=3)),
        "patch.rf": st.one_of(st.none(), st.just("auto"), st.lists(st.floats(1, 90), min_size=3, max_size=3)),
        "merging.merge_thr": st.floats(0.01, 1),
        "quality.min_SNR": st.floats(-5, 50),
        "data.decay_time": st.one_of(st.just("auto"), st.floats(0.01, 9)),
        "data.fr": st.one_of(st.none(), st.floats(0.1, 100)),
        "temporal.p": st.sampled_from([0, 1, 2]),
        "refit": st.booleans(),
        "init.seeds": st.one_of(st.none(), st.just("a folder/m äsks.tif")),
        "data.lengths": st.sampled_from(["voxels", "um"]),
        "data.offset": st.one_of(st.just("auto"), st.floats(-500, 500)),
        "data.segments": st.lists(st.integers(1, 900), max_size=3),
    },
)


@given(values)
def test_the_dict_of_the_page_means_what_the_form_means(entered):
    form = FormModel()
    form.fill(entered)
    form.set_name("an item")
    meant = form.parameters()
    expected = meant if meant.patch.rf is not None else meant.model_copy(update={"patch": meant.patch})
    assert read_parameters(form.params()) == expected
    again = FormModel()
    again.load(meant)
    assert again.parameters() == meant


def test_a_foreign_item_is_refused_whole():
    form = FormModel()
    before = form.parameters()
    with pytest.raises(UsageError):
        form.load({"init": {"nothing": 1}})
    assert form.parameters() == before


def test_whether_the_movie_is_registered_first():
    form = FormModel()
    assert form.register == "auto" and "register" not in form.params()
    heard = []
    form.changed.connect(heard.append)
    form.set_register("rigid")
    assert form.params()["register"] == "rigid" and heard == ["register"]
    form.load(CnmfParameters(), {"register": "none"})
    assert form.register == "none"
    form.reset()
    assert form.register == "auto"


def test_registration_is_not_asked_for_where_the_form_offers_none(movie_like):
    form = FormModel()
    form.set_register("rigid")
    assert form.params(movie_like({}))["register"] == "rigid"
    assert "register" not in form.params(movie_like({"motion": {}})) and form.register == "rigid"
    form.set_engine("caiman")
    assert "register" not in form.params(movie_like({}))


@pytest.fixture
def movie_like():
    """A movie of which only metadata are looked at."""
    return lambda metadata: SimpleNamespace(metadata=metadata)
