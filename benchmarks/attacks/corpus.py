"""Sound files of every kind that is read, each with the commands that read it."""

from __future__ import annotations

import json
import random
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile

from attacks.server import apart, ran

WRITERS = Path(__file__).parents[2] / "tests" / "movies"
"""Tests have writers of formats that no package writes."""

SCENE = ("size=32,32,4", "cells=6", "frames=150")
NWB = "nwb --set session_start_time=2026-01-31T14:00:00+01:00"
STARTED = "session_start_time=2026-01-31T14:00:00+01:00"


@dataclass(frozen=True)
class Kind:
    """A folder of files, and what reads them.

    Attributes
    ----------
    name : str
    folder : Path
    files : tuple of str
        Patterns of those that are damaged.
    commands : tuple of tuple of str
        ``{}`` stands for the folder.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]

    def targets(self, folder: Path) -> list[Path]:
        """Files that may be damaged, in a copy of the folder."""
        return sorted({path for pattern in self.files for path in folder.glob(pattern) if path.is_file()})

    def command(self, rng: random.Random, folder: Path) -> list[str]:
        """One of the commands, for a copy of the folder."""
        return [word.replace("{}", str(folder)) for word in rng.choice(self.commands)]


class Base:
    """A small movie, its results, motion, exports, a batch that ran, a project: what corpora are made of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.movie, self.results = folder / "movie.tif", folder / "results.hdf5"
        self.motion = folder / "motion.hdf5"

    def make(self) -> Base:
        """Make all of it where it isn't there."""
        if not self.results.exists():
            scene = [word for value in SCENE for word in ("--set", value)]
            done("simulate", self.movie, "--preset", "tiny", "--seed", "3", *scene)
            done("run", self.movie, "-o", self.results, "-q", "--workers", "1", "--register", "none")
        if not self.motion.exists():
            done("register", self.movie, "-o", self.motion, "-q", "--kind", "rigid", "--workers", "1")
        return self


def done(*words: object) -> None:
    """Run a command that has to succeed."""
    end = ran([str(word) for word in words])
    if end.code:
        raise RuntimeError(f"{' '.join(map(str, words))}: exit code {end.code}: {end.said}")


def corpus(base: Base, folder: Path) -> list[Kind]:
    """All kinds, made in `folder`."""
    made = [*movies(folder / "movies"), *parameters(folder / "parameters"), *of_results(base, folder / "results")]
    made += [*of_batches(base, folder / "batches"), *of_projects(base, folder / "projects"), *traces(folder / "traces")]
    return [*made, *others(base, folder / "others")]


def _kind(name: str, folder: Path, files: str, *commands: str) -> Kind:
    return Kind(name, folder, tuple(files.split()), tuple(tuple(command.split()) for command in commands))


