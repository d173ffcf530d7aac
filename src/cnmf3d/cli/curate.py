"""`cnmf3d curate`: verdicts, tags, merges and splits of ROIs without a window, and the log of what was done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnmf3d.cli.flags import Json

if TYPE_CHECKING:
    from cnmf3d.results.curation.session import CurationSession

app = typer.Typer(
    name="curate",
    help="Accept, reject, tag, merge and split ROIs of a results file; every step is logged and can be undone.",
    no_args_is_help=True,
)

File = Annotated[Path, typer.Argument(metavar="RESULTS", help="Results file, ours or CaImAn's.")]
Rule = Annotated[
    str, typer.Argument(help='Which ROIs: "snr < 3 and not accepted", "id == 7", "`cell type` == \'PV\'".')
]
Who = Annotated[str | None, typer.Option("--who", metavar="NAME", help="Name for the log; the user by default.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Only say how many ROIs the rule chooses.")]


@app.command()
def show(results: File, as_json: Json = False) -> None:
    """Tell how the ROIs stand, and what was done to them."""
    from cnmf3d.results import load_results
    from cnmf3d.results.curation.session import CurationSession
    from cnmf3d.results.curation.wording import said

    read = load_results(results)
    session = CurationSession.from_results(read)
    for caution in read.provenance.warnings:
        if "curation" in caution:
            typer.echo(f"Caution: {caution}", err=True)
    if as_json:
        log = [json.loads(entry.to_json()) for entry in session.log]
        typer.echo(json.dumps({**_facts(session), "log": log}, ensure_ascii=False))
        return
    told = _facts(session)
    typer.echo(
        f"{told['rois']} ROIs: {told['accepted']} accepted, {told['rejected']} rejected; {told['gone']} taken away"
    )
    for column, values in told["tags"].items():
        each = ", ".join(f"{value} ({count})" for value, count in values.items())
        typer.echo(f"tags {column}: {each or 'none'}")
    for number, entry in enumerate(session.log, 1):
        typer.echo(f"{number:4}  {entry.time}  {entry.who}  {said(entry)}")


@app.command()
def accept(results: File, rule: Rule, who: Who = None, dry_run: Dry = False) -> None:
    """Take the ROIs that a rule chooses for cells."""
    with _session(results, who, dry_run) as session:
        ids = _chosen(session, rule, dry_run, "accepted")
        session.accept(ids)


@app.command()
def reject(results: File, rule: Rule, who: Who = None, dry_run: Dry = False) -> None:
    """Take the ROIs that a rule chooses for something else; they are kept."""
    with _session(results, who, dry_run) as session:
        ids = _chosen(session, rule, dry_run, "rejected")
        session.reject(ids)


@app.command()
def delete(results: File, rule: Rule, who: Who = None, dry_run: Dry = False) -> None:
    """Take the ROIs that a rule chooses away; `restore` brings them back."""
    with _session(results, who, dry_run) as session:
        ids = _chosen(session, rule, dry_run, "deleted")
        session.delete(ids)


@app.command()
def restore(results: File, ids: Annotated[str, typer.Argument(metavar="IDS", help="3,5,7")], who: Who = None) -> None:
    """Bring ROIs back that were deleted, merged or split."""
    with _session(results, who) as session:
        session.restore(_ids(ids))


@app.command()
def tag(
    results: File,
    rule: Rule,
    column: Annotated[str, typer.Argument(help="Tag column; made where it isn't there.")],
    value: Annotated[str, typer.Argument(help="Text, a number, true or false; empty text takes the tag away.")],
    who: Who = None,
    dry_run: Dry = False,
) -> None:
    """Give a tag to the ROIs that a rule chooses."""
    with _session(results, who, dry_run) as session:
        ids = _chosen(session, rule, dry_run, "tagged")
        session.tag(ids, column, _value(value))


@app.command()
def merge(results: File, ids: Annotated[str, typer.Argument(metavar="IDS", help="3,5,7")], who: Who = None) -> None:
    """Make one ROI of several, from their own traces."""
    from cnmf3d.results.curation.making import merged

    with _session(results, who) as session:
        gone = _ids(ids)
        [new] = session.replace(gone, merged(session.components(gone)), way="merge", source="traces")
        typer.echo(f"ROI {new} is in the place of {', '.join(map(str, gone))}")


@app.command()
def split(
    results: File,
    roi: Annotated[int, typer.Argument(metavar="ID")],
    parts: Annotated[bool, typer.Option("--parts", help="By connected parts, not by hills.")] = False,
    who: Who = None,
) -> None:
    """Make several ROIs of one, by the hills of its footprint; all keep its time course."""
    from cnmf3d.errors import UsageError
    from cnmf3d.results.curation.making import parted
    from cnmf3d.results.curation.splitting import connected_parts, watershed_parts

    with _session(results, who) as session:
        whole = session.components([roi])
        found = connected_parts(whole) if parts else watershed_parts(whole)
        if len(found) < 2:
            raise UsageError(
                f"ROI {roi} has only one {'part' if parts else 'hill'}", "Split it in the viewer, by hand."
            )
        new = session.replace([roi], parted(whole, found), way="split", source="traces")
        typer.echo(f"ROIs {', '.join(map(str, new))} are in the place of {roi}")


@app.command()
def undo(results: File, steps: Annotated[int, typer.Option("-n", min=1, help="How many steps.")] = 1) -> None:
    """Take the last step back."""
    with _session(results, None) as session:
        done = sum(session.undo() for _ in range(steps))
        typer.echo(f"{done} steps undone" if done != 1 else "1 step undone")


@app.command()
def redo(results: File, steps: Annotated[int, typer.Option("-n", min=1, help="How many steps.")] = 1) -> None:
    """Do again what was taken back."""
    with _session(results, None) as session:
        done = sum(session.redo() for _ in range(steps))
        typer.echo(f"{done} steps done again" if done != 1 else "1 step done again")


@contextmanager
def _session(path: Path, who: str | None, dry: bool = False) -> Iterator[CurationSession]:
    """A session whose steps are in the file at the end; with `dry`, one that nobody keeps."""
    from cnmf3d.results import load_results
    from cnmf3d.results.curation.session import CurationSession

    if dry:
        yield CurationSession.from_results(load_results(path), who)
        return
    session = CurationSession.open(path, who)
    if session.journal is not None and session.journal.notice:
        typer.echo(f"Caution: {session.journal.notice}", err=True)
    try:
        before = len(session.log)
        yield session
        if len(session.log) > before:
            session.save()
    finally:
        session.close()


def _chosen(session: CurationSession, rule: str, dry: bool, what: str) -> list[int]:
    """ROIs that a rule chooses; none where that is all that is asked."""
    from cnmf3d.results.curation.choosing import where

    ids = [int(i) for i in where(session, rule)]
    count = "1 ROI" if len(ids) == 1 else f"{len(ids)} ROIs"
    typer.echo(f"{count} would be {what}" if dry else f"{count} {what}")
    return [] if dry else ids


def _ids(text: str) -> list[int]:
    from cnmf3d.errors import UsageError

    try:
        return [int(part) for part in text.replace(" ", "").split(",")]
    except ValueError as error:
        raise UsageError(f"{text!r} are no ROI numbers", "Write them with commas: 3,5,7.") from error


def _value(text: str) -> str | int | float | bool | None:
    """A tag as a user writes it."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None


def _facts(session: CurationSession) -> dict[str, Any]:
    accepted = int(session.accepted.sum())
    tags: dict[str, dict[str, int]] = {}
    for column, values in session.tags.items():
        shown = [str(values[int(i)]) for i in session.ids if int(i) in values]
        tags[column] = {value: shown.count(value) for value in dict.fromkeys(shown)}
    return {
        "rois": len(session),
        "accepted": accepted,
        "rejected": len(session) - accepted,
        "gone": len(session.deleted),
        "tags": tags,
    }
