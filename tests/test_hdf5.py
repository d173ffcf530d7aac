"""HDF5 files that name other files: nothing is read from there, nothing is written there, nothing is zero unsaid."""

from __future__ import annotations

import struct

import h5py
import numpy as np
import pytest

from cnmf3d.cli.app import call
from cnmf3d.errors import InputError
from cnmf3d.hdf5 import holds, refuse_elsewhere
from cnmf3d.hdf5_attributes import longest_attribute
from cnmf3d.movies import open_movie
from cnmf3d.results import load_results, write_results
from cnmf3d.results.curation.session import CurationSession

SHAPE = (40, 2, 8, 8)


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(bytes(range(256)) * 60)
    return path


def test_values_that_are_bytes_of_any_file_are_not_shown(tmp_path, secret):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_dataset("m", SHAPE, "u1", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])
    with pytest.raises(InputError, match=f"bytes of other files .*{secret.name}"):
        open_movie(tmp_path / "m.h5")


def test_a_link_to_another_file_is_named(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["m"] = np.ones(SHAPE, "u2")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["m"] = h5py.ExternalLink("other.h5", "/m")
    with pytest.raises(InputError, match=r"is a link to .*other\.h5"):
        open_movie(tmp_path / "m.h5", dataset="m")


def virtual(tmp_path, *names):
    layout = h5py.VirtualLayout(SHAPE, "u2")
    for number, name in enumerate(names):
        part = slice(20 * number, 20 * number + 20)
        layout[part] = h5py.VirtualSource(name, "d", shape=(20, *SHAPE[1:]))
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_virtual_dataset("m", layout)
    return tmp_path / "m.h5"


def test_a_movie_of_several_files_needs_all_of_them(tmp_path, monkeypatch):
    for number in range(2):
        with h5py.File(tmp_path / f"{number}.h5", "w") as file:
            file["d"] = np.full((20, *SHAPE[1:]), number + 1, "u2")
    whole = virtual(tmp_path, "0.h5", "1.h5")
    monkeypatch.chdir("/")
    values = open_movie(whole, axes="tzyx").read(0, 40)
    assert (values[:20] == 1).all() and (values[20:] == 2).all()
    (tmp_path / "1.h5").unlink()
    with pytest.raises(InputError, match=r"1\.h5 with d isn't there"):
        open_movie(whole, axes="tzyx")


@pytest.mark.parametrize("inside", [False, True])
def test_parts_of_parts_are_looked_at_too(tmp_path, secret, inside):
    """A virtual dataset whose part is the bytes of any file, in another file or in its own."""
    name = "m.h5" if inside else "0.h5"
    with h5py.File(tmp_path / name, "w") as file:
        file.create_dataset("d", SHAPE, "u1", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])
    layout = h5py.VirtualLayout(SHAPE, "u1")
    layout[:] = h5py.VirtualSource("." if inside else name, "d", shape=SHAPE)
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file.create_virtual_dataset("m", layout)
    with pytest.raises(InputError, match="bytes of other files"):
        open_movie(tmp_path / "m.h5", dataset="m")


def test_a_missing_part_of_a_part_is_told(tmp_path):
    virtual(tmp_path, "0.h5", "1.h5").rename(tmp_path / "inner.h5")
    layout = h5py.VirtualLayout(SHAPE, "u2")
    layout[:] = h5py.VirtualSource("inner.h5", "m", shape=SHAPE)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_virtual_dataset("m", layout)
    with pytest.raises(InputError, match=r"0\.h5 with d isn't there"):
        open_movie(tmp_path / "m.h5")


def test_a_virtual_movie_that_is_a_part_of_itself_is_refused(tmp_path):
    layout = h5py.VirtualLayout(SHAPE, "u2")
    layout[:] = h5py.VirtualSource(".", "m", shape=SHAPE)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_virtual_dataset("m", layout)
    with pytest.raises(InputError, match="without end"):
        open_movie(tmp_path / "m.h5")


def test_what_no_part_gives_is_told(tmp_path):
    with h5py.File(tmp_path / "0.h5", "w") as file:
        file["d"] = np.ones((20, *SHAPE[1:]), "u2")
    movie = open_movie(virtual(tmp_path, "0.h5"), axes="tzyx")
    assert any("2560 of 5120 values" in each for each in movie.warnings)


@pytest.mark.parametrize("chunks", [None, (10, 2, 8, 8)])
def test_what_was_never_written_is_told(tmp_path, chunks):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        data = file.create_dataset("m", SHAPE, "u2", chunks=chunks)
        if chunks:
            data[:25] = 7
    told = [text for text in open_movie(tmp_path / "m.h5", axes="tzyx").warnings if "never written" in text]
    assert len(told) == 1 and ("1 of 4 chunks of /m" if chunks else "all of /m") in told[0]