def movies(folder: Path) -> Iterator[Kind]:
    """Movies of all formats, with sidecars."""
    sys.path.insert(0, str(WRITERS))
    import files
    import vendor_files

    values = np.random.default_rng(0).integers(100, 999, (12, 2, 1, 16, 16)).astype(np.uint16)
    plain = values[:, :, 0]
    state = {"SI.hStackManager.enable": True, "SI.hStackManager.numSlices": 2, "SI.hStackManager.framesPerSlice": 1}

    def hdf5(path: Path, **how: Any) -> None:
        with h5py.File(path, "w") as file:
            file.create_dataset("m", data=plain, **how)

    def zarr_store(path: Path, **how: Any) -> None:
        def write() -> None:
            import zarr

            zarr.create_array(path, data=plain, chunks=(4, 2, 16, 8), **how)

        apart(write)

    def zipped(path: Path) -> None:
        zarr_store(path.with_suffix(""))
        with zipfile.ZipFile(path, "w") as file:
            for each in sorted(path.with_suffix("").rglob("*")):
                file.write(each, each.relative_to(path.with_suffix("")))
        shutil.rmtree(path.with_suffix(""))

    def pages(path: Path, **how: Any) -> None:
        with tifffile.TiffWriter(path) as writer:
            for page in plain.reshape(-1, 16, 16):
                writer.write(page, contiguous=False, metadata=None, **how)

    def sidecar(path: Path) -> None:
        np.save(path, plain)
        said = {"origin": "A", "fps": 5.0, "date": "20240131_142500", "axes": "tzyx", "voxel_size": [1, 1, 4]}
        path.with_suffix(".json").write_text(json.dumps(said))

    def matlab(path: Path) -> None:
        from scipy.io import savemat

        savemat(path, {"movie": plain.transpose(2, 3, 1, 0), "rate": 5.0})

    def several(path: Path) -> None:
        for number in range(3):
            tifffile.imwrite(path.parent / f"m_{number}.tif", plain[4 * number : 4 * number + 4], imagej=True)

    def volumes(path: Path) -> None:
        with tifffile.TiffWriter(path, ome=True) as writer:
            writer.write(
                plain, metadata={"axes": "TZYX", "TimeIncrement": 0.2, "PhysicalSizeX": 1.5}, compression="zlib"
            )

    simple: dict[str, tuple[str, Callable[[Path], Any]]] = {
        "tiff": ("m.tif", lambda path: tifffile.imwrite(path, plain, photometric="minisblack")),
        "tiff-pages": ("m.tif", lambda path: pages(path, compression="lzw")),
        "tiff-tiles": ("m.tif", lambda path: pages(path, tile=(16, 16), compression="zlib")),
        "tiff-big": ("m.tif", lambda path: tifffile.imwrite(path, plain, bigtiff=True, photometric="minisblack")),
        "tiff-motorola": ("m.tif", lambda path: tifffile.imwrite(path, plain, byteorder=">", photometric="minisblack")),
        "tiff-shaped": ("m.tif", lambda path: tifffile.imwrite(path, plain, metadata={"axes": "TZYX"})),
        "imagej": ("m.tif", lambda path: tifffile.imwrite(path, plain, imagej=True, metadata={"axes": "TZYX"})),
        "ome": ("m.ome.tif", volumes),
        "scanimage": ("m.tif", lambda path: files.write_scanimage(path, plain.reshape(-1, 16, 16).astype("i2"), state)),
        "micro-manager": ("m_MMStack.ome.tif", lambda path: files.write_micro_manager(path, values[:, None])),
        "npy": ("m.npy", lambda path: np.save(path, plain)),
        "npz": ("m.npz", lambda path: np.savez(path, plain)),
        "hdf5": ("m.h5", hdf5),
        "hdf5-chunks": ("m.h5", lambda path: hdf5(path, chunks=(5, 2, 16, 8), compression="gzip", shuffle=True)),
        "nwb": ("m.nwb", lambda path: files.write_nwb(path, plain.transpose(0, 3, 2, 1))),
        "matlab": ("m.mat", matlab),
        "caiman": (
            "m_d1_16_d2_16_d3_2_order_C_frames_12_.mmap",
            lambda path: plain.reshape(12, -1).T.astype("f4").ravel().tofile(path),
        ),
        "zarr2": ("m.zarr", lambda path: zarr_store(path, zarr_format=2)),
        "zarr3": ("m.zarr", zarr_store),
        "zarr-zip": ("m.zarr.zip", zipped),
        "sidecar": ("m.npy", sidecar),
        "several": ("", several),
    }
    for name, write in vendor_files.WRITERS.items():
        simple[name] = ("", lambda path, write=write: write(path.parent, values))  # type: ignore[misc]
    simple["femtonics"] = ("", lambda path: vendor_files.write_femtonics(path.parent, values[:, :1]))
    simple["suite2p"] = ("", lambda path: vendor_files.write_suite2p(path.parent, values))
    for name, (file, write) in simple.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        path = place / (file or "x")
        found = write(path)
        entry = file or (str(Path(found).relative_to(place)) if isinstance(found, Path) and name != "several" else "")
        movie = f"{{}}/{entry}" if entry else "{}"
        how = "--fps 5" if entry != "m.npy" or name != "sidecar" else ""
        how += " --axes tzyx" if name in ("npy", "hdf5", "hdf5-chunks", "zarr2", "zarr3", "zarr-zip", "npz") else ""
        reads = (
            f"info {movie} {how}",
            f"info {movie} {how} --check --json",
            f"convert {movie} {how} -o {{}}/out.tif -q",
        )
        few = (
            f"run {movie} {how} -o {{}}/out.hdf5 -q --workers 1",
            f"register {movie} {how} -o {{}}/out.h5 -q --workers 1",
        )
        yield _kind(name, place, "**/*", *reads * 12, *few, f"convert {movie} {how} -o {{}}/out.zarr -q")


