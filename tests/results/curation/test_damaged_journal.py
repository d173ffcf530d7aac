"""A damaged journal: whole steps are kept, what depends on lost ones is set aside with them, and a warning says so."""

from __future__ import annotations

import json

import pytest

from cnmf3d.results import curated, load_results, write_results
from cnmf3d.results.curation.journal import journal_path
from cnmf3d.results.curation.session import CurationSession


def tagged(path, count=6):
    """A journal of so many steps, each with another tag."""
    with CurationSession.open(path, "me") as session:
        for roi in range(count):
            session.tag([roi % 5], "kind", f"v{roi}")
    return journal_path(path).read_bytes().split(b"\n")


def tags_in(path):
    log = load_results(path).curation
    return [] if log is None else [entry.values["values"][0] for entry in log.log]


def losses(path):
    return [text for text in load_results(path).provenance.warnings if "of curation can't" in text]


def damage(lines, how):
    lines = list(lines)
    match how:
        case "a byte":
            lines[3] = lines[3][:10] + b"\0" + lines[3][11:]
        case "a digit of a tag":
            lines[3] = lines[3].replace(b'"v2"', b'"v7"')
        case "gone":
            del lines[3]
        case "empty":
            lines[3] = b""
        case "zeros":
            lines[3] = bytes(200)
        case "swapped":
            lines[3], lines[4] = lines[4], lines[3]
        case "the first line":
            lines[0] = lines[0][:20] + b"x" + lines[0][21:]
        case "CRLF":
            lines = [line + b"\r" for line in lines[:-1]] + [b""]
        case "twice":
            lines = lines[:-1] + lines[1:]
        case "the last line":
            lines[-2] = lines[-2][:10] + b"\0" + lines[-2][11:]
        case "a page at the end":
            lines.append(bytes(4096))
    return b"\n".join(lines)


WHOLE = ("swapped", "the first line", "CRLF", "twice", "a page at the end")


@pytest.mark.parametrize("how", [*WHOLE, "a byte", "a digit of a tag", "gone", "empty", "zeros", "the last line"])
def test_whole_lines_of_a_damaged_journal_are_kept(tmp_path, random_results, how):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    damaged = damage(tagged(path), how)
    journal_path(path).write_bytes(damaged)
    lost = {"the last line": 5}.get(how, 2)
    wanted = [f"v{n}" for n in range(6) if how in WHOLE or n != lost]
    assert tags_in(path) == wanted
    told = losses(path)
    assert told == [] if how in WHOLE else "1 step of curation can't be read" in told[0]
    with CurationSession.open(path, "me") as session:
        assert session.journal is not None
        aside, notice = session.journal.aside, session.journal.notice
        session.tag([0], "kind", "more")
    assert (aside is None) == (how in WHOLE)
    if aside is not None:
        assert aside.read_bytes() == damaged and str(aside) in notice
    assert tags_in(path) == [*wanted, "more"] and losses(path) == []
    with CurationSession.open(path, "me") as session:
        session.save()
    assert tags_in(path) == [*wanted, "more"] and not journal_path(path).exists()


def test_steps_that_need_a_lost_one_are_set_aside_with_it(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    with CurationSession.open(path, "me") as session:
        session.tag([0], "kind", "first")
        session.replace([1], session.components([1]), way="lost")
        session.tag([5], "kind", "of what is lost")
        session.replace([2], session.components([2]), way="its data lie after those that are lost")
        session.tag([3], "kind", "good")
        session.undo()
        session.delete([4])
    lines = journal_path(path).read_bytes().split(b"\n")
    lines[2] = lines[2].replace(b'"way"', b'"yaw"')
    journal_path(path).write_bytes(b"\n".join(lines))
    read = load_results(path)
    assert [entry.what for entry in read.curation.log] == ["tag", "tag", "undo", "delete"]
    assert "3 steps of curation" in losses(path)[0] and curated(read).ids.tolist() == [0, 1, 2, 3]


def test_an_undo_of_a_lost_step_takes_back_no_other(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    with CurationSession.open(path, "me") as session:
        session.tag([0], "kind", "first")
        session.tag([1], "kind", "lost")
        session.undo()
    lines = journal_path(path).read_bytes().split(b"\n")
    lines[2] = b"?"
    journal_path(path).write_bytes(b"\n".join(lines))
    assert tags_in(path) == ["first"]


def test_a_journal_of_an_older_version_is_read(tmp_path, random_results):
    path = write_results(random_results(), tmp_path / "r.hdf5")
    head, *lines = tagged(path)[:-1]
    old = [json.dumps({"entry": json.loads(line)["entry"]}).encode() for line in lines]
    journal_path(path).write_bytes(b"\n".join([head, *old, b""]))
    assert tags_in(path) == [f"v{n}" for n in range(6)]
    with CurationSession.open(path, "me") as session:
        session.tag([0], "kind", "more")
    assert tags_in(path) == [*(f"v{n}" for n in range(6)), "more"]
