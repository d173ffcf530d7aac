"""What kills, full disks, damaged files and movies that change do: nothing lost, no traceback, no silent other result.

    python benchmarks/reliability.py                      # short: minutes
    python benchmarks/reliability.py --kills 1000 --full 200 --fuzz 10000 --changes 60 --seed 7

Each attack is a command of its own, as users call it. The seed is printed: with it the same is done again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cnmf3d.cli.app import call
from cnmf3d.errors import Cnmf3dError
from cnmf3d.project import Project
from cnmf3d.project.checking import check
from cnmf3d.results import load_results
from cnmf3d.simulate import simulate

CNMF3D = [sys.executable, "-P", "-m", "cnmf3d"]
SCENE = {"size": (32, 32, 5), "cells": 6, "frames": 200}
PATIENCE = 600.0
"""Seconds after which a command counts as hanging."""

SHOWN = 8
"""Examples of each fault."""

FAULTS = ("Traceback (most recent call last)", "something went wrong inside")


@dataclass
class Row:
    """A line of the table."""

    attack: str
    tried: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, example: str = "") -> None:
        """One more of what must not be; the first ones are shown."""
        if self.counts.get(what, 0) < SHOWN:
            print(f"  {self.attack}: {what}: {example[-400:]}", flush=True)
        self.counts[what] = self.counts.get(what, 0) + 1


BAD = ("lost", "traceback", "killed by a signal", "hangs", "left over", "other result")


def started(words: list[str], **more: object) -> subprocess.Popen[str]:
    """A command, with what it says in one stream."""
    return subprocess.Popen(
        [*CNMF3D, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", **more,  # type: ignore[call-overload]
    )  # fmt: skip


def judged(row: Row, words: list[str], code: int, said: str) -> None:
    """Count what no command may do."""
    if code < 0:
        row.count("killed by a signal", f"{signal.Signals(-code).name}: {' '.join(words)}")
    if any(fault in said for fault in FAULTS):
        row.count("traceback", f"{' '.join(words)}: {said}")


def ran(row: Row, words: list[str], **more: object) -> tuple[int, str]:
    """Run a command to its end, and judge it."""
    process = started(words, **more)
    try:
        said = process.communicate(timeout=PATIENCE)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        said = process.communicate()[0]
        row.count("hangs", " ".join(words))
        return 1, said
    judged(row, words, process.returncode, said)
    return process.returncode, said


@dataclass(frozen=True)
class Bench:
    """Files that are attacked, as they are when nobody attacks them."""

    folder: Path
    rng: random.Random

    @property
    def movie(self) -> Path:
        """A small movie."""
        return self.folder / "movie.tif"

    @property
    def results(self) -> Path:
        """Its results."""
        return self.folder / "results.hdf5"

    @contextmanager
    def copy(self) -> Iterator[Path]:
        """A new folder with a copy of both."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            for each in (self.movie, self.results):
                shutil.copy(each, name)
            yield Path(name)


def parts_in(folder: Path) -> list[Path]:
    """Temporary files and folders."""
    return [each for each in folder.rglob("*") if each.name.endswith(".part")]


def whole(row: Row, place: Path) -> None:
    """See that results are there and can be read."""
    try:
        load_results(place)
    except Cnmf3dError as error:
        row.count("lost", str(error))


Attack = tuple[str, list[str], Callable[[Row, Path], None]]


def commands(folder: Path) -> list[Attack]:
    """Commands that write, and what has to hold whenever they are stopped."""
    results, csv, project = folder / "results.hdf5", folder / "csv", folder / "project"

    def exported(row: Row, _: Path) -> None:
        if csv.exists() and not (csv / "rois.csv").exists():
            row.count("lost", f"half an export: {csv}")

    def kept(row: Row, _: Path) -> None:
        if not (project / "project.sqlite").exists():
            return
        with Project.open(project) as opened:
            found = [each for each in check(opened, content=True) if each.what not in ("stray", "movie")]
        if found:
            row.count("lost", str(found[0]))

    def made(row: Row, _: Path) -> None:
        for kind, name in (("batch", "batch"), ("project", "other")):
            code, said = ran(row, [kind, "new", str(folder / name)])
            if code and "already" not in said:
                row.count("lost", said)
            code, said = ran(row, [kind, "list", str(folder / name)])
            if code:
                row.count("lost", said)

    return [
        ("curate", ["curate", "reject", str(results), "id == 1"], lambda row, _: whole(row, results)),
        ("export", ["export", "csv", str(results), str(csv), "--force"], exported),
        ("report", ["report", str(results), "-o", str(folder / "r.html")], lambda row, _: whole(row, results)),
        ("project", ["project", "add", str(project), str(results), "--animal", "a", "--trial", "1"], kept),
        ("batch new", ["batch", "new", str(folder / "batch")], made),
        (
            "run",
            ["run", str(folder / "movie.tif"), "-o", str(results), "--force", "-q"],
            lambda r, _: whole(r, results),
        ),
    ]


