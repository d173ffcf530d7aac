from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmf3d.batch.cluster.resources import Resources, Wanted, largest, resources
from cnmf3d.engine.estimate import Estimate
from cnmf3d.errors import UsageError

GIB = 2**30


def estimates(memory: int = GIB, seconds: float = 4000.0) -> dict[int, Estimate]:
    return {cores: Estimate(memory=memory * cores, disk=0, seconds=seconds / cores) for cores in (1, 2, 4, 8)}


def test_as_few_cores_as_finish_soon() -> None:
    assert resources(estimates(seconds=100), Wanted()).cores == 1
    assert resources(estimates(seconds=2000), Wanted()).cores == 4
    assert resources(estimates(seconds=1e6), Wanted()).cores == 8


@given(memory=st.integers(2**20, 2**42), seconds=st.floats(1, 1e7))
def test_there_is_always_a_margin(memory: int, seconds: float) -> None:
    foretold = estimates(memory, seconds)
    asked = resources(foretold, Wanted())
    needs = foretold[asked.cores]
    assert asked.memory >= 1.4 * needs.memory
    assert asked.seconds >= 2 * needs.seconds + 300
    assert asked.megabytes * 2**20 >= asked.memory


def test_what_a_user_asks_for_wins() -> None:
    asked = resources(estimates(), Wanted.read(2, "12G", "1-12:00:00"))
    assert asked == Resources(2, 12 * GIB, 36 * 3600)
    assert (asked.megabytes, asked.clock) == (12 * 1024, "1-12:00:00")
    assert resources({}, Wanted.read(2, "12G", "3h")) == Resources(2, 12 * GIB, 3 * 3600)


def test_an_array_gets_what_is_enough_for_each() -> None:
    assert largest([Resources(1, 5, 7), Resources(2, 4, 6)]) == Resources(2, 5, 7)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 5400),
        ("90m", 5400),
        ("1.5h", 5400),
        ("1:30:00", 5400),
        ("2d", 172800),
        ("1-00:00:10", 86410),
        ("45s", 45),
    ],
)
def test_times(text: str, seconds: int) -> None:
    assert Wanted.read(time=text).seconds == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("8G", 8 * GIB), ("8 GiB", 8 * GIB), ("8gb", 8 * GIB), ("500", 500 * 2**20), ("1.5g", 3 * 2**29)]
)
def test_memory(text: str, size: int) -> None:
    assert Wanted.read(memory=text).memory == size


@pytest.mark.parametrize("text", ["", "soon", "-1h", "0", "2:00", "1h30", "1e3", "2:00:00\n#SBATCH --partition=x"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--time"):
        Wanted.read(time=text)


@pytest.mark.parametrize("text", ["", "much", "-1G", "0", "1P", "10k", "8G; rm"])
def test_memory_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="--memory"):
        Wanted.read(memory=text)


def test_no_cores() -> None:
    with pytest.raises(UsageError, match="cores"):
        Wanted.read(cores=0)
