"""A real scheduler and real workers, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cnmf3d.batch import Batch, Item, Status, supervise
from cnmf3d.batch.cluster.dask import LOST, DaskStarter, compute
from cnmf3d.batch.cluster.scheduler import ClusterError, Scheduler, check_versions, connect
from cnmf3d.batch.processes import end_tree, lives
from cnmf3d.errors import UsageError

pytestmark = pytest.mark.timeout(200)

SECONDS = 40.0
"""How long a machine that has much to do may take for what takes a second or two."""


class Machines:
    """A scheduler with workers, each a process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._dask("scheduler", "--port", "0", "--scheduler-file", str(self.file))
        wait(self.file.exists)

    def add(self) -> subprocess.Popen[bytes]:
        """One more worker."""
        words = ("--scheduler-file", str(self.file), "--no-nanny", "--nthreads", "1", "--memory-limit", "0")
        self.workers.append(self._dask("worker", *words, "--local-directory", str(self.folder)))
        return self.workers[-1]

    def _dask(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "dask.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *words, "--host", "127.0.0.1", "--no-dashboard"], stdout=log, stderr=log
            )

    def end(self) -> None:
        """End them all."""
        for process in (*self.workers, self.scheduler):
            end_tree(process.pid)
            process.wait(SECONDS)


