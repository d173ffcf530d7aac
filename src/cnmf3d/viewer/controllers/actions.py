"""Actions: what the docks of form, batch and scripts do together in one window, and the models that they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from cnmf3d.batch import sync
from cnmf3d.batch.modules import CNMF, MCORR
from cnmf3d.errors import InputError, UsageError
from cnmf3d.parameters import read_parameters
from cnmf3d.viewer.controllers.batch import Supervision, command_of, deletable, open_or_create
from cnmf3d.viewer.controllers.foresight import Foresight
from cnmf3d.viewer.controllers.preview import Preview
from cnmf3d.viewer.controllers.recorder import Recorder
from cnmf3d.viewer.controllers.scripting import space_of
from cnmf3d.viewer.models.batch import BatchModel
from cnmf3d.viewer.models.form import FormModel
from cnmf3d.workspace.adding import add

if TYPE_CHECKING:
    from cnmf3d.batch import Batch, Item
    from cnmf3d.viewer.app import App
    from cnmf3d.viewer.tasks import Task
    from cnmf3d.workspace import Workspace


class Actions:
    """What can be done with form, batch and scripts. Mistakes go to ``app.fail``.

    Parameters
    ----------
    app : App

    Attributes
    ----------
    form : FormModel
    batch : BatchModel
    recorder : Recorder
    preview : Preview
    foresight : Foresight
        What a run would take.
    scheduled : str
        Time of day at which the batch begins, where it waits for one.
    loaded : Signal
        UUID of an item whose output is in the viewer now.
    form_wanted : Signal
        The form should be seen: it was filled from an item.
    script_ended : Signal
        Names that a script of this window left.
    """

    loaded = Signal(str)
    form_wanted = Signal()
    script_ended = Signal(dict)

    def __init__(self, app: App) -> None:
        self.app = app
        self.form, self.batch, self.recorder = FormModel(), BatchModel(), Recorder()
        self.preview = Preview(app.tasks)
        self.foresight = Foresight(app, self.form)
        self._space: Workspace | None = None
        self.supervision: Supervision | None = None
        self.scheduled = ""
        self.workers: int | None = None
        self.work_dir: Path | None = None
        self._loading: Task | None = None
        self._quiet = False
        self.batch.failed.connect(app.fail)
        app.batch_changed.connect(self._take_batch)
        app.movie_changed.connect(self._record_movie)
        app.closed.connect(self.close)
        if app.batch is not None:
            self._take_batch(app.batch)

    def close(self) -> None:
        """Let go of everything; a batch that runs goes on."""
        self.preview.close()
        self.batch.close()
        if self._space is not None:
            self._space.manager.close()

    @property
    def space(self) -> Workspace:
        """The names that scripts and console have in this window."""
        if self._space is None:
            self._space = space_of(self)
        return self._space

    def poll(self) -> None:
        """Look what is new in the batch; the window calls it now and then."""
        self.batch.poll()
        self.scheduled = "" if self.supervision is None else self.supervision.scheduled
        trouble = "" if self.supervision is None else self.supervision.trouble()
        if trouble:
            self.app.fail(InputError(f"the batch could not be run: {trouble}", "Mend it, then start it again."))

    def open_batch(self, folder: str | Path) -> bool:
        """Open a batch, or make a new one; whether it is open now."""

        def do() -> None:
            self.app.batch = open_or_create(folder)
            self.app.recent.add(Path(folder))
            self.app.tell(f"Opened the batch {folder}")

        return self.app.attempt(do)

    def add_item(self) -> Item | None:
        """Add the movie of the work environment to the batch, with what is in the form."""
        made: list[Item] = []

        def do() -> None:
            batch, form = self._opened(), self.form
            if form.missing():
                raise UsageError(f"the item can't be added: {form.missing()}", "")
            env = self.app.environment
            env.imgdata.source()
            if form.parameters().data.fr is None and env.imgdata.rate is None:
                form.complain("data.fr", "the movie's rate isn't known: enter the volumes a second")
                raise UsageError("the movie's rate isn't known", "Enter the volume rate (Hz) in the form.")
            params = form.params(env.imgdata.movie)
            made.append(add(batch, "cnmf_3d", env, params, form.engine))
            self.recorder.item_added(params, made[0].uuid, form.engine)
            self.batch.poll()
            self.app.tell(f"Added {form.item_name}: {len(self.batch.items)} items in {batch.folder.name}")

        return made[0] if self.app.attempt(do) else None

    def add_registration(self, params: Mapping[str, Any], engine: str = "native") -> Item | None:
        """Add an item that registers the movie of the work environment.

        Parameters
        ----------
        params : mapping
            As ``get_module('mcorr_3d').add_to_batch`` takes them, without a name: it is called after the movie.
        engine : str
        """
        made: list[Item] = []

        def do() -> None:
            batch, env = self._opened(), self.app.environment
            source, _ = env.imgdata.source()
            name = Path(source if isinstance(source, str) else source[0]).name.split(".")[0]
            named = {"item_name": f"{name} mcorr", **params}
            made.append(add(batch, MCORR, env, named, engine))
            self.recorder.item_added(named, made[0].uuid, engine, MCORR)
            self.batch.poll()
            self.app.tell(f"Added {made[0].name}: {len(self.batch.items)} items in {batch.folder.name}")

        return made[0] if self.app.attempt(do) else None

    def start(self, *, start_at: str = "", at: str = "") -> bool:
        """Run the batch in a process of its own.

        Parameters
        ----------
        start_at : str
            UUID of the first item; empty: from the first that waits.
        at : str
            Time of day, ``HH:MM``; empty: now.
        """
        return self.app.attempt(lambda: self.begin(start_at=start_at, at=at))

    def begin(self, *, start_at: str = "", at: str = "") -> None:
        """Run the batch, as `start`.

        Raises
        ------
        UsageError
            Where nothing waits, or it is being run.
        """
        batch = self._opened()
        waiting = [item for item in batch.items() if not item.status.over and not item.status.active]
        if not waiting:
            raise UsageError("nothing waits in the batch", "Add an item, or retry one that ended.")
        assert self.supervision is not None
        words = command_of(batch, start_at=start_at or None, at=at, workers=self.workers, work_dir=self.work_dir)
        self.supervision.start(words, at)
        self.recorder.batch_started(start_at)
        self.app.tell(f"The batch starts at {at}." if at else "The batch is started.")

    def abort_batch(self) -> None:
        """End the supervisor and the running item; those that wait go on waiting."""
        supervision = self.supervision
        if supervision is None:
            return

        def ended(_: object) -> None:
            self.batch.poll()
            self.app.tell("The batch is stopped.")

        self.app.tasks.start("Stopping the batch", lambda task: supervision.stop(), ended, self.app.fail)

    def abort(self, uuids: Sequence[str]) -> bool:
        """Abort items: waiting ones now, a running one by its supervisor."""
        return self._change(uuids, lambda batch: batch.abort(uuids), "aborted")

    def retry(self, uuids: Sequence[str]) -> bool:
        """Make items that ended wait again."""
        return self._change(uuids, lambda batch: batch.retry(uuids), "waiting again")

    def rename(self, uuid: str, name: str) -> bool:
        """Give an item another name."""
        return self._change([uuid], lambda batch: batch.rename(uuid, name), "renamed")

    def users(self, uuids: Sequence[str]) -> list[Item]:
        """Items whose movie one of these registers, beside themselves."""
        return [item for item in self.batch.items if item.input.item in uuids and item.uuid not in uuids]

    def delete(self, uuids: Sequence[str], *, force: bool = False) -> bool:
        """Delete items with their data; one that runs stays, and one that others use, unless `force` says so."""

        def do(batch: Batch) -> None:
            chosen = [item for item in batch.items() if item.uuid in set(uuids)]
            batch.delete([item.uuid for item in deletable(chosen)], force=force)

        return self._change(uuids, do, "deleted")

    def fill_form(self, uuid: str) -> bool:
        """Put an item's parameters into the form."""

        def do() -> None:
            item = self._opened().item(uuid)
            if item.module != CNMF:
                raise UsageError(f"{item.name} has parameters of {item.module}", f"The form is that of {CNMF}.")
            self.form.load(read_parameters(item.parameters), item.options, item.engine)
            self.form_wanted.emit()
            without = ", ".join(sorted(item.options.keys() - {"keep_memmap", "use_memmap", "memmap_uuid", "register"}))
            self.app.tell(f"The form has the parameters of {item.name}{without and f', without options {without}'}.")

        return self.app.attempt(do)

    def load_output(self, uuid: str) -> Task | None:
        """Show an item's movie and what was found in it; read in a thread."""
        return self._load(uuid, output=True)

    def view_input(self, uuid: str) -> Task | None:
        """Show an item's movie; opened in a thread."""
        return self._load(uuid, output=False)

    def sync(self) -> None:
        """Pick up what was computed elsewhere: by SLURM jobs, or after a supervisor was killed."""
        batch = self.app.batch
        if batch is None:
            return

        def done(changed: list[Item]) -> None:
            self.batch.poll(now=True)
            self.app.tell(f"{len(changed)} items changed." if changed else "Nothing new was computed elsewhere.")

        self.app.tasks.start("Looking for results", lambda task: sync(batch), done, self.app.fail)

    def export(self, uuids: Sequence[str], folder: str | Path, kind: str) -> None:
        """Write scripts that compute items elsewhere.

        Parameters
        ----------
        uuids : sequence of str
            None: all that wait.
        folder : path
        kind : str
            ``"slurm"`` or ``"shell"``.
        """
        from cnmf3d.batch.cluster import export_shell, export_slurm

        batch = self.app.batch
        if batch is None:
            return
        waiting = [item for item in self.batch.items if not item.status.over and not item.status.active]
        items = [item for item in waiting if not uuids or item.uuid in set(uuids)]
        if not items:
            self.app.fail(UsageError("no item that waits is selected", "Retry those that ended, then export them."))
            return
        write = export_slurm if kind == "slurm" else export_shell
        name = f"Writing {kind} scripts"
        self.app.tasks.start(
            name,
            lambda task: write(batch, items, Path(folder)),
            lambda written: self.app.tell(f"{len(written)} scripts in {folder}: {written[0].name}"),
            self.app.fail,
        )

    def _load(self, uuid: str, *, output: bool) -> Task | None:
        """Read what an item has, in a thread, and show it."""
        batch, model = self.app.batch, self.batch.find(uuid)
        if batch is None or model is None:
            return None
        if self._loading is not None and self._loading in self.app.tasks.running:
            self._loading.cancel()
        from cnmf3d.viewer.controllers.loading import read_input, read_output

        if output and not self.app.attempt(lambda: _check_done(model)):
            return None
        if not self.app.may_discard():
            return None
        read = read_output if output else read_input

        def show(opened: Any) -> None:
            self._quiet = True
            try:
                self.app.show(opened)
            finally:
                self._quiet = False
            if output:
                self.recorder.output_loaded(uuid)
                self.loaded.emit(uuid)
                self.app.tell(f"{model.name}: {len(opened.environment.roi_manager)} components")

        name = f"Reading {model.name}"
        self._loading = self.app.tasks.start(name, lambda task: read(batch, model, task), show, self.app.fail)
        return self._loading

    def _opened(self) -> Batch:
        if self.app.batch is None:
            raise UsageError("no batch is open", "Open one or make one in the Batch Manager.")
        return self.app.batch

    def _change(self, uuids: Sequence[str], do: Callable[[Batch], object], what: str) -> bool:
        """Change items, look again, and say it."""

        def change() -> None:
            if not uuids:
                raise UsageError("no item is selected", "Select items in the list.")
            do(self._opened())

        done = self.app.attempt(change)
        self.batch.poll()
        if done:
            self.app.tell(f"{len(uuids)} item{'s' if len(uuids) > 1 else ''} {what}.")
        return done

    def _take_batch(self, batch: Batch | None) -> None:
        self.supervision = None if batch is None else Supervision(batch)
        self.batch.open(batch)
        if batch is not None:
            self.recorder.batch_opened(str(batch.folder))

    def _record_movie(self, movie: object) -> None:
        """Write a script's lines for a movie that was opened, or closed."""
        if self._quiet:
            return
        if movie is None:
            self.recorder.cleared()
            return
        try:
            self.recorder.opened(*self.app.environment.imgdata.source())
        except UsageError:  # an array in memory: no script can open it
            self.recorder.add("# a movie that was only in memory was shown here")


def _check_done(item: Item) -> None:
    """See that an item has output.

    Raises
    ------
    UsageError
        Where it isn't done.
    """
    from cnmf3d.batch import Status

    if item.status is not Status.DONE:
        help_ = "Its error is below." if item.status is Status.FAILED else "Start the batch, or retry it."
        raise UsageError(f"{item.name} is {item.status.value}: it has no output", help_)


_MADE: dict[int, Actions] = {}


def actions_of(app: App) -> Actions:
    """The actions of an app, made when they are first asked for: all docks of a window share them."""
    if id(app) not in _MADE:
        _MADE[id(app)] = Actions(app)
        app.closed.connect(lambda: _MADE.pop(id(app), None))
    return _MADE[id(app)]
