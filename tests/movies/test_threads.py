"""A movie that several threads read at once, as `run` does, gives every one of them the values that were written."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from files import write_nwb, write_scanimage

from cnmf3d import open_movie
from cnmf3d.errors import InputError
from cnmf3d.movies import Movie
from cnmf3d.movies.cropped import cropped

THREADS, ROUNDS = 8, 8
SHAPE = (24, 3, 32, 32)
VALUES = np.random.default_rng(0).poisson(200, SHAPE).astype(np.uint16)


@pytest.fixture(autouse=True)
def often():
    """Threads change places every 10 µs, so that what is rare shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def pages(path: Path, *, compression: str | None = None, tile: tuple[int, int] | None = None) -> None:
    """Pages that lie irregularly, since their descriptions have several lengths."""
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(VALUES.reshape(-1, *SHAPE[2:])):
            rows = None if tile else 8
            text = "x" * (number % 9 + 1)
            options = {"compression": compression, "rowsperstrip": rows, "tile": tile, "description": text}
            writer.write(page, contiguous=False, metadata=None, **options)


def tiff(folder: Path, **how) -> Movie:
    pages(folder / "m.tif", **how)
    return open_movie(folder / "m.tif", planes=3)


def labelled(folder: Path, **how) -> Movie:
    tifffile.imwrite(folder / "m.tif", VALUES, metadata={"axes": "TZYX"}, photometric="minisblack", **how)
    return open_movie(folder / "m.tif")


def scanimage(folder: Path) -> Movie:
    state = {"SI.hStackManager.enable": True, "SI.hStackManager.numSlices": 3, "SI.hStackManager.framesPerSlice": 1}
    write_scanimage(folder / "m.tif", VALUES.reshape(-1, *SHAPE[2:]).astype(np.int16), state)
    return open_movie(folder / "m.tif")


def scanimage_set(folder: Path) -> Movie:
    """Files that were cut within volumes."""
    state = {"SI.hStackManager.enable": True, "SI.hStackManager.numSlices": 3, "SI.hStackManager.framesPerSlice": 1}
    flat = VALUES.reshape(-1, *SHAPE[2:]).astype(np.int16)
    for number, start in enumerate(range(0, len(flat), 10)):
        write_scanimage(folder / f"m{number}.tif", flat[start : start + 10], state, first_frame=start + 1)
    return open_movie(folder)


def planes(folder: Path) -> Movie:
    """One compressed plane a file, more files than are kept open."""
    for t, z in np.ndindex(16, 3):
        tifffile.imwrite(folder / f"t{t}_z{z}.tif", VALUES[t, z], compression="zlib", photometric="minisblack")
    return open_movie(folder)


def volumes(folder: Path) -> Movie:
    """One compressed volume a file, more files than are kept open."""
    for number in range(40):
        volume = VALUES[number % len(VALUES)]
        tifffile.imwrite(folder / f"v{number}.tif", volume, compression="zlib", photometric="minisblack")
    return open_movie(folder)


def hdf5(folder: Path, **how) -> Movie:
    with h5py.File(folder / "m.h5", "w") as file:
        file.create_dataset("movie", data=VALUES, **how)
    return open_movie(folder / "m.h5", axes="tzyx")


def hdf5_set(folder: Path) -> Movie:
    for number in range(4):
        with h5py.File(folder / f"m{number}.h5", "w") as file:
            file.create_dataset("movie", data=VALUES[6 * number : 6 * number + 6], chunks=True, compression="gzip")
    return open_movie(folder, axes="tzyx")


def nwb(folder: Path) -> Movie:
    write_nwb(folder / "m.nwb", VALUES.transpose(0, 3, 2, 1))
    return open_movie(folder / "m.nwb")


def npy(folder: Path, order: str) -> Movie:
    np.save(folder / "m.npy", np.asarray(VALUES, order=order))
    return open_movie(folder / "m.npy", axes="tzyx")


def caiman(folder: Path, order: str) -> Movie:
    frames, z, y, x = SHAPE
    path = folder / f"m_d1_{x}_d2_{y}_d3_{z}_order_{order}_frames_{frames}_.mmap"
    VALUES.reshape(frames, -1).T.astype(np.float32).ravel(order=order).tofile(path)
    return open_movie(path)


def zarr_store(folder: Path, **how) -> Movie:
    zarr.create_array(
        folder / "m.zarr", data=VALUES, chunks=(4, 3, 32, 16), dimension_names=how.pop("names", None), **how
    )
    return open_movie(folder / "m.zarr", axes="tzyx")