def kills(bench: Bench, tries: int) -> Row:
    """Kill commands at random moments; the next one finds everything, and leaves nothing behind."""
    row = Row("killed at random moments")
    while row.tried < tries:
        with bench.copy() as folder:
            if bench.rng.random() < 0.7:
                ran(row, ["project", "new", str(folder / "project")])
            for name, words, holds in bench.rng.sample(commands(folder), 3):
                process = started(words)
                time.sleep(bench.rng.uniform(0.2, 4.0 if name != "run" else 12.0))
                process.kill()
                process.communicate()
                row.tried += 1
                holds(row, folder)
                code, said = ran(row, words)
                if code and not any(word in said for word in ("exists", "already", "no project")):
                    row.count("lost", f"{name} afterwards: {said}")
            ran(row, ["curate", "accept", str(folder / "results.hdf5"), "id == 1"])
            if left := [each for each in parts_in(folder) if each.parent == folder]:
                row.count("left over", str(left[0].name))
    return row


def full_disks(bench: Bench, tries: int) -> Row:
    """Let writes fail once files have some size: what was there stays, and the command says what is wrong."""
    row = Row("writes that fail")
    while row.tried < tries:
        with bench.copy() as folder:
            ran(row, ["project", "new", str(folder / "project")])
            for _, words, holds in commands(folder):
                limit = int(10 ** bench.rng.uniform(2, 6.3))
                ran(
                    row, words, preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
                )
                row.tried += 1
                holds(row, folder)
                if row.tried == tries:
                    break
            if left := [each for each in parts_in(folder) if each.parent == folder]:
                row.count("left over", str(left[0].name))
    return row


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A file with a few bytes changed, a piece zeroed, taken away or doubled, or cut short."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = int(rng.random() ** 2 * len(data))  # heads matter most
        size = int(10 ** rng.uniform(0, 3.5))
        match rng.choice(["bytes", "bytes", "zeros", "gone", "twice", "cut", "large"]):
            case "bytes":
                for place in range(at, min(len(data), at + rng.randint(1, 8))):
                    data[place] = rng.randrange(256)
            case "zeros":
                data[at : at + size] = bytes(len(data[at : at + size]))
            case "gone":
                del data[at : at + size]
            case "twice":
                data[at:at] = data[at : at + size]
            case "cut":
                del data[at:]
            case "large":
                data[at : at + 4] = b"\xff\xff\xff\x7f"
    return bytes(data)


def fuzzed(bench: Bench, tries: int) -> Row:
    """Read damaged files, each in a process forked from one that has everything imported."""
    row = Row("damaged files")
    seeds = corpus(bench)
    for _ in range(tries):
        source, words = bench.rng.choice(seeds)
        with tempfile.TemporaryDirectory(dir=bench.folder) as name:
            file = Path(name, source.name)
            file.write_bytes(mutated(source.read_bytes(), bench.rng))
            told = Path(name, "said")
            given = [
                word.replace("FILE", str(file)).replace("DIR", name).replace("MOVIE", str(bench.movie))
                for word in words
            ]
            if source.name.endswith(".sqlite"):
                Path(name, "items").mkdir()
            row.tried += 1
            code = forked(given, told)
            said = told.read_text(errors="replace")
            if code is None:
                row.count("hangs", f"{' '.join(given)}")
            else:
                judged(row, given, code, said)
    return row


