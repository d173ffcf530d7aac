"""The run folder: the contract between who asks for a computation and who computes."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import BaseFileLock, Timeout

from cnmf3d import plain_json
from cnmf3d.batch.item import Input
from cnmf3d.batch.modules import MCORR
from cnmf3d.errors import InputError
from cnmf3d.hdf5 import holds
from cnmf3d.regular import refuse_special
from cnmf3d.stored_names import lock, refuse_links
from cnmf3d.written import sweep, temporary_name

if TYPE_CHECKING:
    from cnmf3d.parameters import CnmfParameters, MotionParameters


@dataclass(frozen=True)
class Job:
    """What is to be computed.

    Attributes
    ----------
    module, engine : str
    input : Input
        `paths` are where the movie was found.
    parameters, options : mapping
        As in `cnmf3d.batch.Item`.
    workers : int or None
        Threads; None: all cores.
    """

    module: str
    engine: str
    input: Input
    parameters: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    workers: int | None = None

    def of_cnmf(self) -> CnmfParameters:
        """Parameters of a job that finds cells.

        Raises
        ------
        InputError
            Where a job that somebody else wrote, or changed, has others.
        """
        from cnmf3d.parameters import CnmfParameters

        with _sound():
            return CnmfParameters.model_validate(self.parameters)

    def of_motion(self) -> MotionParameters:
        """Parameters of a job that registers.

        Raises
        ------
        InputError
            As `of_cnmf`.
        """
        from cnmf3d.parameters import MotionParameters

        with _sound():
            if "motion" not in self.parameters:
                raise ValueError("a job of mcorr_3d has its parameters in the group motion, and there is none")
            return MotionParameters.model_validate(self.parameters["motion"])


@contextmanager
def _sound() -> Iterator[None]:
    """Report parameters of a job that can't be as damage of its file."""
    from pydantic import ValidationError

    from cnmf3d.parameters.reading import complaints

    try:
        yield
    except ValidationError as error:
        wrong = "; ".join(f"{name} should be {why}" for name, why in complaints(error).items())
        raise InputError(f"job.json is damaged: {wrong}", AGAIN) from error
    except (ValueError, TypeError) as error:
        raise InputError(f"job.json is damaged: {error}", AGAIN) from error


AGAIN = "Export the item again, or retry it."