def wait(there: Callable[[], Any]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + SECONDS
    while not there():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    made = Machines(tmp_path_factory.mktemp("dask"))
    try:
        made.add()
        made.add()
        yield made
    finally:
        made.end()


@pytest.fixture
def scheduler(machines: Machines) -> Iterator[Scheduler]:
    for _ in range(sum(worker.poll() is None for worker in machines.workers), 2):
        machines.add()
    found = connect(str(machines.file))
    try:
        wait(lambda: len(found.workers()) == 2)
        yield found
    finally:
        found.close()


def tree(batch: Batch, item: Item) -> psutil.Process:
    """The worker of an item."""
    folder = batch.run_folder(item)
    wait(lambda: lives(folder.worker()))
    return psutil.Process(int((folder.worker() or {})["pid"]))


def test_items_run_side_by_side(batch: Batch, items: list[Item], scheduler: Scheduler) -> None:
    heard: list[tuple[str, str]] = []
    outcome = supervise(
        batch,
        scheduler=scheduler.client.scheduler.address,
        reporter=lambda item, event: heard.append((item.uuid, event["kind"])),
    )
    assert (outcome.done, outcome.failed) == (2, 0)
    for item in batch.items():
        assert item.status is Status.DONE
        assert item.attempts == 1
        assert batch.run_folder(item).job.workers == 1
        assert {"start", "progress", "done", "end"} <= {kind for uuid, kind in heard if uuid == item.uuid}
    starts = [number for number, (_, kind) in enumerate(heard) if kind == "start"]
    assert starts[1] < min(number for number, (_, kind) in enumerate(heard) if kind == "end")


def test_an_item_of_a_killed_dask_worker_is_tried_on_another(
    batch: Batch, items: list[Item], longer: Path, machines: Machines, scheduler: Scheduler
) -> None:
    batch.delete([item.uuid for item in items])
    item = batch.add(longer, name="long")
    outcomes = []
    with Batch.open(batch.folder) as other:
        thread = threading.Thread(
            daemon=True, target=lambda: outcomes.append(supervise(other, scheduler=str(machines.file)))
        )
        thread.start()
        worker = tree(batch, item)
        first = worker.pid
        owner = next(each for each in worker.parents() if each.pid in [one.pid for one in machines.workers])
        os.kill(owner.pid, signal.SIGKILL)
        psutil.wait_procs([worker], timeout=SECONDS)
        assert not worker.is_running()
        wait(lambda: (batch.run_folder(item).worker() or {}).get("pid", first) != first)
        thread.join(SECONDS)
    assert outcomes[0].done == 1
    found = batch.item("long")
    assert found.status is Status.DONE and found.attempts >= 2
    told = [change.status.value for change in batch.history("long")]
    assert told[:4] == ["pending", "running", "interrupted", "running"] and told[-1] == "done"


def test_an_abort_ends_the_process_on_its_machine(
    batch: Batch, items: list[Item], longer: Path, machines: Machines, scheduler: Scheduler
) -> None:
    batch.delete([item.uuid for item in items])
    item = batch.add(longer, name="long")
    there = [each for each in machines.workers if each.poll() is None]
    with Batch.open(batch.folder) as other:
        thread = threading.Thread(daemon=True, target=lambda: supervise(other, scheduler=str(machines.file)))
        thread.start()
        worker = tree(batch, item)
        batch.abort(["long"])
        thread.join(SECONDS)
    assert not worker.is_running()
    assert batch.item("long").status is Status.ABORTED
    assert [each for each in machines.workers if each.poll() is None] == there
    batch.retry(["long"])
    assert not batch.run_folder(item).complete()


def test_a_run_is_killed_and_never_done_twice(
    batch: Batch, items: list[Item], longer: Path, scheduler: Scheduler
) -> None:
    """What a supervisor does on Ctrl-C, and a second start while the first is at work."""
    batch.delete([item.uuid for item in items])
    item = batch.add(longer, name="long")
    folder = batch.run_folder(item)
    from cnmf3d.batch.cluster.ready import prepare

    prepare(batch, [item], [1])
    starter = DaskStarter(scheduler)
    one = starter.start(folder)
    worker = tree(batch, item)
    two = starter.start(folder)
    time.sleep(2)
    assert (one.poll(), two.poll()) == (None, None)
    assert int((folder.worker() or {})["pid"]) == worker.pid
    one.kill()
    two.kill()
    assert None not in (one.poll(), two.poll())
    wait(lambda: not worker.is_running())
    assert not lives(folder.worker())


def test_a_scheduler_that_goes_away(tmp_path: Path, batch: Batch, items: list[Item], longer: Path) -> None:
    batch.delete([item.uuid for item in items])
    item = batch.add(longer, name="long")
    machines = Machines(tmp_path)
    errors = []
    try:
        machines.add()
        with Batch.open(batch.folder) as other:

            def run() -> None:
                try:
                    supervise(other, scheduler=str(machines.file))
                except ClusterError as error:
                    errors.append(error)

            thread = threading.Thread(daemon=True, target=run)
            thread.start()
            worker = tree(batch, item)
            machines.scheduler.kill()
            thread.join(SECONDS)
        assert "is gone" in errors[0].problem and str(machines.file) in errors[0].problem
        assert batch.item("long").status is Status.INTERRUPTED
        wait(lambda: not worker.is_running())
    finally:
        machines.end()


@pytest.mark.parametrize(
    ("address", "kind", "told"),
    [
        ("tcp://127.0.0.1:9", ClusterError, "no dask scheduler answers at tcp://127.0.0.1:9"),
        ("127.0.0.1:9", ClusterError, "no dask scheduler answers"),
        ("nonsense://x", UsageError, "no address of a scheduler"),
        ("tcp://127.0.0.1:port", UsageError, "no address of a scheduler"),
        ("", UsageError, "no address of a scheduler"),
    ],
)
def test_addresses_where_nobody_answers(
    address: str, kind: type[Exception], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnmf3d.batch.cluster.scheduler.TIMEOUT", 0.5)
    with pytest.raises(kind, match=told) as error:
        connect(address)
    assert error.value.fix  # type: ignore[attr-defined]


def test_a_client_that_cant_connect_is_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Left to the garbage collector, its end can wait for a lock that the same thread holds."""
    from distributed import Client

    made: list[Any] = []
    usual = Client.__init__

    def noted(client: Any, *words: Any, **options: Any) -> None:
        made.append(client)
        usual(client, *words, **options)

    monkeypatch.setattr("cnmf3d.batch.cluster.scheduler.TIMEOUT", 0.5)
    monkeypatch.setattr(Client, "__init__", noted)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises((ClusterError, UsageError)):
            connect(address)
    assert [client.status for client in made] == ["closed"] * 2


def test_a_scheduler_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machines = Machines(tmp_path)
    try:
        machines.add()
        found = connect(str(machines.file))
        monkeypatch.setattr("cnmf3d.batch.cluster.scheduler.ANSWER", 1.0)
        machines.scheduler.send_signal(signal.SIGSTOP)
        found._asked = 0.0
        with pytest.raises(ClusterError, match="doesn't answer") as error:
            found.workers()
        assert error.value.fix
        machines.scheduler.send_signal(signal.SIGCONT)
        found.close()
    finally:
        machines.end()


def test_a_scheduler_file_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    for text in ("{}", "hello", '["a"]'):
        file.write_text(text)
        with pytest.raises(UsageError, match="no address"):
            connect(str(file))


def test_a_scheduler_without_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machines = Machines(tmp_path)
    try:
        monkeypatch.setattr("cnmf3d.batch.cluster.scheduler.TIMEOUT", 5.0)
        with pytest.raises(ClusterError, match="has no workers"):
            connect(str(machines.file))
    finally:
        machines.end()


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"dask.distributed isn't installed"):
        connect("tcp://127.0.0.1:9")


def versions(cnmf3d: str | None, distributed: str | None) -> dict[str, Any]:
    return {"packages": {"cnmf3d": cnmf3d, "distributed": distributed}}


def test_other_versions_are_named() -> None:
    here = versions("1", "2")
    check_versions("a", {"client": here, "scheduler": versions(None, "2"), "workers": {"w": here}})
    with pytest.raises(ClusterError, match=r"the scheduler of a has distributed 3, here it is 2"):
        check_versions("a", {"client": here, "scheduler": versions("1", "3"), "workers": {"w": here}})
    with pytest.raises(ClusterError, match=r"the worker w of a has cnmf3d \(none\), here it is 1"):
        check_versions("a", {"client": here, "scheduler": here, "workers": {"w": versions(None, "2")}})
    with pytest.raises(ClusterError, match=r"the worker v of a has cnmf3d 0"):
        check_versions("a", {"client": here, "scheduler": here, "workers": {"w": here, "v": versions("0", "2")}})


def test_a_machine_that_doesnt_see_the_disk(scheduler: Scheduler, tmp_path: Path) -> None:
    from cnmf3d.batch import RunFolder

    run = DaskStarter(scheduler).start(RunFolder(tmp_path / "elsewhere"))
    with pytest.raises(ClusterError, match="does not see"):
        wait(lambda: run.poll() is not None)
    with pytest.raises(Exception, match=os.uname().nodename):
        compute(str(tmp_path))
    assert LOST < 0
