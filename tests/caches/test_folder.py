"""A folder of caches: whole or absent, never removed in use, within a limit."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cnmf3d.caches import Caches, bytes_of, default_folder
from cnmf3d.caches.listing import ABOUT, BUILDING
from cnmf3d.caches.markers import USERS, in_use, mark
from cnmf3d.caches.room import limit_for, readable
from cnmf3d.errors import UsageError


def make(caches, key, size=100, used=None):
    """An entry of `size` bytes, built as a run builds it."""
    with caches.hold(key, size) as held:
        if not held.found:
            (held.folder / "bins").write_bytes(b"x" * size)
            (held.folder / ABOUT).write_text(json.dumps({"movie": [key]}))
            held.publish()
        folder = held.folder
    if used is not None:
        os.utime(folder / "used", (used, used))
    return folder


def keys(caches):
    return {entry.key for entry in caches.entries()}


def test_an_entry_is_found_again(tmp_path):
    caches = Caches(tmp_path / "a möuse's folder", 10_000)
    make(caches, "k")
    with caches.hold("k", 100) as held:
        assert held.found and (held.folder / "bins").read_bytes() == b"x" * 100
        (entry,) = caches.entries()
        assert entry.in_use and not entry.removable and entry.about == {"movie": ["k"]}
        assert caches.prune(everything=True) == []
    (entry,) = caches.entries()
    assert not entry.in_use and entry.size > 100 and abs(entry.used - time.time()) < 60


def test_what_was_not_finished_is_not_there(tmp_path):
    caches = Caches(tmp_path, 10_000)
    with pytest.raises(RuntimeError), caches.hold("k", 100) as held:
        (held.folder / "bins").write_bytes(b"half")
        assert not held.found and caches.entries() == []
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_of_two_that_build_the_same_one_wins(tmp_path):
    caches, others = Caches(tmp_path, 10_000), Caches(tmp_path, 10_000)
    with caches.hold("k", 10) as one, others.hold("k", 10) as two:
        assert not one.found and not two.found and one.folder != two.folder
        (one.folder / "bins").write_text("one")
        (two.folder / "bins").write_text("two")
        two.publish()
        one.publish()
        assert (one.folder / "bins").read_text() == "one" and (two.folder / "bins").read_text() == "two"
    assert (tmp_path / "k" / "bins").read_text() == "two"
    assert keys(caches) == {"k"} and not list(tmp_path.glob(f"{BUILDING}*"))


def test_those_not_used_for_longest_go_first(tmp_path):
    caches = Caches(tmp_path, 10_000)
    for number, key in enumerate("abcd"):
        make(caches, key, 1000, used=1000 + number)
    assert [entry.key for entry in caches.entries()] == ["d", "c", "b", "a"]
    small = Caches(tmp_path, 3200)
    would = small.prune(dry=True)
    assert [entry.key for entry in would] == ["a"] and keys(caches) == set("abcd")
    make(small, "e", 1000)
    assert keys(caches) == {"c", "d", "e"}


def test_kept_ones_stay_until_released(tmp_path):
    caches = Caches(tmp_path, 10_000)
    caches.pin("a", "an item's / näme")
    assert caches.kept_by("an item's / näme") == []
    make(caches, "a", 1000, used=1)
    make(caches, "b", 1000, used=2)
    assert caches.kept_by("an item's / näme") == ["a"]
    assert [entry.key for entry in caches.prune(0)] == ["b"]
    assert caches.entries()[0].owners == ("an item's / näme",)
    caches.release("somebody else")
    assert caches.prune(0) == []
    caches.release("an item's / näme")
    assert [entry.key for entry in caches.prune(0)] == ["a"]


def test_all_means_kept_ones_too(tmp_path):
    caches = Caches(tmp_path, 10_000)
    caches.pin("a", "me")
    make(caches, "a")
    assert [entry.key for entry in caches.prune(everything=True)] == ["a"] and keys(caches) == set()


def test_no_room_is_an_os_error_and_nothing_goes_for_it(tmp_path):
    caches = Caches(tmp_path, 3000)
    make(caches, "a", 1000)
    with pytest.raises(OSError, match="no room"), caches.hold("b", 5000):
        pass
    caches.pin("a", "me")
    with pytest.raises(OSError, match="no room"), caches.hold("b", 2500):
        pass
    assert keys(caches) == {"a"}


def test_a_full_disk_is_no_room(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    with pytest.raises(OSError, match="no room"), Caches(tmp_path, 10_000).hold("b", 1000):
        pass


def test_what_is_being_built_counts(tmp_path):
    caches = Caches(tmp_path, 3000)
    with caches.hold("a", 2000):
        assert caches.size() >= 2000
        with pytest.raises(OSError, match="no room"), caches.hold("b", 2000):
            pass


def test_a_damaged_one_is_replaced(tmp_path):
    caches = Caches(tmp_path, 10_000)
    make(caches, "k")
    with caches.hold("k", 100) as held:
        held.renew()
        assert not held.found and keys(caches) == set()
        (held.folder / "bins").write_bytes(b"new")
        held.publish()
    assert (tmp_path / "k" / "bins").read_bytes() == b"new"


def test_a_damaged_one_stays_while_others_use_it(tmp_path):
    caches = Caches(tmp_path, 10_000)
    make(caches, "k")
    with caches.hold("k", 100) as other, caches.hold("k", 100) as held:
        held.renew()
        (held.folder / "bins").write_bytes(b"new")
        held.publish()
        assert (other.folder / "bins").exists() and held.folder != other.folder
    assert (tmp_path / "k" / "bins").read_bytes() == b"x" * 100


HOLDER = """
import sys, time
from cnmf3d.caches import Caches
with Caches(sys.argv[1], 10_000).hold(sys.argv[2], 100) as held:
    print(held.folder, flush=True)
    time.sleep(60)
