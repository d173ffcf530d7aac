"""The supervisor: runs a batch's items, each in a process of its own: one by one here, side by side on a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cnmf3d.batch import workdir
from cnmf3d.batch.item import Item
from cnmf3d.batch.jobs import job_of
from cnmf3d.batch.lease import lease, renew
from cnmf3d.batch.outcome import told_by
from cnmf3d.batch.processes import Adopted, Handle, Local, Starter, lives
from cnmf3d.batch.runfolder import RunFolder
from cnmf3d.batch.status import Status
from cnmf3d.batch.store import Batch, now
from cnmf3d.batch.worker import BUSY
from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.stored_names import refuse_links

Told = Callable[[Item, dict[str, Any]], None]
"""Is told of each event of an item; of its start and end with the kinds ``start`` and ``end``."""

DEATHS = 3
"""How often an item's process may die without reporting an error, while its supervisor lives, before the item fails."""

DIED = "its process ended without reporting an error"
"""Why an item is interrupted whose process died under a supervisor that lives."""

PAUSE, BEAT = 0.05, 10.0
"""Seconds between two looks at a run, and between two signs of life."""

LOOK = 1.0
"""Seconds between two looks at what waits, while something runs."""


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
    scheduler: str | None = None,
    work_dir: str | Path | None = None,
    reporter: Told = quiet,
) -> Outcome:
    """Run a batch until nothing waits; items may be added meanwhile.

    Parameters
    ----------
    batch : Batch
    keys : UUIDs or names, optional
        Only these items, and those that register their movies.
    start_at : str, optional
        UUID or name of the first item; those before it wait.
    workers : int, optional
        Threads of an item; all cores by default.
    starter : Starter, optional
        Where runs are started; on this machine by default.
    scheduler : str, optional
        Address of a running dask.distributed scheduler whose workers compute the items, instead of a `starter`.
    work_dir : path, optional
        Folder of a fast disk: run folders are moved there, and back when their items have ended.
    reporter : callable
        Told of each event.

    Raises
    ------
    UsageError
        Where another supervisor runs the batch, a key means nothing, or there is no such work directory.
    ClusterError
        Where the scheduler can't be reached, or its workers can't compute items.
    """
    only = None if keys is None else {batch.item(key).uuid for key in keys}
    first = None if start_at is None else batch.item(start_at).uuid
    if work_dir is not None and scheduler is not None:
        raise UsageError("a work directory is for this machine", "Leave out --work-dir, or --scheduler.")
    fast = None if work_dir is None else workdir.check(Path(work_dir), batch.folder)
    with _place(starter, scheduler) as where, lease(batch):
        at_work = _Supervisor(batch, where, workers, reporter, fast)
        ended = at_work.all(lambda: _waiting(batch, only, first))
    return Outcome(ended.count(Status.DONE), ended.count(Status.FAILED), ended.count(Status.ABORTED))


@contextmanager
def _place(starter: Starter | None, scheduler: str | None) -> Iterator[Starter]:
    """Where runs are started."""
    if scheduler is None:
        yield starter or Local()
        return
    from cnmf3d.batch.cluster.dask import DaskStarter
    from cnmf3d.batch.cluster.scheduler import connect

    cluster = connect(scheduler)
    try:
        yield DaskStarter(cluster)
    finally:
        cluster.close()


def _waiting(batch: Batch, only: Collection[str] | None, first: str | None) -> Iterator[Item]:
    """Items to run, in order: those that are wanted, and those whose output these need."""
    waiting = [item for item in batch.items() if item.status in (Status.PENDING, Status.INTERRUPTED)]
    wanted, reached = set(), first is None
    for item in batch.items():
        reached = reached or item.uuid == first
        if reached and (only is None or item.uuid in only):
            wanted.add(item.uuid)
    needed = {item.input.item for item in waiting if item.uuid in wanted}
    yield from (item for item in waiting if item.uuid in wanted | needed)


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
        supervisor.recover()
    return [item for item in batch.items() if item.status is not before.get(item.uuid)]


@dataclass
class _Run:
    """An item at work."""

    item: Item
    folder: RunFolder
    handle: Handle
    offset: int = 0
    aborted: bool = False

    @property
    def elsewhere(self) -> bool:
        """Whether somebody else started it on another machine; it takes no place here, and Ctrl-C leaves it alone."""
        return isinstance(self.handle, Adopted) and not self.handle.here


