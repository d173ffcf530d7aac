"""CaImAn's parameters: every name has an answer, and a whole set of its defaults is understood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cnmf3d.errors import UsageError
from cnmf3d.parameters import caiman, explain, read_parameters
from cnmf3d.parameters.reading import names

ROOT = Path(__file__).parents[2]
KNOWN = ROOT.parent / "shared/data/caiman_parameters.json"


def caimans():
    if not KNOWN.exists():
        pytest.skip(f"{KNOWN} is absent")
    return json.loads(KNOWN.read_text())


def plain(value):
    """The file's notation as what CaImAn's own dict holds."""
    if isinstance(value, dict):
        return tuple(map(plain, value["tuple"])) if set(value) == {"tuple"} else {k: plain(v) for k, v in value.items()}
    return float("inf") if value == "Infinity" else value


def test_every_name_has_an_answer():
    known = caimans()
    missing = [f"{group}.{name}" for group, values in known["CNMFParams"].items() for name in values
               if caiman.rule_of(name, group) is None]  # fmt: skip
    missing += [name for name in known["CNMF_constructor_defaults"] if caiman.rule_of(name) is None]
    assert missing == []


def test_a_name_of_nobody_has_none():
    assert caiman.rule_of("foo") is None
    assert caiman.rule_of("gSig", "temporal") is None


def test_targets_are_parameters_of_ours():
    assert {rule.target for rule in caiman.RULES.values() if rule.kind == "honoured"} <= set(names())


def test_caimans_own_defaults_are_understood_as_a_whole():
    parameters = read_parameters(plain(caimans()["CNMFParams"]))
    assert parameters.init.K == 30
    assert parameters.init.gSig == parameters.init.gSiz == "auto"  # CaImAn's are for images: z isn't among them
    assert parameters.data.decay_time == 0.4
    assert parameters.data.voxel_size is None
    assert parameters.background.nb == 1
    assert not parameters.quality.use_cnn


def test_the_constructors_defaults_are_understood_one_by_one():
    for name, value in plain(caimans()["CNMF_constructor_defaults"]).items():
        if name == "gSig":  # two numbers
            with pytest.raises(UsageError, match="three in the order x, y, z"):
                read_parameters({name: value})
            continue
        read_parameters({name: value})


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"method_init": "corr_pnr"}, "2D"),
        ({"use_cnn": True}, "single planes"),
        ({"center_psf": True}, "one-photon"),
        ({"min_corr": 0.9}, "one-photon"),
        ({"motion": {"pw_rigid": True}}, "motion correction"),
        ({"online": {"epochs": 2}}, "OnACID"),
        ({"method_deconvolution": "cvxpy"}, "posterior means"),
        ({"low_rank_background": False}, "neuropil"),
        ({"Cin": [[1.0]]}, "seeds"),
        ({"border_pix": 3}, "crop"),
        ({"spatial": {"nrgthr": 0.9}}, "footprint"),
        ({"dxy": (2, 2)}, "dxy"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_the_reason(given, why):
    with pytest.raises(UsageError) as error:
        read_parameters(given)
    assert why in str(error.value)


def test_what_only_tells_how_to_run_is_accepted():
    before = read_parameters()
    assert read_parameters(n_processes=8, dview=None, memory_fact=2, only_init_patch=True, p_patch=1) == before


def test_dxy_is_the_voxel_size():
    assert read_parameters(dxy=(1.2, 1.2, 5)).data.voxel_size == (1.2, 1.2, 5)


@pytest.mark.parametrize(
    "name", ["gSig", "init.gSig", "merge_thresh", "gnb", "use_cnn", "pw_rigid", "motion.pw_rigid", "refit"]
)
def test_any_parameter_is_explained(name):
    assert len(explain.explain(name)) > 30


def test_an_unknown_one_is_not():
    with pytest.raises(UsageError, match="gsig"):
        explain.explain("gsig")


def test_every_parameter_of_ours_says_what_it_is():
    assert [entry.name for entry in explain.entries() if len(entry.meaning) < 20] == []


def test_the_page_of_the_documentation_is_current():
    assert (ROOT / "docs/parameters.md").read_text(encoding="utf-8") == explain.markdown(), (
        "write it again: cnmf3d params --markdown > docs/parameters.md"
    )
