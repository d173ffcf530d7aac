"""Other packages add formats; one that is broken is named."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from cnmf3d import open_movie
from cnmf3d.errors import InputError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package that has a movie format, for one test."""
    from cnmf3d.movies.formats import outside

    def install(code):
        facts = tmp_path / "site" / "labformat-1.0.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: labformat\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text("[cnmf3d.movie_formats]\nlab = labformat:FORMAT\n")
        (tmp_path / "site" / "labformat.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path / "site")
        outside.cache_clear()

    yield install
    sys.modules.pop("labformat", None)
    outside.cache_clear()


LAB = """
import numpy as np
from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.stored import Facts, Stored

def opened(place, dataset):
    return Stored(np.full((5, 2, 3, 4), 7, np.uint16), "tzyx", "lab", Facts(rate=3.0))

FORMAT = Format("lab", (".lab",), lambda place: place.suffix == ".lab", opened)
"""


def test_another_package_adds_a_format(package, tmp_path, values):
    package(LAB)
    (tmp_path / "m.lab").write_bytes(b"lab")
    movie = open_movie(tmp_path / "m.lab")
    assert movie.shape == (5, 2, 3, 4) and movie.rate == 3 and movie.metadata["format"] == "lab"
    np.save(tmp_path / "m.npy", values)
    assert open_movie(tmp_path / "m.npy", rate=1).shape == values.shape


def test_a_package_that_is_broken_is_named(package, tmp_path):
    package("import nothing_of_this_name")
    (tmp_path / "m.lab").write_bytes(b"lab")
    with pytest.raises(InputError, match=r"labformat can't be loaded \(ModuleNotFoundError: .*nothing_of_this_name"):
        open_movie(tmp_path / "m.lab")