def forked(words: list[str], told: Path) -> int | None:
    """Exit code of a command in a fork of this process; None where it hangs."""
    pid = os.fork()
    if pid == 0:
        out = os.open(told, os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", errors="replace"), os.fdopen(2, "w", errors="replace")
        resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
        code = 1
        try:
            code = call(words)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def corpus(bench: Bench) -> list[tuple[Path, list[str]]]:
    """Files of all kinds that are read, each with a command that reads it."""
    folder = bench.folder / "corpus"
    folder.mkdir(exist_ok=True)
    row = Row("corpus")
    values = np.random.default_rng(0).integers(0, 999, (20, 2, 8, 8)).astype(np.uint16)
    np.save(folder / "m.npy", values)
    import h5py
    import tifffile

    tifffile.imwrite(folder / "m.tif", values, imagej=True, metadata={"axes": "TZYX"})
    tifffile.imwrite(folder / "m.ome.tif", values, metadata={"axes": "TZYX"})
    with h5py.File(folder / "m.h5", "w") as file:
        file.create_dataset("m", data=values, chunks=(5, 2, 8, 8), compression="gzip")
    shutil.copy(bench.results, folder / "r.hdf5")
    for name, text in (
        ("p.json", '{"init": {"gSig": [4, 4, 2], "K": 5}, "quality": {"min_SNR": 2.5}}'),
        ("p.yaml", "init:\n  gSig: [4, 4, 2]\nquality: {min_SNR: 2.5}\n"),
        ("p.toml", "[init]\ngSig = [4, 4, 2]\n"),
    ):
        (folder / name).write_text(text)
    ran(row, ["export", "suite2p", str(folder / "r.hdf5"), str(folder / "s2p")])
    ran(row, ["batch", "new", str(folder / "b")])
    ran(row, ["batch", "add", str(folder / "b"), str(bench.movie), "--name", "x"])
    info = ["info", "FILE", "--fps", "5"]
    files = [(folder / name, info) for name in ("m.npy", "m.tif", "m.ome.tif", "m.h5")]
    files += [
        (folder / "r.hdf5", words)
        for words in (["info", "FILE"], ["curate", "show", "FILE"], ["export", "csv", "FILE", "DIR/c"])
    ]
    files += [(folder / f"p.{kind}", ["params", "FILE"]) for kind in ("json", "yaml", "toml")]
    files += [(folder / "b/batch.sqlite", ["batch", "list", "DIR"])]
    return [(path, words) for path, words in files if path.exists()]


DEEDS: dict[str, Callable[[Path], None]] = {
    "overwritten": lambda path: _patch(path, 0.2, 0.6),
    "second half zeroed": lambda path: _patch(path, 0.5, 0.45, zeros=True),
    "deleted": lambda path: path.unlink(),
    "cut short": lambda path: os.truncate(path, path.stat().st_size // 3),
}


def _patch(path: Path, start: float, part: float, *, zeros: bool = False) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(int(start * size))
        file.write(bytes(int(part * size)) if zeros else os.urandom(int(part * size)))


def changes(bench: Bench, tries: int) -> Row:
    """Change the movie while it is run, at every stage: the run fails and says so."""
    row = Row("movies that change")
    stages = ("check", "ingest", "estimate", "blocks", "traces", "shapes", "evaluate")
    for number in range(tries):
        with bench.copy() as folder:
            movie, out, done = folder / "movie.tif", folder / "new.hdf5", False
            name, deed = list(DEEDS.items())[number % len(DEEDS)]
            stage = bench.rng.choice(stages)
            words = ["run", str(movie), "-o", str(out), "--json", "--workers", "1"]
            process, said = started(words), ""
            assert process.stdout is not None
            for line in process.stdout:
                said += line
                if not done and f'"stage": "{stage}"' in line:
                    deed(movie)
                    done = True
            code = process.wait()
            judged(row, words, code, said)
            row.tried += done
            if done and out.exists():
                row.count("other result", f"{name} at {stage}: {said[-200:]}")
    return row


def main() -> None:
    """Attack, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("kills", 18), ("full", 18), ("fuzz", 300), ("changes", 8)):
        parser.add_argument(f"--{name}", type=int, default=number, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the counts there, too")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="cnmf3d-reliability-") as name:
        bench = Bench(Path(name), random.Random(given.seed))
        os.environ["CNMF3D_CACHE"] = str(bench.folder / "caches")
        simulate(bench.movie, "tiny", seed=3, overrides=SCENE)
        code, said = ran(Row("start"), ["run", str(bench.movie), "-o", str(bench.results), "-q"])
        if code:
            raise SystemExit(said)
        attacks = ((fuzzed, given.fuzz), (full_disks, given.full), (changes, given.changes), (kills, given.kills))
        rows = [attack(bench, tries) for attack, tries in attacks if tries]
    print(f"\n| attack | tried | {' | '.join(BAD)} |\n|---|---|{'---|' * len(BAD)}")
    for row in rows:
        print(f"| {row.attack} | {row.tried} | {' | '.join(str(row.counts.get(what, 0)) for what in BAD)} |")
    if given.json:
        given.json.write_text(json.dumps({row.attack: {"tried": row.tried, **row.counts} for row in rows}))


if __name__ == "__main__":
    main()