def half_written(path, frames=20, written=10):
    """A part of which some chunks were never written."""
    with h5py.File(path, "w") as file:
        file.create_dataset("d", (frames, *SHAPE[1:]), "u2", chunks=(5, *SHAPE[1:]))[:written] = 7


def never_written(path):
    return [text for text in open_movie(path, axes="tzyx", dataset="m").warnings if "never written" in text]


def test_what_was_never_written_in_parts_is_told(tmp_path):
    half_written(tmp_path / "0.h5")
    half_written(tmp_path / "1.h5", written=20)
    whole = virtual(tmp_path, "0.h5", "1.h5")
    (told,) = never_written(whole)
    assert "2 of 4 chunks of /d in 0.h5 were never written" in told and "1.h5" not in told
    half_written(tmp_path / "0.h5", written=20)
    assert not never_written(whole)


@pytest.mark.parametrize(("first", "told"), [(0, "1 of 4 chunks"), (10, ""), (17, "1 of 2 chunks"), (30, "all")])
def test_only_chunks_that_a_movie_takes_of_a_part_count(tmp_path, first, told):
    with h5py.File(tmp_path / "0.h5", "w") as file:
        data = file.create_dataset("d", (50, 2, 8, 8), "u2", chunks=(5, 2, 8, 8))
        data[5:20] = 7
        if told == "all":
            del file["d"]
            file.create_dataset("d", (50, 2, 8, 8), "u2")
    length = 8 if first == 17 else 20 if first == 0 else 10
    layout = h5py.VirtualLayout((length, 2, 8, 8), "u2")
    layout[:] = h5py.VirtualSource("0.h5", "d", shape=(50, 2, 8, 8))[first : first + length]
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_virtual_dataset("m", layout)
    found = never_written(tmp_path / "m.h5")
    assert bool(found) == bool(told) and all(f"{told} of /d in 0.h5" in each for each in found)


@pytest.mark.parametrize("inside", [False, True])
def test_what_was_never_written_in_parts_of_parts_is_told(tmp_path, inside):
    half_written(tmp_path / "0.h5")
    inner = h5py.VirtualLayout((20, *SHAPE[1:]), "u2")
    inner[:] = h5py.VirtualSource("0.h5", "d", shape=(20, *SHAPE[1:]))
    outer = h5py.VirtualLayout((20, *SHAPE[1:]), "u2")
    outer[:] = h5py.VirtualSource("." if inside else "inner.h5", "inner", shape=(20, *SHAPE[1:]))
    with h5py.File(tmp_path / ("m.h5" if inside else "inner.h5"), "w") as file:
        file.create_virtual_dataset("inner", inner)
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file.create_virtual_dataset("m", outer)
    assert "2 of 4 chunks of /d in 0.h5" in never_written(tmp_path / "m.h5")[0]


def test_a_caution_names_the_first_parts_and_counts_the_others(tmp_path):
    for number in range(5):
        half_written(tmp_path / f"{number}.h5")
    layout = h5py.VirtualLayout((100, *SHAPE[1:]), "u2")
    for number in range(5):
        layout[20 * number : 20 * number + 20] = h5py.VirtualSource(f"{number}.h5", "d", shape=(20, *SHAPE[1:]))
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_virtual_dataset("m", layout)
    (told,) = never_written(tmp_path / "m.h5")
    assert "in 2.h5; and parts of 2 more were never written" in told


@pytest.fixture
def results(tmp_path, random_results):
    return write_results(random_results(), tmp_path / "r.hdf5")


def test_a_curation_is_never_saved_into_another_file(tmp_path, results):
    other = tmp_path / "other.hdf5"
    other.write_bytes(results.read_bytes())
    before = other.read_bytes()
    for name in ("cnmf3d", "estimates/A"):
        with h5py.File(results, "r+") as file:
            del file[name]
            file[name] = h5py.ExternalLink(str(other), "/" + name)
        with pytest.raises(InputError, match=r"refers to other files.*a link to .*other\.hdf5"):
            CurationSession.open(results, "me")
        with pytest.raises(InputError, match="refers to other files"):
            load_results(results, later=True)
    assert other.read_bytes() == before


def test_results_whose_values_are_elsewhere_are_refused(results, secret):
    with h5py.File(results, "r+") as file:
        shape = file["estimates/C"].shape
        del file["estimates/C"]
        file["estimates"].create_dataset("C", shape, "f8", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])
    with pytest.raises(InputError, match=r"/estimates/C, whose values are in .*secret"):
        load_results(results)


