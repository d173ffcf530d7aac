"""Values of another type or size than a format has them, in attributes, JSON and XML: an error that names the file."""

from __future__ import annotations

import contextlib
import json
import re
import shutil

import h5py
import numpy as np
import pytest
import vendor_files
from files import write_nwb
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmf3d import open_movie
from cnmf3d.errors import EngineError, InputError
from cnmf3d.faults import of_values
from cnmf3d.movies.writing import write_movie

VOLUMES = np.arange(6 * 2 * 2 * 8 * 8, dtype=np.uint16).reshape(6, 2, 2, 8, 8)
OTHERS = ("", "x", b"\xff\xfe", 0, -1, 10**12, float("nan"), True, [1, 2, 3], ["a", "b"], [[0.0, 0.0]], h5py.Empty("f"))
PLAIN = ("x", "", -1, 0, 0.5, True, None, [], {}, [1], 10**15)
TEXTS = ("", "x", "-1", "0", "0.5", "1e400", "nan", "99999999999")


def write_plain(folder, values):
    with h5py.File(folder / "m.h5", "w") as file:
        dataset = file.create_dataset("movie", data=values[:, :, 0])
        dataset.attrs.update({"fr": 5.0, "element_size_um": [5.0, 1.0, 1.0], "scale_factor": 2.0, "units": "V"})
        for number, name in enumerate("tzyx"):
            dataset.dims[number].label = name
            dataset.dims[number].attach_scale(file.create_dataset(name, data=np.arange(dataset.shape[number])))
    return folder / "m.h5"


def write_series(folder, values):
    write_nwb(folder / "m.nwb", values[:, :, 0].transpose(0, 3, 2, 1))
    return folder / "m.nwb"


HDF5 = {
    "plain": write_plain,
    "nwb": write_series,
    "imaris": vendor_files.write_imaris,
    "femtonics": vendor_files.write_femtonics,
}


def opened(path):
    """Open and read what was changed; only errors that are the file's may come of it."""
    channel = 0 if path.suffix in (".ims", ".mesc", ".xml") else None
    with contextlib.suppress(InputError):
        open_movie(path, channel=channel).read(0, 2)


@pytest.mark.parametrize("kind", HDF5)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_attributes_of_other_types(tmp_path_factory, kind, data):
    path = HDF5[kind](tmp_path_factory.mktemp("types"), VOLUMES)
    with h5py.File(path, "a") as file:
        items = [file]
        file.visititems(lambda _, item: items.append(item))
        sites = [(item, name) for item in items for name in item.attrs]
        item, name = data.draw(st.sampled_from(sites))
        del item.attrs[name]
        if (value := data.draw(st.sampled_from(OTHERS))) is not OTHERS[0]:
            item.attrs[name] = value
    opened(path)


@pytest.mark.parametrize("labels", [[1, 2, 3, 4], 1.0, "tzyx", np.array([b"t", b"z", b"y", b"x"])])
def test_labels_of_dimensions_that_hdf5_takes_for_texts(tmp_path, labels):
    path = write_plain(tmp_path, VOLUMES)
    with h5py.File(path, "a") as file:
        del file["movie"].attrs["DIMENSION_LABELS"]
        file["movie"].attrs["DIMENSION_LABELS"] = labels
    movie = open_movie(path)  # by the names of the scales, or by sound labels
    assert movie.metadata["axes"] == "tzyx" and not any("axes" in text for text in movie.warnings)


@pytest.mark.parametrize("name", [".zattrs", ".zarray", "zarr.json"])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_entries_of_json_of_other_types(tmp_path_factory, name, data):
    folder = tmp_path_factory.mktemp("json") / "m.ome.zarr"
    write_movie(open_movie(VOLUMES[:, :, 0], rate=5), folder, check=False)
    found = sorted(folder.rglob(name))
    if not found:
        return
    entries = json.loads(found[0].read_text())
    places = list(leaves(entries))
    *way, last = data.draw(st.sampled_from(places))
    inner = entries
    for each in way:
        inner = inner[each]
    # a length without values leads to more memory than there is: another test
    choices = [value for value in PLAIN if not (isinstance(inner, list) and value == 10**15)]
    inner[last] = data.draw(st.sampled_from(choices))
    found[0].write_text(json.dumps(entries))
    opened(folder)


def leaves(value, at=()):
    """Where all entries of a document are."""
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from leaves(each, (*at, key))


@pytest.mark.parametrize("kind", ["bruker", "thor", "bdv"])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_texts_of_xml_that_are_other_numbers(tmp_path_factory, kind, data):
    path = vendor_files.WRITERS[kind](tmp_path_factory.mktemp("xml"), VOLUMES)
    text = path.read_text(encoding="utf-8-sig")
    sites = [each.span(1) for each in re.finditer(r'="([^"]*)"|>([^<>]+)<', text) if each[1] is not None]
    start, stop = data.draw(st.sampled_from(sites))
    path.write_text(text[:start] + data.draw(st.sampled_from(TEXTS)) + text[stop:], encoding="utf-8")
    opened(path)


def test_a_description_of_many_planes_takes_no_memory_for_them(tmp_path):
    path = vendor_files.write_thor(tmp_path, VOLUMES, flyback=1)
    path.write_text(path.read_text().replace('steps="2"', 'steps="99999999999"'))
    with pytest.raises(InputError, match="less than one volume of 100000000000 frames"):
        open_movie(path, channel=0)


@pytest.mark.parametrize(
    ("reads", "bad_value"),
    [
        (lambda: float(None), True),
        (lambda: float([]), True),
        (lambda: "a" < 1, True),
        (lambda: None.get("x"), True),
        (lambda: int(float("inf")), True),
        (lambda: {}["x"], True),
        (lambda: float(1, 2), False),
        (lambda: dict.get(), False),
        (lambda: int(nothing=1), False),
        (lambda: json.gone, False),
        (lambda: shutil.copy(nothing=1), False),
        (lambda: len.__name__(), False),
    ],
)
def test_bad_values_and_code_that_does_not_fit(reads, bad_value):
    with pytest.raises((TypeError, AttributeError, ArithmeticError, LookupError)) as raised:
        reads()
    assert of_values(raised.value) == bad_value


def test_a_bad_value_is_an_error_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_log_path", lambda *_, **__: tmp_path)
    np.save(tmp_path / "m.npy", VOLUMES[:, :, 0])

    def fails(*_):
        return "a" + 1

    monkeypatch.setattr("cnmf3d.movies.formats.npy.Mapped", fails)
    with pytest.raises(InputError, match=r"m\.npy can't be read: a value in it is not what it should be") as error:
        open_movie(tmp_path / "m.npy", axes="tzyx")
    assert not isinstance(error.value, EngineError)
    assert "errors.log" in error.value.fix