def zipped(folder: Path) -> Movie:
    with zarr.storage.ZipStore(folder / "m.zarr.zip", mode="w") as store:
        zarr.create_array(store, data=VALUES, chunks=(4, 3, 32, 16))
    return open_movie(folder / "m.zarr.zip", axes="tzyx")


def ome_set(folder: Path) -> Movie:
    """An OME-TIFF of two files, compressed."""
    halves = VALUES.reshape(2, -1, *SHAPE[2:])
    blocks = "".join(
        f'<TiffData FirstT="{t}" FirstZ="{z}" IFD="{t % 12 * 3 + z}"><UUID FileName="h{t // 12}.tif"/></TiffData>'
        for t in range(SHAPE[0])
        for z in range(SHAPE[1])
    )
    text = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        f'DimensionOrder="XYZCT" Type="uint16" SizeX="32" SizeY="32" SizeZ="3" SizeC="1" SizeT="24">{blocks}</Pixels>'
        "</Image></OME>"
    )
    for number, half in enumerate(halves):
        with tifffile.TiffWriter(folder / f"h{number}.tif") as file:
            for page in half:
                file.write(page, description=text, metadata=None, contiguous=False, compression="zlib")
    return open_movie(folder / "h0.tif")


def part(folder: Path) -> Movie:
    whole = labelled(folder, compression="lzw")
    return cropped(whole, (0, 24), (0, 3), (0, 32), (0, 32))


KINDS = {
    "TIFF": tiff,
    "TIFF, LZW": lambda folder: tiff(folder, compression="lzw"),
    "TIFF, PackBits": lambda folder: tiff(folder, compression="packbits"),
    "TIFF, zlib": lambda folder: tiff(folder, compression="zlib"),
    "TIFF, zstd in tiles": lambda folder: tiff(folder, compression="zstd", tile=(16, 16)),
    "TIFF with labels": lambda folder: labelled(folder, compression="zlib"),
    "ImageJ": lambda folder: labelled(folder, imagej=True),
    "OME-TIFF": lambda folder: labelled(folder, ome=True, compression="lzw"),
    "OME-TIFF of two files": ome_set,
    "ScanImage": scanimage,
    "files of ScanImage": scanimage_set,
    "a plane a file": planes,
    "a volume a file": volumes,
    "HDF5": hdf5,
    "HDF5, chunked": lambda folder: hdf5(folder, chunks=(1, 3, 16, 16), compression="gzip", shuffle=True),
    "files of HDF5": hdf5_set,
    "NWB": nwb,
    "NumPy": lambda folder: npy(folder, "C"),
    "NumPy, Fortran": lambda folder: npy(folder, "F"),
    "memory map, C": lambda folder: caiman(folder, "C"),
    "memory map, F": lambda folder: caiman(folder, "F"),
    "Zarr 3": zarr_store,
    "Zarr 2": lambda folder: zarr_store(folder, zarr_format=2),
    "Zarr in a zip file": zipped,
    "a part": part,
}


@pytest.mark.parametrize("kind", KINDS)
def test_eight_threads_read_what_was_written(tmp_path, kind):
    movie = KINDS[kind](tmp_path)
    wanted = VALUES[np.arange(len(movie)) % len(VALUES)]
    start = threading.Barrier(THREADS)

    def read(seed: int) -> list[str]:
        random = np.random.default_rng(seed)
        wrong = []
        start.wait()
        for _ in range(ROUNDS):
            at = int(random.integers(0, len(movie) - 3))
            if not np.array_equal(movie.read(at, at + 4), wanted[at : at + 4]):
                wrong.append(f"volumes from {at}")
            plane, row = int(random.integers(0, 3)), int(random.integers(0, 30))
            if not np.array_equal(
                movie.frames.read_rows(at, plane, slice(row, row + 2)), wanted[at, plane, row : row + 2]
            ):
                wrong.append(f"rows of volume {at}")
        return wrong

    with ThreadPoolExecutor(THREADS) as threads:
        assert [wrong for found in threads.map(read, range(THREADS)) for wrong in found] == []


def test_threads_that_open_sound_and_broken_files_get_each_their_own(tmp_path):
    tifffile.imwrite(tmp_path / "good.tif", VALUES, photometric="minisblack", compression="zlib")
    whole = (tmp_path / "good.tif").read_bytes()
    (tmp_path / "bad.tif").write_bytes(whole[: len(whole) // 2])

    def opened(number: int) -> bool:
        if number % 2:
            return np.array_equal(open_movie(tmp_path / "good.tif").read(0, 2), VALUES[:2])
        with pytest.raises(InputError, match="bad"):
            open_movie(tmp_path / "bad.tif").read(0, 24)
        return True

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(opened, range(48)))