def parameters(folder: Path) -> Iterator[Kind]:
    """Files of parameters."""
    texts = {
        "p.json": '{"init": {"gSig": [4, 4, 2], "K": 5, "method_init": "greedy_roi"}, "quality": {"min_SNR": 2.5}}',
        "p.yaml": "init:\n  gSig: [4, 4, 2]\n  K: 5\nquality: {min_SNR: 2.5}\nmotion: {max_shifts: [3, 3, 1]}\n",
        "p.toml": "[init]\ngSig = [4, 4, 2]\nK = 5\n[quality]\nmin_SNR = 2.5\n[temporal]\np = 2\n",
    }
    folder.mkdir(parents=True)
    for name, text in texts.items():
        place = folder / name[2:]
        place.mkdir()
        (place / name).write_text(text)
        yield _kind(f"parameters {name}", place, "p.*", f"params --check {{}}/{name}")


def of_results(base: Base, folder: Path) -> Iterator[Kind]:
    """Results, curated ones, journals, motion files, exports that are read again."""
    folder.mkdir(parents=True)

    def place(name: str, *more: Path) -> Path:
        made = folder / name
        made.mkdir()
        shutil.copy(base.results, made / "r.hdf5")
        for each in more:
            shutil.copy(each, made)
        return made

    curated = place("results")
    done("curate", "reject", curated / "r.hdf5", "id == 1")
    done("curate", "tag", curated / "r.hdf5", "id == 0", "kind", "pyr")
    reads = ("info {}/r.hdf5", "curate show {}/r.hdf5", "curate show {}/r.hdf5 --json", "export csv {}/r.hdf5 {}/c")
    steps = (
        "curate undo {}/r.hdf5",
        "curate accept {}/r.hdf5 snr>1",
        "curate merge {}/r.hdf5 0 1",
        "curate split {}/r.hdf5 0",
    )
    formats = (("parquet", "d"), ("suite2p", "d"), ("caiman", "hdf5"), ("label-tiff", "tif"), ("ome-zarr", "zarr"))
    exports = tuple(f"export {kind} {{}}/r.hdf5 {{}}/o.{end}" for kind, end in (*formats, (NWB, "nwb")))
    last = ("report {}/r.hdf5 -o {}/r.html", "import caiman {}/r.hdf5 {}/new.hdf5", "export svg {}/r.hdf5 {}/figs")
    yield _kind("results", curated, "r.hdf5", *reads * 4, *steps * 2, *exports, *last)
    journal = place("journal")
    _journal(journal / "r.hdf5")
    yield _kind(
        "journal", journal, "r.hdf5.curation.jsonl", "curate show {}/r.hdf5", "curate tag {}/r.hdf5 id==0 kind z"
    )
    moving = folder / "motion"
    moving.mkdir()
    shutil.copy(base.motion, moving / "m.hdf5")
    shutil.copy(base.movie, moving / "movie.tif")
    yield _kind(
        "motion", moving, "m.hdf5", "motion {}/m.hdf5 -o {}/m.html", "motion {}/m.hdf5 --json", "info {}/m.hdf5",
        "info {}/movie.tif --motion {}/m.hdf5", "convert {}/movie.tif --motion {}/m.hdf5 -o {}/o.tif -q",
    )  # fmt: skip
    yield from _shifts(moving, folder)
    yield from _imports(base, folder)


def _journal(results: Path) -> None:
    """Steps of a session that was killed."""

    def curate() -> None:
        from cnmf3d.results.curation.session import CurationSession

        session = CurationSession.open(results, "me")
        for number in range(6):
            session.tag([number % 2], "kind", f"v{number}")

    apart(curate)


def _shifts(moving: Path, folder: Path) -> Iterator[Kind]:
    """Shifts of CaImAn and Suite2p, and bad frames."""
    place = folder / "shifts"
    shutil.copytree(moving, place)
    shifts = np.random.default_rng(0).normal(size=(150, 3))
    np.save(place / "s.npy", shifts)
    np.savez(place / "s.npz", shifts_rig=shifts)
    with h5py.File(place / "s.h5", "w") as file:
        file["shifts_rig"] = shifts
    ops = {"xoff": np.zeros(150, int), "yoff": np.ones(150, int), "nplanes": 1, "badframes": np.zeros(150, bool)}
    np.save(place / "ops.npy", ops, allow_pickle=True)  # type: ignore[arg-type]
    (place / "bad.txt").write_text("3\n17\n18\n")
    for name in ("s.npy", "s.npz", "s.h5", "ops.npy"):
        command = f"register {{}}/movie.tif --motion {{}}/{name} -o {{}}/o.hdf5 -q"
        yield _kind(f"shifts {name}", place, name, command, f"info {{}}/movie.tif --motion {{}}/{name}")
    words = "register {}/movie.tif --motion {}/s.npy --bad-frames {}/bad.txt -o {}/o.hdf5 -q"
    yield _kind("bad frames", place, "bad.txt", words)


