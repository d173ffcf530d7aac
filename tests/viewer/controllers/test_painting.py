"""Painting: whatever is done, the volume is what painting everything anew gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d.errors import UsageError
from cnmf3d.viewer.controllers.painting import Painter
from cnmf3d.viewer.models import overlay as colours
from cnmf3d.viewer.models.overlay import Overlay, palette
from cnmf3d.viewer.models.roi_store import RoiStore

IDS = st.lists(st.integers(0, 7), max_size=4, unique=True)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("select"), IDS),
        st.tuples(st.just("accept"), IDS),
        st.tuples(st.just("reject"), IDS),
        st.tuples(st.just("delete"), IDS),
        st.tuples(st.just("tag"), IDS),
        st.tuples(st.just("undo"), st.just([])),
        st.tuples(st.just("show"), st.sampled_from(colours.SHOWS)),
        st.tuples(st.just("colour"), st.sampled_from([*colours.COLOURS, "metric snr", "tag type", "metric no"])),
        st.tuples(st.just("outline"), st.booleans()),
        st.tuples(st.just("solid"), st.booleans()),
        st.tuples(st.just("verdict"), st.booleans()),
    ),
    max_size=12,
)


@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_the_volume_is_always_what_painting_anew_gives(random_results: Callable[..., Any], steps: list[Any]) -> None:
    store = RoiStore.from_results(random_results(count=8), who="me")
    overlay = Overlay()
    painter = Painter(overlay)
    painter.show(store)
    volume = painter.volume
    for name, value in steps:
        if name in ("select", "accept", "reject", "delete"):
            getattr(store, name)(np.intersect1d(value, store.ids))
        elif name == "tag":
            store.tag(np.intersect1d(value, store.ids), "type", "neuron")
        elif name == "undo":
            store.undo()
        elif name == "solid":
            painter.solid = value
        elif name == "verdict":
            overlay.verdict = np.arange(len(store)) % 2 == 0 if value else None
        else:
            setattr(overlay, name, value)
        outline = overlay.outline and not painter.solid
        np.testing.assert_array_equal(painter.volume, store.paint(overlay.classes(store), outline=outline))
        np.testing.assert_array_equal(painter.classes, overlay.classes(store))
    assert painter.volume is volume  # changed in place: the layer shows this very array


@pytest.fixture
def store(random_results: Callable[..., Any]) -> RoiStore:
    return RoiStore.from_results(random_results(count=8), who="me")


def test_verdicts_have_their_colours_and_the_selected_one_stands_out(store: RoiStore) -> None:
    classes = Overlay().classes(store)
    assert (classes[store.accepted] == colours.ACCEPTED).all()
    assert (classes[~store.accepted] == colours.REJECTED).all()
    store.select([3])
    assert Overlay().classes(store)[3] == colours.SELECTED


def test_what_is_shown_follows_the_choice(store: RoiStore) -> None:
    overlay = Overlay()
    store.tag([1, 4], "type", "neuron")
    for show, expected in (("rejected", ~store.accepted), ("tagged", np.isin(store.ids, (1, 4)))):
        overlay.show = show  # type: ignore[assignment]
        np.testing.assert_array_equal(overlay.classes(store) > 0, expected)
    overlay.show = "none"
    store.select([2])
    assert not overlay.classes(store).any()
    overlay.show = "selected"
    assert np.flatnonzero(overlay.classes(store)).tolist() == [2]


def test_measures_run_along_the_scale(store: RoiStore) -> None:
    overlay = Overlay()
    overlay.colour = "metric snr"
    classes = overlay.classes(store)
    order = np.argsort(store.metrics["snr"])
    assert (np.diff(classes[order].astype(int)) >= 0).all()
    assert classes.min() == colours.SCALE
    assert classes.max() == colours.SCALE + colours.STEPS - 1


def test_correlation_is_with_the_selected_one(store: RoiStore) -> None:
    overlay = Overlay()
    overlay.colour = "correlation"
    assert (overlay.classes(store) == colours.PLAIN).all()
    store.select([5])
    expected = np.corrcoef(store.traces("denoised", store.ids))[5]
    np.testing.assert_allclose(colours.correlation_with_selected(store), expected, atol=1e-5)


@pytest.mark.parametrize("bad", ["colour", "metric", "by luck", ""])
def test_a_colouring_that_there_isnt_is_an_error(bad: str) -> None:
    with pytest.raises(UsageError, match="coloured by"):
        Overlay().colour = bad


def test_colours_of_the_palette_can_be_told_from_nothing() -> None:
    used = palette()
    assert used.shape == (256, 4)
    assert used[0, 3] == 0
    assert (used[1:5, 3] == 1).all()
    assert len({tuple(colour) for colour in used[colours.INDEX : colours.INDEX + colours.STEPS].tolist()}) > 60
