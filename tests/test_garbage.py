"""The garbage collector is kept away for a while only, and stays off where it was off."""

from __future__ import annotations

import gc

import pytest

from cnmf3d.garbage import staying, uncollected


def test_it_comes_back_also_after_an_error() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="meanwhile"), uncollected():
        raise ValueError("meanwhile")
    assert gc.isenabled()


def test_it_stays_off_where_it_was_off() -> None:
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_stays_is_not_looked_at_any_more() -> None:
    before = gc.get_freeze_count()
    try:
        with staying():
            kept = [[]]
            assert not gc.isenabled()
        assert gc.isenabled() and gc.get_freeze_count() > before
        assert not any(each is kept for each in gc.get_objects())
    finally:
        gc.unfreeze()
