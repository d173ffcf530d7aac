"""Reading movies: how fast beside a memory map, and beside decoders alone; many small files; memory.

    python benchmarks/reading.py               all tables, movies of 128 MiB
    python benchmarks/reading.py --mib 512     larger movies
    python benchmarks/reading.py --files 20000 fewer small files

Each movie is read from its first to its last frame in pieces of 32 MiB, from the cache of the disk, best of several
times. For a layout without compression the other figure is the CPU time of copying the same volumes out of
`numpy.memmap` of the same files, at the places where they lie (which nothing but this benchmark knows of), in pieces of
the same size. For one with compression it is the CPU time of the same: reading its chunks one after the other from a
file and decoding them by imagecodecs into new memory, in one thread; and that of decoding alone, from memory into
memory that is used again, which no reader can reach. CPU time is what other work on the machine changes least. Movies
are written into a temporary folder, and removed.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import h5py
import imagecodecs
import numpy as np
import tifffile

from cnmf3d import open_movie
from cnmf3d.movies import Movie
from cnmf3d.movies.formats.vendors.czi_segments import data_of, read_contents
from cnmf3d.movies.positional import Reader
from cnmf3d.movies.writing import write_movie
from measuring import machine

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "movies"))

from files import write_scanimage
from test_klb import write_klb
from vendor_files import write_suite2p, write_thor
from zeiss_files import write_zeiss

PIECE = 32 * 2**20
ROUNDS = 12
PLANES, HEIGHT, WIDTH = 8, 256, 256


def values_of(mib: int) -> np.ndarray:
    """(T, Z, 1, Y, X) uint16 that compress about as recordings do: a picture and Poisson noise."""
    times = max(4, mib * 2**20 // (PLANES * HEIGHT * WIDTH * 2))
    generator = np.random.default_rng(0)
    base = generator.uniform(50, 400, (PLANES, HEIGHT, WIDTH)).astype(np.float32)
    out = np.empty((times, PLANES, 1, HEIGHT, WIDTH), np.uint16)
    noise = [generator.poisson(base).astype(np.uint16) for _ in range(4)]
    for t in range(times):
        out[t, :, 0] = np.roll(noise[t % 4], t, axis=1)
    return out


@dataclass(frozen=True)
class Times:
    """Least wall time and least CPU time of a call, seconds."""

    wall: float
    cpu: float


def best(*works: Callable[[], object]) -> list[Times]:
    """Time calls in turn, so that what else runs on the machine slows all of them."""
    found: list[list[tuple[float, float]]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for times, work in zip(found, works, strict=True):
            began, cpu = time.perf_counter(), time.process_time()
            work()
            times.append((time.perf_counter() - began, time.process_time() - cpu))
    return [Times(min(wall for wall, _ in times), min(cpu for _, cpu in times)) for times in found]


Read = Callable[[int, int], np.ndarray]


def read_all(movie: Movie, read: Read) -> None:
    """Read a movie piece by piece."""
    step = max(1, PIECE // (movie.size // len(movie) * movie.dtype.itemsize))
    for start in range(0, len(movie), step):
        read(start, min(start + step, len(movie)))


def mapped(path: Path, offset: int, shape: tuple[int, ...], strides: tuple[int, ...] | None = None) -> np.ndarray:
    """Values of a file where they lie: a memory map, with `strides` where something lies between them."""
    raw = np.memmap(path, np.uint8, "r")
    return np.ndarray(shape, np.uint16, raw, offset, strides)


def pages_of(path: Path, shape: tuple[int, ...], steps: tuple[int, ...]) -> np.ndarray:
    """Memory map of the pages of a TIFF file that lie at regular distances; one step in pages a dimension."""
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[0].dataoffsets[0]
        pitch = tif.pages[1].dataoffsets[0] - offset
    return mapped(path, offset, (*shape, HEIGHT, WIDTH), (*(step * pitch for step in steps), 2 * WIDTH, 2))


def copied(view: np.ndarray) -> Read:
    """Copy volumes out of a memory map (T, Z, Y, X)."""
    return lambda start, stop: np.array(view[start:stop])


def joined(views: Sequence[np.ndarray], axis: int) -> Read:
    """Copy volumes out of several memory maps: stretches of time (0), or planes (1)."""

    def stretches(start: int, stop: int) -> np.ndarray:
        out, done, before = np.empty((stop - start, *views[0].shape[1:]), np.uint16), 0, 0
        for view in views:
            part = view[max(0, start - before) : max(0, stop - before)]
            out[done : done + len(part)] = part
            done, before = done + len(part), before + len(view)
        return out

    def planes(start: int, stop: int) -> np.ndarray:
        out = np.empty((len(views), stop - start, *views[0].shape[1:]), np.uint16)
        for z, view in enumerate(views):
            out[z] = view[start:stop]
        return out.swapaxes(0, 1)

    return planes if axis else stretches


def plain(folder: Path, values: np.ndarray) -> Iterator[tuple[str, Movie, Read]]:
    """Movies in layouts without compression, and the same by memory maps."""
    movie = values[:, :, 0]
    shape, image = movie.shape, 2 * HEIGHT * WIDTH
    np.save(folder / "m.npy", movie)
    path = folder / "m.npy"
    yield "npy", open_movie(path, axes="tzyx", rate=5), copied(np.load(path, mmap_mode="r"))
    path = folder / "i.tif"
    tifffile.imwrite(path, movie, imagej=True, metadata={"axes": "TZYX"})
    yield "ImageJ hyperstack", open_movie(path, rate=5), copied(tifffile.memmap(path, mode="r"))
    path = folder / "p.tif"
    with tifffile.TiffWriter(path, bigtiff=True) as tif:
        for page in movie.reshape(-1, HEIGHT, WIDTH):
            tif.write(page, contiguous=False, metadata=None)
    view = pages_of(path, shape[:2], (PLANES, 1))
    yield "BigTIFF, page by page", open_movie(path, planes=PLANES, rate=5), copied(view)
    path = folder / "s.tif"
    tifffile.imwrite(path, movie.reshape(-1, HEIGHT, WIDTH), rowsperstrip=16, metadata=None)
    view = pages_of(path, shape[:2], (PLANES, 1))
    yield "TIFF in strips", open_movie(path, planes=PLANES, rate=5), copied(view)
    path = folder / "si.tif"
    state = {
        "SI.hChannels.channelSave": [1, 2],
        "SI.hStackManager.enable": True,
        "SI.hStackManager.numSlices": PLANES,
        "SI.hStackManager.numFramesPerVolume": PLANES,
        "SI.hStackManager.numFramesPerVolumeWithFlyback": PLANES + 2,
        "SI.hRoiManager.scanFrameRate": 50.0,
    }
    half = movie[: len(movie) // 2].view(np.int16)
    pages = np.zeros((len(half), PLANES + 2, 2, HEIGHT, WIDTH), np.int16)
    pages[:, :PLANES, 0] = half
    write_scanimage(path, pages.reshape(-1, HEIGHT, WIDTH), state)
    del pages
    with tifffile.TiffFile(path) as tif:
        places = [page.dataoffsets[0] for page in tif.pages]
    raw = np.memmap(path, np.uint8, "r")

    def by_page(start: int, stop: int) -> np.ndarray:
        out = np.empty((stop - start, PLANES, HEIGHT, WIDTH), np.int16)
        for t in range(start, stop):
            for z in range(PLANES):
                at = places[2 * (t * (PLANES + 2) + z)]
                out[t - start, z] = raw[at : at + image].view(np.int16).reshape(HEIGHT, WIDTH)
        return out

    yield "ScanImage, one of two channels, flyback", open_movie(path, channel=0), by_page
    path = folder / "m.h5"
    with h5py.File(path, "w") as file:
        at = file.create_dataset("movie", data=movie).id.get_offset()
    yield "HDF5, contiguous", open_movie(path, axes="tzyx", rate=5), copied(mapped(path, at, shape))
    (folder / "thor").mkdir()
    thor = open_movie(write_thor(folder / "thor", values, flyback=1))
    path = next((folder / "thor").glob("*.raw"))
    view = mapped(path, 0, shape, ((PLANES + 1) * image, image, 2 * WIDTH, 2))
    yield "ThorImage raw, flyback", thor, copied(view)
    (folder / "s2p").mkdir()
    suite2p = open_movie(write_suite2p(folder / "s2p", values))
    maps = [mapped(Path(name), 0, (len(movie), HEIGHT, WIDTH)) for name in suite2p.paths]
    yield "Suite2p, a file a plane", suite2p, joined(maps, 1)
    path = write_zeiss(folder, values)
    first, second = czi_places(path)
    view = mapped(path, first, shape, (PLANES * (second - first), second - first, 2 * WIDTH, 2))
    yield "Zeiss CZI", open_movie(path), copied(view)
    for part in range(4):
        quarter = movie[part * len(movie) // 4 : (part + 1) * len(movie) // 4]
        tifffile.imwrite(folder / f"f_{part}.tif", quarter, imagej=True, metadata={"axes": "TZYX"})
    maps = [tifffile.memmap(folder / f"f_{part}.tif", mode="r") for part in range(4)]
    yield "four files of stretches", open_movie(str(folder / "f_*.tif"), rate=5), joined(maps, 0)


def czi_places(path: Path) -> list[int]:
    """Where the first two images of a CZI file lie."""
    with Reader(path) as file:
        return [data_of(file, block)[0] for block in read_contents(file).blocks[:2]]


class Alone(NamedTuple):
    """Chunks as they lie in a file, and what decodes one into memory of `size` bytes."""

    chunks: Sequence[bytes]
    decode: Callable[..., object]
    size: int

    def in_memory(self) -> None:
        """Decode from memory, into memory that is used again for each chunk."""
        for chunk in self.chunks:
            self.decode(chunk, out=self.size)

    def of_file(self, path: Path) -> Callable[[], None]:
        """Write the chunks into a file; return what reads and decodes them into new memory, as any reader has to."""
        path.write_bytes(b"".join(self.chunks))
        room, piece = np.empty(max(map(len, self.chunks)), np.uint8), max(1, PIECE // self.size)

        def work() -> None:
            with path.open("rb", buffering=0) as file:
                for start in range(0, len(self.chunks), piece):
                    some = self.chunks[start : start + piece]
                    for chunk, out in zip(some, np.empty((len(some), self.size), np.uint8), strict=True):
                        view = room[: len(chunk)].data
                        file.readinto(view)
                        self.decode(view, out=out)

        return work


def packed(folder: Path, values: np.ndarray) -> Iterator[tuple[str, Movie, Alone]]:
    """Movies in layouts with compression, and their decoding alone in one thread."""
    movie = values[:, :, 0]
    pages = movie.reshape(-1, HEIGHT, WIDTH)
    size = pages[0].nbytes
    for name, encode, decode in (
        ("deflate", imagecodecs.zlib_encode, imagecodecs.zlib_decode),
        ("lzw", imagecodecs.lzw_encode, imagecodecs.lzw_decode),
        ("zstd", imagecodecs.zstd_encode, imagecodecs.zstd_decode),
    ):
        path = folder / f"{name}.tif"
        tifffile.imwrite(path, pages, compression=name, rowsperstrip=HEIGHT, metadata=None)
        alone = Alone([bytes(encode(page.tobytes())) for page in pages], decode, size)
        yield f"TIFF, {name}", open_movie(path, planes=PLANES, rate=5), alone
    czi = write_zeiss(folder, values, compression=6)
    halves = [bytes(imagecodecs.zstd_encode(page.view(np.uint8).reshape(-1, 2).T.tobytes())) for page in pages]
    yield "Zeiss CZI, zstd1", open_movie(czi), Alone(halves, imagecodecs.zstd_decode, size)
    write_movie(open_movie(movie, rate=5), folder / "m.ome.zarr", check=False)
    import zarr

    array = zarr.open_array(folder / "m.ome.zarr" / "0", mode="r")
    found = [each.read_bytes() for each in sorted((folder / "m.ome.zarr" / "0").rglob("*")) if each.is_file()]
    chunks = [each for each in found if len(each) > 1000]
    length = int(np.prod(array.chunks)) * array.dtype.itemsize
    yield "OME-Zarr, Blosc", open_movie(folder / "m.ome.zarr"), Alone(chunks, imagecodecs.blosc_decode, length)
    with h5py.File(folder / "z.h5", "w") as file:
        file.create_dataset("movie", data=movie, chunks=(1, 1, HEIGHT, WIDTH), compression="gzip")
    zlibs = [bytes(imagecodecs.zlib_encode(page.tobytes(), 4)) for page in pages]
    yield (
        "HDF5, gzip",
        open_movie(folder / "z.h5", axes="tzyx", rate=5),
        Alone(zlibs, imagecodecs.zlib_decode, size),
    )
    klb = write_klb(folder / "m.klb", values.swapaxes(1, 2), (1, 1, PLANES, 128, 128), 2)
    yield "KLB, zlib", open_movie(klb), Alone(zlibs, imagecodecs.zlib_decode, size)


def many_files(folder: Path, count: int) -> None:
    """Time to open a folder of single-page files, a plane each."""
    page = np.zeros((16, 16), np.uint16)
    tifffile.imwrite(folder / "one.tif", page, metadata=None)
    content = (folder / "one.tif").read_bytes()
    (folder / "one.tif").unlink()
    for number in range(count):
        t, z = divmod(number, 10)
        (folder / f"m_t{t:06d}_z{z:02d}.tif").write_bytes(content)
    began, cpu = time.perf_counter(), time.process_time()
    movie = open_movie(folder, rate=5)
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    began = time.perf_counter()
    movie.read(0, 100)
    first = time.perf_counter() - began
    print(f"{count} files of one page: opened in {wall:.1f} s (CPU {used:.1f}); 1000 of them read in {first:.2f} s")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=128)
    parser.add_argument("--files", type=int, default=100_000, help="0 leaves this out")
    options = parser.parse_args()
    print(machine(), end="\n\n")
    values = values_of(options.mib)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("| without compression | MB/s | of a memory map's | memory, MiB |\n|---|---|---|---|")
        for kind, movie, twin in plain(folder, values):
            assert np.array_equal(movie.read(0, 9), twin(0, 9)), kind
            size = movie.size * movie.dtype.itemsize
            ours, other = best(partial(read_all, movie, movie.read), partial(read_all, movie, twin))
            print(f"| {kind} | {size / ours.wall / 1e6:.0f} | {other.cpu / ours.cpu:.2f} | {peak():.0f} |", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("\n| with compression | MB/s | of a file's decoding alone, CPU | of decoding in memory, CPU | time |")
        print("|---|---|---|---|---|")
        for number, (kind, movie, alone) in enumerate(packed(folder, values[: max(4, len(values) // 2)])):
            of_file, size = alone.of_file(folder / f"{number}.bin"), movie.size * movie.dtype.itemsize
            ours, other, hot = best(partial(read_all, movie, movie.read), of_file, alone.in_memory)
            ratios = f"{other.cpu / ours.cpu:.2f} | {hot.cpu / ours.cpu:.2f} | {hot.wall / ours.wall:.2f}"
            print(f"| {kind} | {size / ours.wall / 1e6:.0f} | {ratios} |", flush=True)
    if not options.files:
        return
    with tempfile.TemporaryDirectory() as name:
        print()
        many_files(Path(name), options.files)


def peak() -> float:
    """Most memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    main()