@dataclass
class _Supervisor:
    """Runs items; what they are told by is their run folders alone."""

    batch: Batch
    starter: Starter
    workers: int | None
    reporter: Told
    work_dir: Path | None = None
    running: list[_Run] = field(default_factory=list)
    beat: float = field(default_factory=time.monotonic)

    def all(self, waiting: Callable[[], Iterator[Item]]) -> list[Status]:
        """Run what waits, until nothing does; how each item ended."""
        ended: list[Status] = []
        try:
            self.recover()
            more, look = True, 0.0
            while True:
                if more or time.monotonic() >= look:
                    more, look = self._begun(waiting, ended), time.monotonic() + LOOK
                if not more and not self.running:
                    return ended
                for run in [run for run in self.running if self._over(run)]:
                    self.running.remove(run)
                    ended.append(self._ended(run))
                    more = True
                self._alive()
                time.sleep(PAUSE)
        except BaseException:
            self._interrupt()
            raise

    def _begun(self, waiting: Callable[[], Iterator[Item]], ended: list[Status]) -> bool:
        """Begin the next item that waits, if there is room; whether there was one."""
        item = self._next(waiting)
        if item is None or sum(not run.elsewhere for run in self.running) >= self.starter.slots():
            return False
        found = self._begin(item)
        if found is not None:
            ended.append(found)
        return True

    def _next(self, waiting: Callable[[], Iterator[Item]]) -> Item | None:
        """The first item that waits, for its turn and not for the cache or the output of another one."""
        items = list(waiting())
        expected = {item.uuid for item in items} | {run.item.uuid for run in self.running}
        free = (item for item in items if not expected & {item.options.get("memmap_uuid"), item.input.item})
        return next(free, None)

    def recover(self) -> None:
        """Items that were left running: followed where their worker lives, settled or interrupted where not."""
        for item in self.batch.items():
            folder = self.batch.run_folder(item)
            if item.status.over:
                continue
            if lives(folder.worker()):
                self._adopt(item, folder)
            elif item.status.active or folder.ended() is not None:
                self._settle(item, folder, "its process is gone")

    def _adopt(self, item: Item, folder: RunFolder) -> None:
        """Follow a run that somebody else started."""
        if not item.status.active:
            self.batch.change(item.uuid, item.status, Status.RUNNING, why="runs elsewhere", started=now())
        self.running.append(_Run(item, folder, Adopted(folder)))

    def _begin(self, item: Item) -> Status | None:
        """Start one item; how it ended where it can't be started."""
        folder = self.batch.run_folder(item)
        if lives(folder.worker()):
            self._adopt(item, folder)
            return None
        try:
            refuse_links(folder.path)
            job = job_of(self.batch, item, self.workers or self.starter.threads())
        except Cnmf3dError as error:
            return self._cannot(item, item.status, error)
        status = Status.RUNNING if self.work_dir is None else Status.MOVING
        started = {"attempts": item.attempts + 1, "started": now(), "finished": "", "error": "", "abort": 0}
        if not self.batch.change(item.uuid, item.status, status, why="started", **started):
            return None  # somebody else was faster
        try:
            self.reporter(item, {"kind": "start"})
            if self.work_dir is not None:
                try:
                    folder = self._sent(item, self.work_dir)
                except Cnmf3dError as error:
                    return self._cannot(item, Status.MOVING, error)
            folder.write(job)
            self.running.append(_Run(item, folder, self.starter.start(folder)))
        except BaseException:  # Ctrl-C, too, at whatever moment
            there = self.batch.item(item.uuid).status
            self.batch.change(item.uuid, there, Status.INTERRUPTED, why="it could not be started")
            raise
        return None

    def _cannot(self, item: Item, status: Status, error: Cnmf3dError) -> Status:
        """Fail an item that can't be started."""
        self.batch.change(item.uuid, status, Status.FAILED, why="can't start", error=str(error), finished=now())
        return self._told_end(item)

    def _sent(self, item: Item, work_dir: Path) -> RunFolder:
        """Move an item's run folder to the work directory."""
        self.reporter(item, {"kind": "moving", "to": str(work_dir)})
        folder = RunFolder(workdir.send(self.batch.home(item), work_dir, self._alive))
        self.batch.change(item.uuid, Status.MOVING, Status.RUNNING, why=f"in {work_dir}")
        return folder

    def _home(self, item: Item, folder: RunFolder) -> tuple[Item, RunFolder]:
        """Move an item's run folder back to where it belongs, if it is away; both as they are then."""
        home = self.batch.home(item)
        if folder.path != home:
            self.batch.change(item.uuid, item.status, Status.MOVING, why=f"from {folder.path.parent}")
            self.reporter(item, {"kind": "moving", "to": str(home.parent)})
            workdir.bring_back(home, self._alive)
        return self.batch.item(item.uuid), self.batch.run_folder(item)

    def _over(self, run: _Run) -> bool:
        """Pass a run's events on, end it where that is asked for; whether it is over."""
        code = run.handle.poll()
        for position, event in run.folder.events(run.offset):
            run.offset = position
            self.reporter(run.item, event)
        if code == BUSY:  # somebody else was faster
            if lives(run.folder.worker()):
                run.handle = Adopted(run.folder)
                return False
            if run.folder.locked():  # and hasn't signed yet
                return False
        if code is None and self.batch.abort_asked(run.item.uuid):
            run.aborted = True
            run.handle.kill()
        return code is not None

    def _ended(self, run: _Run) -> Status:
        """Settle a run that is over; how it ended."""
        item = self.batch.item(run.item.uuid)
        if run.aborted:
            self._settle(item, run.folder, "asked for", over=Status.ABORTED)
        else:
            self._settle(item, run.folder, DIED)
        return self._told_end(item)

    def _interrupt(self) -> None:
        """End all runs, which go on from there next time."""
        for run in self.running:
            if not run.elsewhere:
                run.handle.kill()
                item = self.batch.item(run.item.uuid)
                self._settle(item, run.folder, "the supervisor was stopped", over=Status.INTERRUPTED)

    def _alive(self) -> None:
        """Give a sign of life, now and then."""
        if time.monotonic() - self.beat > BEAT:
            self.beat = time.monotonic()
            renew(self.batch)

    def _settle(self, item: Item, folder: RunFolder, why: str, over: Status | None = None) -> None:
        """Status of an item whose worker is gone: `over`, or what its run folder tells."""
        ended = folder.ended() or {}
        failed = ended.get("kind") == "error"
        complete = not failed and folder.complete() and (bool(ended) or folder.fresh())
        folder.tidy(done=over is None and complete)
        try:
            item, folder = self._home(item, folder)
        except Cnmf3dError as error:
            values = {"error": str(error), "finished": now(), "abort": 0}
            self.batch.change(item.uuid, Status.MOVING, Status.FAILED, why="it can't be moved back", **values)
            return
        change = partial(self.batch.change, item.uuid, item.status)
        if over is Status.INTERRUPTED:
            change(over, why=why)
        elif over is Status.ABORTED or (not failed and not complete and self.batch.abort_asked(item.uuid)):
            change(Status.ABORTED, why="asked for", finished=now(), abort=0)
        elif failed:
            change(Status.FAILED, why="an error", error=str(ended.get("text", "")), finished=now())
        elif complete:
            try:
                told = told_by(folder, item.module)
            except Cnmf3dError as error:
                change(Status.FAILED, why="its output is damaged", error=str(error), finished=now())
                return
            change(Status.DONE, why="complete", finished=now(), error="", **told)
        elif why == DIED and (deaths := 1 + self._deaths(item)) >= DEATHS:
            text = f"{why}, {deaths} times: was it killed, or had the machine no memory left?\n{_tail(folder)}"
            change(Status.FAILED, why=why, error=text.strip(), finished=now())
        else:
            change(Status.INTERRUPTED, why=why)

    def _deaths(self, item: Item) -> int:
        """How often its process died since somebody last asked for the item.

        One that was gone together with its supervisor doesn't count: the machine was switched off, or both were
        killed, which says nothing about the item.
        """
        deaths = 0
        for change in self.batch.history(item.uuid):
            deaths = 0 if change.status is Status.PENDING else deaths + (change.why == DIED)
        return deaths

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