@dataclass(frozen=True)
class RunFolder:
    """One run's folder: ``job.json``, ``events.jsonl``, ``log.txt``, ``worker.json`` and what is computed."""

    path: Path

    @property
    def results(self) -> Path:
        """The results file of the module cnmf_3d; it appears whole or not at all."""
        return self.path / "results.hdf5"

    @property
    def motion(self) -> Path:
        """The motion file of the module mcorr_3d; it appears whole or not at all."""
        return self.path / "motion.hdf5"

    @property
    def motion_page(self) -> Path:
        """The page that shows the motion."""
        return self.path / "motion.html"

    @property
    def uuid(self) -> str:
        """Of the item, wherever the folder lies."""
        return self.path.name

    @property
    def scratch(self) -> Path:
        """Temporary files of an attempt."""
        return self.path / "scratch"

    @property
    def checkpoint(self) -> Path:
        """Finished steps, from which another attempt goes on."""
        return self.path / "checkpoint"

    @property
    def log(self) -> Path:
        """What the process printed."""
        return self.path / "log.txt"

    @property
    def abort(self) -> Path:
        """A file that asks whoever computes here to end, on whichever machine."""
        return self.path / "abort"

    @property
    def events_file(self) -> Path:
        """One JSON object a line."""
        return self.path / "events.jsonl"

    @property
    def job(self) -> Job:
        """What is to be computed.

        Raises
        ------
        InputError
            Where the folder holds no job, or one that can't be read.
        """
        file = self.path / "job.json"
        refuse_special(file)
        try:
            values = plain_json.loads(file.read_text(encoding="utf-8"))
            return Job(input=Input.from_dict(values.pop("input")), **values)
        except OSError as error:
            raise InputError(f"{self.path} is no run folder: {error.strerror}: job.json", "Export it again.") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{file} is damaged: {error}", AGAIN) from error

    def write(self, job: Job) -> None:
        """Make the folder ready for `job`; what an earlier attempt left is kept, its events are not.

        Raises
        ------
        InputError
            Where something in it is a link.
        """
        refuse_links(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self.path / "job.json", json.dumps(dataclasses.asdict(job), indent=1))
        self.reset()

    def events(self, offset: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        """Events from a position in the file on, each with the position behind it; a line half written waits."""
        refuse_special(self.events_file)
        try:
            with self.events_file.open("rb") as file:
                file.seek(offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    offset += len(line)
                    try:
                        event = plain_json.loads(line)
                    except ValueError:
                        continue
                    if isinstance(event, dict):
                        yield offset, event
        except FileNotFoundError:
            return

    def ended(self) -> dict[str, Any] | None:
        """The event that ends a run (kind ``done`` or ``error``), where it is there."""
        last = None
        for _, event in self.events():
            if event.get("kind") in ("done", "error"):
                last = event
        return last

    def tidy(self, *, done: bool) -> None:
        """Remove what nobody needs once a process has ended; where all is done, the finished steps, too."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        sweep(self.path)
        if done:
            shutil.rmtree(self.checkpoint, ignore_errors=True)

    def reset(self) -> None:
        """Forget how an earlier attempt ended; what it computed is kept."""
        self.events_file.unlink(missing_ok=True)
        self.abort.unlink(missing_ok=True)

    def ask_abort(self) -> None:
        """Ask whoever computes here to end."""
        if self.path.is_dir():
            self.abort.touch()

    def output(self, module: str) -> Path:
        """The file that a module computes."""
        return self.motion if module == MCORR else self.results

    def complete(self) -> bool:
        """Whether what the job asks for is there, as a whole."""
        if self._output() == self.motion:
            from cnmf3d.movies.registered.storing import holds_motion

            return holds_motion(self.motion)
        return holds(self.results, "estimates")

    def fresh(self) -> bool:
        """Whether the output is of the job that is asked for now, and not of an earlier one."""
        try:
            return self._output().stat().st_mtime_ns >= (self.path / "job.json").stat().st_mtime_ns
        except OSError:
            return False

    def _output(self) -> Path:
        """The file that the job asks for."""
        try:
            return self.output(self.job.module)
        except InputError:  # no job, or a damaged one
            return self.results

    @property
    def worker_file(self) -> Path:
        """Signature of the worker, which it renews while it works."""
        return self.path / "worker.json"

    @property
    def started_file(self) -> Path:
        """Signature of a worker that was started and may not have signed yet: its imports take a second."""
        return self.path / "started.json"

    def worker(self) -> dict[str, Any] | None:
        """Who works on it: whoever signed last, the worker itself or who started it for it; None where nobody did."""
        signed = [found for file in (self.worker_file, self.started_file) if (found := _signature(file)) is not None]
        return max(signed, key=_beat, default=None)

    def sign(self, who: Mapping[str, Any], *, started: bool = False) -> None:
        """Say who works on it; with `started`, on behalf of a worker that was just started."""
        write_whole(self.started_file if started else self.worker_file, json.dumps(dict(who)))

    def unsign(self) -> None:
        """Say that nobody works on it any more."""
        self.worker_file.unlink(missing_ok=True)
        self.started_file.unlink(missing_ok=True)

    def locked(self) -> bool:
        """Whether a worker of this machine has the folder's lock, be it before its first signature."""
        try:
            with self.lock():
                return False
        except Timeout:
            return True
        except OSError:  # no folder
            return False

    def lock(self) -> BaseFileLock:
        """What a worker holds; `filelock.Timeout` where another one has it."""
        return lock(self.path / "worker.lock")


def _signature(file: Path) -> dict[str, Any] | None:
    refuse_special(file)
    try:
        found = plain_json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _beat(who: Mapping[str, Any]) -> float:
    """When somebody signed last, seconds since 1970; 0 where that can't be read."""
    beat = who.get("beat")
    return float(beat) if isinstance(beat, (int, float)) else 0.0


def write_whole(path: Path, text: str) -> None:
    """Write a small file that appears whole or not at all.

    Raises
    ------
    OSError
        Where it can't be written.
    """
    temporary = path.with_name(temporary_name())
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