def test_our_own_files_refer_to_nothing(results):
    with h5py.File(results) as file:
        refuse_elsewhere(file, results)


@pytest.mark.parametrize("signature", [b"HEAP", b"TREE", b"SNOD"])
def test_a_damaged_directory_is_told_by_whoever_looks(tmp_path, results, signature, capsys):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["m"] = np.ones(SHAPE, "u2")
    for path in (tmp_path / "m.h5", results):
        content = path.read_bytes()
        assert signature in content
        path.write_bytes(content.replace(signature, b"XXXX"))
        assert not holds(path, "estimates")
        for words in (
            ["info", str(path), "--fps", "5"],
            ["report", str(path)],
            ["run", str(path), "-o", str(path) + "x"],
        ):
            assert call(words) == 3, words
        assert "something went wrong" not in capsys.readouterr().err


def test_sizes_that_no_file_has_room_for_take_no_memory(tmp_path):
    path = tmp_path / "r.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (10**6, 10**4), "f4", chunks=(10**3, 10))
    with h5py.File(path) as file, pytest.raises(InputError, match="/a should have more bytes than there are"):
        refuse_elsewhere(file, path)


@pytest.mark.parametrize("length", [3, 2**32 - 16])
def test_texts_longer_than_their_file_take_no_memory(tmp_path, length):
    """HDF5 believes any length that a reference to a text has, up to 4 GiB."""
    path = tmp_path / "r.hdf5"
    with h5py.File(path, "w") as file:
        file["text"] = "abc"
        place = file["text"].id.get_offset()
    with path.open("r+b") as raw:
        raw.seek(place)
        assert raw.read(4) == (3).to_bytes(4, "little")
        raw.seek(place)
        raw.write(length.to_bytes(4, "little"))
    with h5py.File(path) as file:
        if length == 3:
            refuse_elsewhere(file, path)
            return
        with pytest.raises(InputError, match="/text should have more bytes"):
            refuse_elsewhere(file, path)


def lengthen(path, length, claimed):
    """Let an attribute whose text has a length claim another one."""
    content = bytearray(path.read_bytes())
    place = next(
        at
        for at in range(len(content) - 16)
        if content.startswith(struct.pack("<I", length), at) and content[at + 4 : at + 8] != bytes(4)
    )
    content[place : place + 4] = struct.pack("<I", claimed)
    path.write_bytes(content)


@pytest.mark.parametrize("lib", ["earliest", "latest"])
@pytest.mark.parametrize("block", [0, 512])
def test_attributes_that_claim_texts_longer_than_their_file_take_no_memory(tmp_path, lib, block):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", libver=lib, userblock_size=block) as file:
        file["g/m"] = np.ones(SHAPE, "u2")
        for number in range(5):
            file["g"].attrs[f"k{number}"] = ["short", "x" * (100 + number)]
        file["g"].attrs["n"] = 3
        file["g"].attrs["last"] = "x" * 12345
    with h5py.File(path) as file:
        assert [longest_attribute(file[name], path) for name in ("g", "g/m", "/")] == [12345, 0, 0]
    if lib == "latest":  # has checksums: HDF5 itself sees that the length was changed
        return
    lengthen(path, 12345, 2**32 - 2)
    with h5py.File(path) as file:
        assert longest_attribute(file["g"], path) == 2**32 - 2
    with pytest.raises(InputError, match="an attribute of /g should have 4294967294 bytes"):
        open_movie(path, axes="tzyx")


def test_results_whose_attributes_claim_too_much_are_damaged(results):
    with h5py.File(results, "r+") as file:
        file.attrs["more"] = "x" * 12345
    lengthen(results, 12345, 2**31)
    with pytest.raises(InputError, match="an attribute of / should have"):
        load_results(results)


def test_one_wrong_byte_anywhere_is_an_error_that_names_the_file(tmp_path):
    whole = tmp_path / "whole.h5"
    with h5py.File(whole, "w") as file:
        file["group/values"] = np.arange(6)
        file["group"].attrs["unit"] = "µm"
    content, named = bytearray(whole.read_bytes()), 0
    for at in range(0, len(content), 7):
        damaged = tmp_path / "damaged.h5"
        damaged.write_bytes(content[:at] + b"\xff" + content[at + 1 :])
        try:
            file = h5py.File(damaged)
        except OSError:  # whoever opens it says so
            continue
        with file:
            try:
                refuse_elsewhere(file, damaged)
            except InputError as error:
                assert str(damaged) in str(error)
                named += 1
    assert named > 5