"""


def holder(folder, key):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder), key], stdout=subprocess.PIPE, text=True)
    return process, Path(process.stdout.readline().strip())


def test_another_process_is_seen_and_once_killed_does_not_count(tmp_path):
    caches = Caches(tmp_path, 10_000)
    make(caches, "k")
    using, _ = holder(tmp_path, "k")
    building, folder = holder(tmp_path, "other")
    assert caches.prune(everything=True) == [] and folder.is_dir()
    for process in (using, building):
        process.kill()
        process.wait()
        process.stdout.close()
    assert not in_use(tmp_path / "k")
    assert [entry.key for entry in caches.prune(everything=True)] == ["k"]
    assert not folder.exists() and [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(
    ("facts", "counts"),
    [
        ("not json", False),
        ({"pid": os.getpid()}, False),
        ({"pid": os.getpid(), "started": 1.0, "host": socket.gethostname()}, False),  # the number was given anew
        ({"pid": 1, "started": 1.0, "host": "another machine"}, True),
    ],
    ids=["damaged", "without start", "a number given anew", "another machine"],
)
def test_markers_that_lie(tmp_path, facts, counts):
    (tmp_path / USERS).mkdir()
    path = tmp_path / USERS / "1.json"
    path.write_text(facts if isinstance(facts, str) else json.dumps(facts))
    assert in_use(tmp_path) == counts
    if counts:
        os.utime(path, (1, 1))
        assert not in_use(tmp_path)


def test_my_own_marker(tmp_path):
    marker = mark(tmp_path)
    assert in_use(tmp_path) and not in_use(tmp_path, but=marker)


def test_many_at_once(tmp_path):
    """Threads that hold, build and prune: each finds the whole entry or none."""
    failures = []

    def work(number):
        caches = Caches(tmp_path, 1200)
        for turn in range(6):
            key = "abc"[(number + turn) % 3]
            try:
                with caches.hold(key, 500) as held:
                    if held.found:
                        assert (held.folder / "bins").read_bytes() == key.encode() * 300
                    else:
                        (held.folder / "bins").write_bytes(key.encode() * 300)
                        held.publish()
                    assert (held.folder / "bins").read_bytes() == key.encode() * 300
            except OSError as error:
                if "no room" not in str(error):
                    failures.append(error)
            except AssertionError as error:
                failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Caches(tmp_path, 1200).size() <= 1200


class Folder(RuleBasedStateMachine):
    """Whatever is done: nothing in use or kept goes, and the rest stays within the limit."""

    def __init__(self):
        super().__init__()
        import tempfile

        self.path = Path(tempfile.mkdtemp())
        self.caches = Caches(self.path, 2000)
        self.open = {}
        self.kept = set()

    names = st.sampled_from("abcd")

    @rule(key=names, size=st.integers(1, 900))
    def build(self, key, size):
        try:
            make(self.caches, key, size)
        except OSError as error:
            assert "no room" in str(error)

    @precondition(lambda self: self.caches.entries())
    @rule(data=st.data())
    def hold(self, data):
        key = data.draw(st.sampled_from(sorted(keys(self.caches))))
        if key not in self.open:
            context = self.caches.hold(key, 1)
            assert context.__enter__().found
            self.open[key] = context

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def let_go(self, data):
        self.open.pop(data.draw(st.sampled_from(sorted(self.open)))).__exit__(None, None, None)

    @precondition(lambda self: self.caches.entries())
    @rule(data=st.data())
    def pin(self, data):
        key = data.draw(st.sampled_from(sorted(keys(self.caches))))
        self.caches.pin(key, key)
        self.kept.add(key)

    @rule()
    def release(self):
        for key in sorted(self.kept):
            self.caches.release(key)
        self.kept.clear()

    @rule(limit=st.integers(0, 2000))
    def prune(self, limit):
        before = self.caches.entries()
        gone = {entry.key for entry in self.caches.prune(limit)}
        assert keys(self.caches) == {entry.key for entry in before} - gone
        free = [entry.used for entry in before if entry.key in gone]
        stayed = [entry.used for entry in before if entry.key not in gone and entry.removable]
        assert not free or not stayed or max(free) <= min(stayed)
        assert self.caches.size() <= limit or not stayed

    @invariant()
    def nothing_in_use_or_kept_is_gone(self):
        assert set(self.open) | self.kept <= keys(self.caches)

    def teardown(self):
        for context in self.open.values():
            context.__exit__(None, None, None)
        shutil.rmtree(self.path)


TestFolder = Folder.TestCase
TestFolder.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)


@pytest.mark.parametrize(
    ("text", "size"),
    [("10GB", 10**10), ("1.5 TiB", 1.5 * 2**40), ("800m", 8 * 10**8), ("12", 12), ("3 kB", 3000), ("2KiB", 2048)],
)
def test_sizes_as_people_write_them(text, size):
    assert bytes_of(text) == size


@given(st.text(max_size=8))
def test_any_text_is_a_size_or_an_error_that_says_how(text):
    try:
        assert bytes_of(text) >= 0
    except UsageError as error:
        assert "10GB" in error.fix


@given(st.floats(0, 1e15))
def test_sizes_are_readable(size):
    assert abs(bytes_of(readable(size)) - size) <= max(0.06 * size, 1)


def test_folder_and_limit_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("CNMF3D_CACHE", str(tmp_path / "here"))
    assert default_folder() == tmp_path / "here"
    monkeypatch.setenv("CNMF3D_CACHE_LIMIT", "2GB")
    assert limit_for(tmp_path, 0) == Caches(tmp_path).limit() == 2 * 10**9
    monkeypatch.setenv("CNMF3D_CACHE_LIMIT", "much")
    with pytest.raises(UsageError, match="CNMF3D_CACHE_LIMIT"), Caches(tmp_path).hold("k", 1):
        pass
    monkeypatch.delenv("CNMF3D_CACHE_LIMIT")
    assert 0 < limit_for(tmp_path, 0) < shutil.disk_usage(tmp_path).free
    monkeypatch.delenv("CNMF3D_CACHE")
    assert default_folder().name == "voxels"
