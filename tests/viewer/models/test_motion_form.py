"""The form of registration stands for its parameters."""

from __future__ import annotations

import pytest

pytest.importorskip("psygnal")

from cnmf3d.errors import UsageError
from cnmf3d.parameters.motion import MotionParameters
from cnmf3d.viewer.models.form_fields import motion_fields
from cnmf3d.viewer.models.motion_form import MotionForm


def test_every_parameter_has_a_field_but_that_of_writing():
    named = {name.removeprefix("motion.") for name in motion_fields()}
    assert MotionParameters.model_fields.keys() - named == {"border_nan"}
    fields = motion_fields()
    assert fields["motion.pw_rigid"].kind == "switch" and fields["motion.pw_rigid"].automatic
    assert fields["motion.max_shifts"].kind == "lengths" and fields["motion.max_shifts"].unit == "voxels"
    assert fields["motion.bad_frames"].kind == "frames" and "CaImAn: max_shifts" in fields["motion.max_shifts"].meaning


def test_untouched_it_stands_for_the_defaults():
    assert MotionForm().parameters() == MotionParameters()


def test_what_is_entered_is_what_is_estimated_with():
    form = MotionForm()
    form.set("motion.max_shifts", [5.0, 4.0, 1.0])
    form.set("motion.pw_rigid", False)
    form.set("motion.bad_frames", [3, 7])
    made = form.parameters()
    assert (made.max_shifts, made.pw_rigid, made.bad_frames) == ((5, 4, 1), False, (3, 7))
    form.reset()
    assert form.parameters() == MotionParameters()


def test_what_cannot_be_is_told_at_its_entry():
    form, told = MotionForm(), []
    form.changed.connect(told.append)
    form.set("motion.niter_rig", 0)
    assert list(form.errors) == ["motion.niter_rig"] and told == ["motion.niter_rig"]
    with pytest.raises(UsageError, match="Rounds"):
        form.parameters()
    form.set("motion.niter_rig", 2)
    assert not form.errors and form.parameters().niter_rig == 2
    form.set("motion.bad_frames", "3, x")
    assert "whole numbers" in form.errors["motion.bad_frames"]


def test_patches_mean_nothing_where_the_motion_is_rigid():
    form = MotionForm()
    assert form.applies("motion.strides")
    form.set("motion.pw_rigid", False)
    assert not form.applies("motion.strides") and form.applies("motion.max_shifts")
