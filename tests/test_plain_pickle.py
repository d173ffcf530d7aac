"""Pickles as plain data: whole arrays come back, crafted types and changed classes don't get in."""

from __future__ import annotations

import contextlib
import io
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cnmf3d.plain_pickle import DAMAGE, StandIn, Unpickler

KINDS = hnp.boolean_dtypes() | hnp.integer_dtypes() | hnp.floating_dtypes() | hnp.complex_number_dtypes(sizes=(64, 128))


def read(content, known=None):
    return Unpickler(io.BytesIO(content), known or {}, lambda module, name: StandIn).load()


@given(
    hnp.arrays(KINDS | hnp.unicode_string_dtypes(max_len=5), hnp.array_shapes(min_dims=0, min_side=0)),
    st.sampled_from([4, 5]),
    st.booleans(),
)
def test_arrays_come_back(array, protocol, fortran):
    array = np.asfortranarray(array) if fortran else array
    there = {"a": array, "list": [array, array.ravel()[:1]], "number": array.dtype.type(1)}
    back = read(pickle.dumps(there, protocol=protocol))
    for one, other in ((back["a"], array), (back["list"][0], array), (back["number"], there["number"])):
        assert one.dtype.newbyteorder("=") == other.dtype.newbyteorder("=") and one.shape == other.shape
        np.testing.assert_array_equal(one, other)


def test_arrays_of_objects_come_back():
    array = np.empty((2, 3), object)
    array[:] = [[1, "a", None], [[1, 2], {"x": np.float32(3)}, np.arange(3)]]
    back = read(pickle.dumps(array))
    assert back.shape == (2, 3) and back[0].tolist() == [1, "a", None] and back[1, 2].tolist() == [0, 1, 2]


class As:
    """Is pickled as a call, and what is set afterwards."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


FIELDS = (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0)
"""State of a type with a field that is a Python object, whose flags deny it."""


@pytest.mark.parametrize(
    "crafted",
    [
        As(np.dtype, ("V8", False, True), FIELDS),
        As(np.dtype, ("O", False, True), FIELDS),
        As(np.dtype, ("u8", False, True), FIELDS),
        As(np._core.multiarray.scalar, (np.dtype("O"), b"\x41" * 8)),
        As(np._core.numeric._frombuffer, (b"\x41" * 64, np.dtype("O"), (8,), "C")),
        As(np._core.numeric._frombuffer, (b"\x41" * 64, np.dtype("u1"), (65,), "C")),
        As(np._core.numeric._frombuffer, (b"\x41" * 64, np.dtype("u1"), (-64,), "C")),
        As(np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), (1, (8,), np.dtype("O"), False, b"\x41" * 64)),
        As(np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), (1, (9,), np.dtype("u8"), False, b"\x41" * 64)),
        As(np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), (1, (2**62, 4), np.dtype("u8"), False, b"")),
        As(np.ndarray, ((2,), np.dtype("O"))),
        np.zeros(2, [("a", "O")]),
    ],
)
def test_what_could_read_any_address_is_refused(crafted):
    with pytest.raises(DAMAGE):
        read(pickle.dumps(crafted))


@pytest.mark.parametrize("name", ["numpy\nndarray", "numpy\ndtype", "numpy._core.multiarray\nscalar", "x\ny"])
@pytest.mark.parametrize("state", [b"N}S'x'\nK\x01s\x86", b"}S'__doc__'\nK\x01s", b"N}S'__new__'\nK\x01s\x86"])
def test_a_file_changes_none_of_our_classes(name, state):
    with pytest.raises(DAMAGE):
        read(b"\x80\x02c" + name.encode() + b"\n" + state + b"b.")


@pytest.mark.parametrize(
    "asked",
    [
        b"\x96" + (2**40).to_bytes(8, "little"),
        b"\x96" + (2**33).to_bytes(8, "little"),
        b"\x8e" + (2**40).to_bytes(8, "little"),
        b"B" + b"\xff" * 4,
        b"Nr" + b"\xff\xff\xff\x07",
        b"Np400000000\n",
    ],
)
def test_no_memory_is_taken_for_what_is_not_there(asked):
    """Of the first of these Python's own unpickler prints an error of its interpreter, the fifth takes 2 GiB."""
    with pytest.raises(DAMAGE):
        Unpickler(io.BytesIO(b"\x80\x05" + asked + b"."), {}, lambda module, name: StandIn)


@given(st.binary(max_size=60))
def test_any_bytes_end_in_a_known_error(content):
    with contextlib.suppress(*DAMAGE):
        read(b"\x80\x04" + content)


def test_no_crafted_file_kills_a_process():
    """The same as above, in a process of its own, through what users call."""
    code = (
        "import pickle, numpy as np\nfrom pathlib import Path\nfrom cnmf3d.batch.mesmerize import read_mesmerize\n"
        "from cnmf3d.errors import InputError\n"
        "class A:\n    def __reduce__(s): return (np._core.numeric._frombuffer, (b'A'*64, D(), (8,), 'C'))\n"
        "class D:\n    def __reduce__(s): return (np.dtype, ('V8', False, True),"
        " (3, '|', None, ('a',), {'a': (np.dtype('O'), 0)}, 8, 1, 0))\n"
        "p = Path('b.pickle'); p.write_bytes(pickle.dumps({'a': A()}))\n"
        "try: read_mesmerize(p)\nexcept InputError: print('refused')\n"
    )
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "refused\n", done.stderr