def _imports(base: Base, folder: Path) -> Iterator[Kind]:
    """Files of other programs that are made into results."""
    for name, out, files in (("suite2p", "s2p", "**/*"), ("nwb", "o.nwb", "o.nwb"), ("caiman", "o.hdf5", "o.hdf5")):
        place = folder / f"import-{name}"
        place.mkdir()
        done("export", name, base.results, place / out, *(["--set", STARTED] if name == "nwb" else []))
        commands = [f"import {name} {{}}/{out} {{}}/new.hdf5"] * 3
        if name == "nwb":
            commands.append("info {}/o.nwb")
        yield _kind(f"import {name}", place, files if name != "suite2p" else "s2p/**/*", *commands)
    labels = folder / "import-labels"
    labels.mkdir()
    image = np.zeros((4, 32, 32), np.uint16)
    image[1, 4:8, 4:8], image[2, 12:15, 12:16] = 1, 2
    tifffile.imwrite(labels / "l.tif", image, imagej=True, metadata={"axes": "ZYX"})
    np.save(labels / "l.npy", image)
    with h5py.File(labels / "l.h5", "w") as file:
        file["labels"] = image
    for name in ("l.tif", "l.npy", "l.h5"):
        yield _kind(f"labels {name}", labels, name, f"import labels {{}}/{name} {{}}/new.hdf5")
        seeded = folder / f"seeds-{name}"
        shutil.copytree(labels, seeded)
        shutil.copy(base.movie, seeded)
        yield _kind(f"seeds {name}", seeded, name, f"run {{}}/movie.tif --seeds {{}}/{name} -o {{}}/o.hdf5 --dry-run")
    areas = folder / "import-imagej"
    areas.mkdir()
    _imagej(areas)
    for name in ("a.roi", "a.zip"):
        yield _kind(f"imagej {name}", areas, name, f"import imagej {{}}/{name} {{}}/new.hdf5 --shape 32,32,4")


def _imagej(folder: Path) -> None:
    """A polygon as ImageJ writes it, and a zip of it."""
    import struct

    xs, ys = (2, 9, 9, 2), (3, 3, 10, 10)
    head = struct.pack(">4shBx4hh", b"Iout", 228, 0, 3, 2, 10, 9, 4) + bytes(64 - 18)
    head = head[:56] + struct.pack(">i", 0) + head[60:64]
    body = struct.pack(">4h", *(x - 2 for x in xs)) + struct.pack(">4h", *(y - 3 for y in ys))
    (folder / "a.roi").write_bytes(head + body)
    with zipfile.ZipFile(folder / "a.zip", "w") as file:
        for number in range(3):
            file.writestr(f"{number + 1:04d}-0010-0010.roi", head + body)


def of_batches(base: Base, folder: Path) -> Iterator[Kind]:
    """Batches with an item that is done, one that waits, and one that is computed elsewhere; tables of mesmerize."""
    place = folder / "b"
    place.mkdir(parents=True)
    shutil.copy(base.movie, place / "movie.tif")
    done("batch", "new", place / "b")
    done("batch", "add", place / "b", place / "movie.tif", "--name", "one")
    done("batch", "run", place / "b", "-q", "--workers", "1")
    done("batch", "add", place / "b", place / "movie.tif", "--name", "two", "--min-snr", "3")
    done("batch", "export", place / "b", "--shell", "-o", place / "jobs")
    reads = (
        "batch list {}/b",
        "batch list {}/b --json",
        "batch show {}/b one",
        "batch show {}/b two --json",
        "batch diff {}/b",
    )
    more = (
        "batch log {}/b one",
        "batch sync {}/b",
        "batch retry {}/b --failed",
        "batch abort {}/b two",
        "batch rename {}/b one x",
    )
    last = ("batch export {}/b --slurm -o {}/jobs2", "batch relink {}/b {}", "batch delete {}/b one --yes")
    yield _kind("batch", place, "b/batch.sqlite", *reads * 2, *more, *last)
    yield _kind("run folder", place, "b/items/*/*.json b/items/*/*.jsonl b/items/*/*.txt", *reads, *more)
    yield _kind("results of a batch", place, "b/items/*/*.hdf5", *reads, "batch sync {}/b")
    table = folder / "mesmerize"
    table.mkdir()
    shutil.copytree(place / "b", table / "b")
    import pandas as pd

    row = {"algo": "cnmf", "item_name": "a", "input_movie_path": "movie.tif", "uuid": "0" * 32}
    pd.DataFrame([row | {"params": {"main": {"gSig": (4, 4), "K": 5, "fr": 5.0}}}]).to_pickle(table / "t.pickle")
    yield _kind("mesmerize", table, "t.pickle", "batch import {}/b {}/t.pickle")


