from __future__ import annotations

import pytest

from cnmf3d.batch.engines.caiman.settings import own_groups, separate, settings_for, unsuitable
from cnmf3d.errors import UsageError
from cnmf3d.geometry import ZYX
from cnmf3d.parameters import caiman, read_parameters

GIVEN = {"K": 5, "gSig": (4, 4, 2)}


def told(extra=None, voxel_size=None, **parameters):
    return settings_for(read_parameters({**GIVEN, **parameters}), extra or {}, rate=6.0, voxel_size=voxel_size)


def test_every_value_has_a_place_among_caimans():
    for group, values in told().groups.items():
        assert values.keys() <= caiman.defaults()[group].keys()


def test_values_are_passed_on():
    groups = told(
        p=1, nb=3, merge_thr=0.7, do_merge=False, min_SNR=3, rval_thr=0.6, SNR_lowest=1, rval_lowest=0, decay_time=0.4,
        ssub=1, tsub=3, rf=(20, 20, 8), stride=(10, 10, 0), gSiz=(11, 11, 5),
    ).groups  # fmt: skip
    assert groups["data"] == {"fr": 6.0, "decay_time": 0.4}
    assert groups["init"] == {
        "K": 5, "gSig": [4, 4, 2], "gSiz": [11, 11, 5], "nb": 3, "method_init": "greedy_roi", "ssub": 1, "tsub": 3,
    }  # fmt: skip
    assert groups["patch"] == {"rf": [20, 20, 8], "stride": [10, 10, 0], "only_init": True}
    assert groups["preprocess"] == {"p": 1}
    assert groups["temporal"] == {"p": 1, "nb": 3}
    assert groups["spatial"] == {"nb": 3}
    assert groups["merging"] == {"do_merge": False, "merge_thr": 0.7}
    assert groups["quality"] == {
        "min_SNR": 3, "rval_thr": 0.6, "SNR_lowest": 1, "rval_lowest": 0, "use_cnn": False,
    }  # fmt: skip


def test_automatic_values_become_the_forms_and_are_told():
    settings = told()
    assert settings.groups["patch"] == {"rf": [25, 25, 25], "stride": [15, 15, 15], "only_init": True}
    assert settings.groups["data"]["decay_time"] == 2.0
    assert settings.groups["init"]["gSiz"] == [9, 9, 5]
    assert len(settings.choices) == 6
    assert any(text.startswith("data.decay_time: 2.0") for text in settings.choices)
    again = read_parameters(settings.used)
    assert again.patch.rf == (25, 25, 25)
    assert again.data.fr == 6.0


def test_no_patches():
    settings = told(rf=None)
    assert settings.groups["patch"] == {"rf": None, "stride": None, "only_init": False}
    assert read_parameters(settings.used).patch.rf is None


def test_lengths_in_micrometres_and_whole_voxels():
    settings = told(voxel_size=ZYX(4, 1.5, 1.5), lengths="um", gSig=(6, 6, 7), rf=30, stride=(15, 15, 2))
    assert settings.groups["init"]["gSig"] == [4, 4, 2]
    assert settings.groups["patch"] == {"rf": [20, 20, 8], "stride": [10, 10, 1], "only_init": True}
    assert settings.used["data"]["lengths"] == "voxels"
    assert settings.used["data"]["voxel_size"] == [1.5, 1.5, 4]
    assert any("init.gSig" in text for text in settings.changed) and not any("gSig" in t for t in settings.choices)


def test_micrometres_need_the_voxel_size():
    with pytest.raises(UsageError, match="gSig is given in µm"):
        told(lengths="um")


def test_parameters_of_caimans_own_win_and_are_kept():
    settings = told(extra={"nb_patch": 2, "lags": 7, "spatial": {"method_exp": "ellipse"}, "only_init_patch": False})
    assert settings.groups["patch"]["nb_patch"] == 2
    assert settings.groups["patch"]["only_init"] is False
    assert settings.groups["preprocess"]["lags"] == settings.groups["temporal"]["lags"] == 7
    assert settings.groups["spatial"] == {"nb": 1, "method_exp": "ellipse"}
    assert settings.used["caiman_parameters"]["spatial"] == {"method_exp": "ellipse"}


def test_the_method_of_initialisation_is_caimans():
    assert told().used["init"]["method_init"] == "greedy_roi"
    assert told(extra={"method_init": "sparse_nmf"}).groups["init"]["method_init"] == "sparse_nmf"


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"gSig": "auto"}, "init.gSig"),
        ({"K": "auto"}, "init.K"),
        ({"seeds": "cells.tif"}, "init.seeds"),
        ({"nb": 0}, "background.nb"),
        ({"skew_thr": 1.0}, "quality.skew_thr"),
        ({"compact_thr": 0.0}, "quality.compact_thr"),
        ({"smooth_thr": 0.0}, "quality.smooth_thr"),
        ({"soma_thr": 0.0}, "quality.soma_thr"),
        ({"motion_thr": 1.0}, "quality.motion_thr"),
        ({"reliability_z": 0.0}, "quality.reliability_z"),
        ({"data": {"bad_frames": [3]}}, "data.bad_frames"),
    ],
)
def test_what_caiman_can_not_do_is_named(parameters, word):
    assert unsuitable(read_parameters(GIVEN), {}) is None
    assert word in unsuitable(read_parameters({**GIVEN, **parameters}), {})


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ({"nb_pach": 2}, "nb_patch"),
        ({"spatial": {"nb_patch": 2}}, "spatial.nb_patch"),
        ({"gnb": 2}, "background.nb"),
        ({"K": 3}, "init.K"),
        ({"use_cnn": True}, "use_cnn"),
        ({"dview": 1}, "dview"),
        ({"motion": {"max_shifts": [3, 3]}}, "motion.max_shifts"),
        ([1], "option caiman"),
    ],
)
def test_parameters_of_caimans_own_that_can_not_be(extra, word):
    with pytest.raises(UsageError, match=word.replace(".", r"\.")):
        own_groups(extra)
    assert word in unsuitable(read_parameters(GIVEN), extra)


def test_what_only_caiman_has_is_taken_apart():
    form = {
        "cnmf_kwargs": "K=5, gSig=(4, 4, 2), method_exp='ellipse', nb_patch=2, method_init='greedy_roi'",
        "eval_kwargs": {"min_SNR": 3, "use_cnn": False},
        "refit": True,
        "temporal": {"ITER": 3, "p": 1},
        "tsub": 1,
        "only_init_patch": False,
        "lags": 9,
    }
    ours, own = separate(form)
    assert own == {"method_exp": "ellipse", "nb_patch": 2, "temporal": {"ITER": 3}, "lags": 9}
    parameters = read_parameters(ours)
    assert (parameters.init.K, parameters.quality.min_SNR, parameters.temporal.p) == (5, 3, 1)
    assert parameters.refit
    groups = settings_for(parameters, own, rate=5, voxel_size=None).groups
    assert groups["temporal"]["ITER"] == 3
    assert groups["patch"]["nb_patch"] == 2


@pytest.mark.parametrize("extra", [{"use_cnn": True}, {"max_shifts": (3, 3)}, {"Cin": [[1.0]]}, {"gSigg": 3}])
def test_what_neither_can_do_stays_an_error(extra):
    ours, own = separate({**GIVEN, **extra})
    assert own == {}
    with pytest.raises(UsageError):
        read_parameters(ours)


def test_all_of_caimans_defaults_say_nothing():
    ours, own = separate(caiman.defaults())
    assert own == {}
    assert read_parameters(ours).init.K == 30
