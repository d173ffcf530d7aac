from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.errors import UsageError
from cnmf3d.simulate import PRESETS, Scene, scene_of


def test_presets_are_what_the_issue_asks_for():
    sizes = {name: (scene.size, scene.frames, scene.cells) for name, scene in PRESETS.items()}
    assert sizes["tiny"] == ((60, 60, 10), 300, 25)
    assert sizes["small"] == ((100, 100, 12), 600, 80)
    assert sizes["large"] == ((200, 200, 24), 1500, 400)
    assert sizes["dense"] == ((80, 80, 10), 600, 110)
    assert sizes["dim"] == sizes["neuropil"] == sizes["motion"] == sizes["small"]
    assert PRESETS["dim"].snr == 2.0
    assert PRESETS["noise"].cells == 0
    assert max(PRESETS["motion"].motion) > 0 and max(PRESETS["small"].motion) == 0


def test_overrides_replace_fields_and_leave_the_preset():
    scene = scene_of("small", {"cells": "12", "size": "40,30,6", "look": "blob", "rate": 20})
    assert (scene.cells, scene.size, scene.shape, scene.look, scene.rate) == (
        12,
        (40, 30, 6),
        (6, 30, 40),
        "blob",
        20,
    )
    assert PRESETS["small"].cells == 80
    assert scene_of(scene, {"cells": 3}).size == (40, 30, 6)


@pytest.mark.parametrize(
    ("preset", "overrides", "said"),
    [
        ("smal", {}, "small"),
        ("small", {"cell": 3}, "Did you mean cells?"),
        ("small", {"qqqqq": 3}, "A scene has: size"),
        ("small", {"cells": "many"}, "cells = 'many'"),
        ("small", {"cells": "-1"}, "number of cells"),
        ("small", {"size": "40,30"}, "size"),
        ("small", {"size": "40,30,6,2"}, "size"),
        ("small", {"rate": "nan"}, "rate"),
        ("small", {"rate": "0"}, "volumes a second"),
        ("small", {"look": "donut"}, "look"),
        ("small", {"decay_range": "0,3"}, "lower bound comes first"),
        ("small", {"decay_range": "3,0.2"}, "lower bound comes first"),
        ("small", {"bleaching": 1}, "bleaching"),
        ("small", {"cells": "__import__('os')"}, "cells"),
    ],
)
def test_what_can_not_be_is_refused_by_name(preset, overrides, said):
    with pytest.raises(UsageError) as caught:
        scene_of(preset, overrides)
    assert said in str(caught.value)
    assert caught.value.exit_code == 2


@given(st.dictionaries(st.sampled_from(sorted(Scene.model_fields)), st.text(max_size=12)))
def test_any_text_is_read_or_refused(overrides):
    try:
        scene = scene_of("tiny", overrides)
    except UsageError as error:
        assert str(error)
    else:
        assert isinstance(scene, Scene)


def test_every_field_says_what_it_is():
    assert all(field.description for field in Scene.model_fields.values())


def test_motion_gives_tissue_beyond_the_borders():
    scene = scene_of("tiny", {"motion": "2.5,1,0"})
    assert scene.margin == (0, 3, 5)
    assert scene.canvas == (10, 66, 70)
    assert PRESETS["tiny"].canvas == PRESETS["tiny"].shape
