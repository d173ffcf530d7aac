"""Parameters of registration, and CaImAn's names for them."""

from __future__ import annotations

import json

import pytest

from cnmf3d.errors import UsageError
from cnmf3d.geometry import ZYX
from cnmf3d.parameters import MotionParameters, caiman, explain, read_motion_parameters, read_parameters
from cnmf3d.parameters.registering import separated


def test_all_is_found_from_the_data_unless_it_is_given():
    found = read_motion_parameters()
    assert found == MotionParameters()
    assert set(found.model_dump().values()) == {"auto", ()}


def test_groups_bare_names_and_changes(tmp_path):
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"motion": {"max_shifts": [6, 6, 1], "pw_rigid": True}, "init": {"K": 5}, "nb": 1}))
    found = read_motion_parameters(path, niter_rig=3)
    assert (found.max_shifts, found.pw_rigid, found.niter_rig) == ((6, 6, 1), True, 3)
    assert read_motion_parameters({"max_shifts": 4, "gSig": [4, 4, 2]}).max_shifts == (4, 4, 4)
    assert read_motion_parameters(found, pw_rigid=False).pw_rigid is False
    assert read_motion_parameters({"strides": None, "max_shifts": None}) == MotionParameters()
    assert read_motion_parameters({"gSig_filt": 3, "overlaps": [8, 8, 2], "num_frames_split": 80}) == MotionParameters()
    assert read_motion_parameters(bad_frames="3, 5").bad_frames == (3, 5)
    rest, motion = separated(json.loads(path.read_text()))
    assert read_parameters(rest).init.K == 5 and set(motion) == {"motion"}


def test_lengths_in_micrometres():
    given = {"motion": {"max_shifts": [10, 10, 10], "lengths": "um"}}
    assert read_motion_parameters(given, voxel_size=ZYX(5, 2, 2)).max_shifts == (5, 5, 2)
    with pytest.raises(UsageError, match="voxel size isn't known"):
        read_motion_parameters(given)
    with pytest.raises(UsageError, match="lengths"):
        read_motion_parameters({"motion": {"lengths": "miles"}})


def test_all_of_caimans_parameters_leave_the_defaults():
    assert read_motion_parameters({"motion": dict(caiman.defaults()["motion"])}) == MotionParameters()
    changed = {**caiman.defaults()["motion"], "max_shifts": [4, 4, 2], "pw_rigid": True}
    found = read_motion_parameters({"motion": changed})
    assert (found.max_shifts, found.pw_rigid, found.strides) == ((4, 4, 2), True, "auto")


@pytest.mark.parametrize("name", sorted(caiman.defaults()["motion"]))
def test_every_name_of_caimans_has_an_answer(name):
    rule = caiman.rule_of(name, "motion")
    assert len(explain.explain(f"motion.{name}")) > 20
    if rule.kind == "honoured":
        assert rule.target.removeprefix("motion.") in MotionParameters.model_fields
    default = caiman.defaults()["motion"][name]
    if default != [6, 6] and default != [96, 96] and default != [32, 32]:  # two numbers: z would be guessed
        read_motion_parameters({"motion": {name: default}})
    read_parameters({"motion": {name: default}})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_shifts": (6, 6)}, "max_shifts"),
        ({"motion": {"max_shift": 3}}, "Did you mean max_shifts"),
        ({"motion": {"indices": [[0, 5, 1], [0, 5, 1]]}}, "crop"),
        ({"motion": 3}, "is a group"),
        ({"max_shifts": -1}, "max_shifts"),
        ({"niter_rig": 0}, "niter_rig"),
        ({"pw_rigid": "perhaps"}, "pw_rigid"),
        ({"nonsense": 1}, "no parameter nonsense"),
    ],
)
def test_what_cannot_be_meant(given, words):
    with pytest.raises(UsageError, match=words):
        read_motion_parameters(given)


def test_cnmf_sends_them_to_registration():
    for given in ({"motion": {"pw_rigid": True}}, {"max_shifts": (6, 6, 2)}, {"motion": {"plane_offsets": True}}):
        with pytest.raises(UsageError, match="of registration") as caught:
            read_parameters(given)
        assert "--register" in caught.value.fix