def of_projects(base: Base, folder: Path) -> Iterator[Kind]:
    """A project with two samples; tables of tags and stimuli."""
    place = folder / "p"
    place.mkdir(parents=True)
    (place / "odour.csv").write_text("name,start,end,colour\na,1,2,red\nb,3,4.5,blue\n")
    (place / "tags.csv").write_text("roi,kind\n0,pyr\n1,PV\n")
    shutil.copy(base.results, place / "r.hdf5")
    done("project", "new", place / "p")
    done(
        "project",
        "config",
        place / "p",
        "--add-roi-type",
        "kind",
        "--add-stimulus",
        "odour",
        "--add-custom",
        "age:whole=3",
    )
    for trial in "12":
        done("project", "add", place / "p", place / "r.hdf5", "--animal", "a", "--trial", trial,
             "--stimulus", f"odour={place}/odour.csv", "--tags", place / "tags.csv")  # fmt: skip
    done("project", "edit", place / "p", "a/1", "--set", "age=4")
    reads = (
        "project list {}/p",
        "project show {}/p a/1",
        "project show {}/p --where snr>1",
        "project check {}/p",
        "project log {}/p",
    )
    more = (
        "project undo {}/p",
        "project redo {}/p",
        "project edit {}/p a/2 --set age=9",
        "project rename {}/p a/1 b/1",
        "project config {}/p --add-custom x:decimal",
        "project config {}/p",
        "project delete {}/p a/1 --yes",
    )
    last = (
        "project export {}/p {}/t.csv",
        "project export {}/p {}/t.parquet --curves raw",
        f"project export {{}}/p {{}}/n.nwb a/1 --set {STARTED}",
        "project relink {}/p {}",
        "sample rerun {}/p a/1",
    )
    add = "project add {}/p {}/r.hdf5 --animal c --trial 1 --stimulus odour={}/odour.csv --tags {}/tags.csv"
    yield _kind("project", place, "p/project.sqlite", *reads * 2, *more, *last)
    yield _kind("samples", place, "p/samples/**/*", *reads, *last, "project edit {}/p a/1 --set age=9")
    yield _kind("added", place, "r.hdf5 odour.csv tags.csv", add)
    yield _kind(
        "stimuli",
        place,
        "odour.csv",
        "export nwb {}/r.hdf5 {}/o.nwb --stimuli {}/odour.csv --stimuli-in seconds --set " + STARTED,
    )


def traces(folder: Path) -> Iterator[Kind]:
    """Traces of other programs for `deconvolve`."""
    from scipy.io import savemat

    folder.mkdir(parents=True)
    values = np.random.default_rng(0).normal(size=(2, 60)).astype("f4") + np.arange(60) % 20
    np.save(folder / "F.npy", values)
    np.savez(folder / "t.npz", dff=values)
    savemat(folder / "t.mat", {"dFF": values})
    with h5py.File(folder / "v73.mat", "w", userblock_size=512) as file:
        file["dFF"] = values.T
    np.savetxt(folder / "t.csv", values.T, delimiter=",", header="a,b", comments="")
    for name in ("F.npy", "t.npz", "t.mat", "v73.mat", "t.csv"):
        yield _kind(f"traces {name}", folder, name, f"deconvolve {{}}/{name} --fps 5 -o {{}}/o.csv -q --workers 1")


def others(base: Base, folder: Path) -> Iterator[Kind]:
    """Truth, metadata of NWB, caches, settings."""
    folder.mkdir(parents=True)
    for each in base.folder.glob("movie.*"):
        shutil.copy(each, folder)
    shutil.copy(base.results, folder / "r.hdf5")
    yield _kind("truth", folder, "movie.truth.h5", "score {}/r.hdf5 {}/movie.truth.h5", "info {}/movie.truth.h5")
    (folder / "meta.yaml").write_text(
        "session_description: x\nidentifier: y\nsession_start_time: 2026-01-31T14:00:00+01:00\n"
        "subject:\n  subject_id: m1\n  age: P90D\n  sex: M\n"
    )
    yield _kind("metadata", folder, "meta.yaml", "export nwb {}/r.hdf5 {}/o.nwb --metadata {}/meta.yaml")
