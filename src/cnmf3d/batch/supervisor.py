"""The supervisor: runs a batch's items one after the other, each in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cnmf3d.batch.engines import engine_of
from cnmf3d.batch.item import Item
from cnmf3d.batch.lease import lease, renew
from cnmf3d.batch.outcome import told_by
from cnmf3d.batch.processes import Adopted, Handle, Local, Starter, lives
from cnmf3d.batch.runfolder import Job, RunFolder
from cnmf3d.batch.status import Status
from cnmf3d.batch.store import Batch, now
from cnmf3d.errors import Cnmf3dError

Told = Callable[[Item, dict[str, Any]], None]
"""Is told of each event of an item; of its start and end with the kinds ``start`` and ``end``."""

ATTEMPTS = 3
"""How often an item is started whose process dies without a word."""

PAUSE, BEAT = 0.05, 10.0
"""Seconds between two looks at a run, and between two signs of life."""


@dataclass(frozen=True)
class Outcome:
    """How many items ended how."""

    done: int = 0
    failed: int = 0
    aborted: int = 0


def quiet(item: Item, event: dict[str, Any]) -> None:
    """Tell nobody."""


def supervise(
    batch: Batch,
    *,
    keys: Collection[str] | None = None,
    start_at: str | None = None,
    workers: int | None = None,
    starter: Starter | None = None,
    reporter: Told = quiet,
) -> Outcome:
    """Run a batch until nothing waits; items may be added meanwhile.

    Parameters
    ----------
    batch : Batch
    keys : UUIDs or names, optional
        Only these items.
    start_at : str, optional
        UUID or name of the first item; those before it wait.
    workers : int, optional
        Threads of an item; all cores by default.
    starter : Starter, optional
        Where runs are started; on this machine by default.
    reporter : callable
        Told of each event.

    Raises
    ------
    UsageError
        Where another supervisor runs the batch, or a key means nothing.
    """
    only = None if keys is None else {batch.item(key).uuid for key in keys}
    first = None if start_at is None else batch.item(start_at).uuid
    at_work = _Supervisor(batch, starter or Local(), workers, reporter)
    with lease(batch):
        at_work.recover()
        ended: list[Status] = []
        while True:
            waiting = next(_waiting(batch, only, first), None)
            if waiting is None:
                break
            ended.append(at_work.run(waiting))
    return Outcome(ended.count(Status.DONE), ended.count(Status.FAILED), ended.count(Status.ABORTED))


def _waiting(batch: Batch, only: Collection[str] | None, first: str | None) -> Iterator[Item]:
    """Items to run, in order."""
    reached = first is None
    for item in batch.items():
        reached = reached or item.uuid == first
        wanted = only is None or item.uuid in only
        if reached and wanted and item.status in (Status.PENDING, Status.INTERRUPTED):
            yield item


def sync(batch: Batch) -> list[Item]:
    """Pick up what was computed elsewhere (SLURM, a killed supervisor's workers); the items that changed.

    Raises
    ------
    UsageError
        Where a supervisor runs the batch: it does so itself.
    """
    before = {item.uuid: item.status for item in batch.items()}
    with lease(batch):
        supervisor = _Supervisor(batch, Local(), None, quiet)
        supervisor.recover(follow=False)
    return [item for item in batch.items() if item.status is not before.get(item.uuid)]


class _Supervisor:
    """Runs items; what they are told by is their run folders alone."""

    def __init__(self, batch: Batch, starter: Starter, workers: int | None, reporter: Told) -> None:
        self.batch = batch
        self.starter = starter
        self.workers = workers
        self.reporter = reporter
        self.beat = time.monotonic()

    def recover(self, *, follow: bool = True) -> None:
        """Items that were left running: followed where their worker lives, settled or interrupted where not."""
        for item in self.batch.items():
            folder = self.batch.run_folder(item)
            if item.status.over:
                continue
            if lives(folder.worker()):
                if not item.status.active:
                    self.batch.change(item.uuid, item.status, Status.RUNNING, why="runs elsewhere", started=now())
                if follow:
                    self._followed(item, folder, Adopted(folder))
            elif item.status.active or folder.ended() is not None:
                self._settle(item, folder, "its process is gone")

    def run(self, item: Item) -> Status:
        """Run one item to its end."""
        folder = self.batch.run_folder(item)
        try:
            job = self._job(item)
        except Cnmf3dError as error:
            self.batch.change(
                item.uuid, item.status, Status.FAILED, why="can't start", error=str(error), finished=now()
            )
            return self._told_end(item)
        started = {"attempts": item.attempts + 1, "started": now(), "finished": "", "error": "", "abort": 0}
        if not self.batch.change(item.uuid, item.status, Status.RUNNING, why="started", **started):
            return self.batch.item(item.uuid).status  # somebody else was faster
        folder.write(job)
        self.reporter(item, {"kind": "start"})
        return self._followed(item, folder, self.starter.start(folder))

    def _job(self, item: Item) -> Job:
        """What the run folder is told."""
        paths = item.input.found(self.batch.folder)
        if not paths:
            raise Cnmf3dError(
                f"the movie {item.input.paths[0]} is not there", "Tell where it is: cnmf3d batch relink BATCH FOLDER."
            )
        source = type(item.input)(paths, (), item.input.opening, item.input.fingerprint)
        job = Job(item.module, item.engine, source, item.parameters, item.options, self.workers)
        reason = engine_of(item.engine).unsuitable(job)
        if reason:
            raise Cnmf3dError(reason, "Choose another engine, or other parameters.")
        return job

    def _followed(self, item: Item, folder: RunFolder, handle: Handle) -> Status:
        """Pass events on until the run ends; end it where that is asked for."""
        offset, aborted = 0, False
        with self._interruptible(item, handle):
            while True:
                ended = handle.poll() is not None
                for position, event in folder.events(offset):
                    offset = position
                    self.reporter(item, event)
                if ended:
                    break
                if self.batch.abort_asked(item.uuid):
                    aborted = True
                    handle.kill()
                if time.monotonic() - self.beat > BEAT:
                    self.beat = time.monotonic()
                    renew(self.batch)
                time.sleep(PAUSE)
        if aborted:
            self.batch.change(item.uuid, Status.RUNNING, Status.ABORTED, why="asked for", finished=now(), abort=0)
            return self._told_end(item)
        self._settle(self.batch.item(item.uuid), folder, "its process ended without a word")
        return self._told_end(item)

    @contextmanager
    def _interruptible(self, item: Item, handle: Handle) -> Iterator[None]:
        """On Ctrl-C end the run, which goes on from there next time."""
        try:
            yield
        except BaseException:
            handle.kill()
            self.batch.change(item.uuid, Status.RUNNING, Status.INTERRUPTED, why="the supervisor was stopped")
            raise

    def _settle(self, item: Item, folder: RunFolder, why: str) -> None:
        """Status of an item whose worker is gone, by what its run folder holds."""
        ended = folder.ended() or {}
        if ended.get("kind") == "error":
            text = str(ended.get("text", ""))
            self.batch.change(item.uuid, item.status, Status.FAILED, why="an error", error=text, finished=now())
        elif folder.complete():
            self.batch.change(
                item.uuid, item.status, Status.DONE, why="complete", finished=now(), error="", **told_by(folder)
            )
        elif item.attempts >= ATTEMPTS:
            text = f"{why}, {item.attempts} times: was it killed, or had the machine no memory left?\n{_tail(folder)}"
            self.batch.change(item.uuid, item.status, Status.FAILED, why=why, error=text.strip(), finished=now())
        else:
            self.batch.change(item.uuid, item.status, Status.INTERRUPTED, why=why)

    def _told_end(self, item: Item) -> Status:
        found = self.batch.item(item.uuid)
        self.reporter(found, {"kind": "end", "status": found.status.value})
        return found.status


def _tail(folder: RunFolder, lines: int = 20) -> str:
    """The last lines of the log."""
    try:
        return "\n".join(folder.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
