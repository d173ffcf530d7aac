"""Commands that are killed at random moments, whose disk is full, or whose machine loses power."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attacks.corpus import Base
from attacks.holding import FINE_AFTERWARDS, Deed, copied, deeds, leftovers
from attacks.server import PATIENCE, learn, started
from attacks.table import Row


def again(row: Row, deed: Deed, folder: Path) -> None:
    """The same command once more: it finds everything, and goes through."""
    end = row.run(deed.command(folder))
    if end.code and not any(words in end.said for words in FINE_AFTERWARDS):
        row.count("lost", f"{deed.name} afterwards: {end.said}")
    elif not end.code:
        deed.done(row, folder)


def kills(base: Base, tries: int, rng: random.Random) -> Row:
    """Kill commands at random moments; the next one finds everything, and leaves nothing behind."""
    row = Row("killed at random moments")
    known = deeds()
    while row.tried < tries:
        with copied(base) as folder:
            if rng.random() < 0.8:
                row.run(["project", "new", str(folder / "project")])
                row.run(["batch", "new", str(folder / "batch")])
            for deed in rng.sample(known, 3):
                if rng.random() < 0.3:
                    row.run(deed.command(folder))  # so that there is something to be replaced
                running = started(deed.command(folder))
                over = running.until(time.monotonic() + rng.uniform(0.02, deed.seconds))
                running.kill()
                running.ended(PATIENCE)
                row.tried += not over
                deed.holds(row, folder)
                again(row, deed, folder)
            swept(row, folder)
        learn()
    return row


def swept(row: Row, folder: Path) -> None:
    """See that the next command that writes to a folder removes what killed ones left there."""
    row.run(["curate", "accept", str(folder / "results.hdf5"), "id == 1"])
    for left in leftovers(folder)[:1]:
        row.count("left over", left.name)


def full_disks(base: Base, tries: int, rng: random.Random) -> Row:
    """Let the disk be full at some point: what was there stays, and the command says what is wrong."""
    row = Row("full disks")
    known = deeds()
    while row.tried < tries:
        with disk() as small, copied(base, small) as folder:
            for deed in rng.sample(known, 6):
                if rng.random() < 0.4:
                    row.run(deed.command(folder))
                limit = None
                if small is None:
                    limit = int(10 ** rng.uniform(2, 6.3))
                else:
                    resized(small, rng)
                end = started(deed.command(folder), limit=limit).ended()
                row.judge(deed.command(folder), end)
                row.tried += 1
                if small is not None:
                    resized(small, None)
                deed.holds(row, folder)
                if not end.code:
                    deed.done(row, folder)
                again(row, deed, folder)
                if row.tried == tries:
                    break
            swept(row, folder)
        learn()
    return row


@contextmanager
def disk() -> Iterator[Path | None]:
    """A small disk of one's own; None where this user may mount none: then files may not grow instead."""
    with tempfile.TemporaryDirectory(prefix="disk-", ignore_cleanup_errors=True) as name:
        if not ran_well("mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", name):
            yield None
            return
        try:
            yield Path(name)
        finally:
            ran_well("umount", "-l", name)


def resized(small: Path, rng: random.Random | None) -> None:
    """Leave a random little room on a disk; all of it without `rng`."""
    facts = os.statvfs(small)
    used = (facts.f_blocks - facts.f_bfree) * facts.f_frsize
    size = 256 * 2**20 if rng is None else used + int(10 ** rng.uniform(3.6, 6.7))
    ran_well("mount", "-o", f"remount,size={size}", str(small))


def ran_well(*words: str) -> bool:
    """Whether a program of the system ended well."""
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


SHUTDOWN, AT_ONCE = 0x8004587D, struct.pack("I", 2)
"""ext4's and xfs's ioctl that ends a file system as a loss of power does: what is in memory never reaches the disk."""


def power_cuts(base: Base, tries: int, rng: random.Random) -> Row:
    """Cut the power of a file system at random moments: whatever was reported as done before is there."""
    row = Row("power cuts")
    known = deeds()
    with tempfile.TemporaryDirectory(prefix="power-", ignore_cleanup_errors=True) as name:
        image, place = Path(name, "image"), Path(name, "disk")
        place.mkdir()
        while row.tried < tries:
            with image.open("wb") as file:
                file.truncate(96 * 2**20)
            if not (ran_well("mkfs.ext4", "-q", "-F", str(image)) and mounted(image, place)):
                print("  power cuts: no file system can be mounted here, so none was tried")
                return row
            try:
                with copied(base, place) as folder:
                    os.sync()
                    finished = _until_cut(row, folder, place, known, rng)
                    if not (ran_well("umount", str(place)) and mounted(image, place)):
                        raise RuntimeError("the file system couldn't be mounted again")
                    row.tried += 1
                    for deed in finished:
                        deed.done(row, folder)
                    for deed in known:
                        deed.holds(row, folder)
                    swept(row, folder)
            finally:
                with contextlib.suppress(OSError):
                    ran_well("umount", "-l", str(place))
            learn()
    return row


def mounted(image: Path, place: Path) -> bool:
    """Mount a file system that doesn't write files out before they are renamed, as ext4 does by itself."""
    return ran_well("mount", "-o", "loop,noauto_da_alloc", str(image), str(place))


def _until_cut(row: Row, folder: Path, place: Path, known: list[Deed], rng: random.Random) -> list[Deed]:
    """Run commands until the power is cut at some moment; those that had reported success."""
    finished: list[Deed] = []
    cut = rng.randint(0, 3)
    chosen = [deed for deed in known if deed.name in ("project new", "batch new")] + rng.sample(known, 4)
    for number, deed in enumerate(chosen):
        running = started(deed.command(folder))
        last = number == cut + 2
        over = running.until(time.monotonic() + (rng.uniform(0.02, deed.seconds) if last else PATIENCE))
        if over:
            end = running.ended()
            row.judge(deed.command(folder), end)
            if not end.code and deed not in finished:
                finished.append(deed)
        if last:
            handle = os.open(place, os.O_RDONLY)
            fcntl.ioctl(handle, SHUTDOWN, AT_ONCE)
            os.close(handle)
            if not over:
                running.kill()
                running.ended(PATIENCE)
            break
    return finished
