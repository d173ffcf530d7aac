"""A batch: a folder with a database of items and a run folder for each."""

from __future__ import annotations

import dataclasses
import difflib
import json
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, select, update

from cnmf3d.batch import schema, workdir
from cnmf3d.batch.asked import Parameters, as_asked, both, registered_first
from cnmf3d.batch.engines import check_module
from cnmf3d.batch.glance import FILE as FILE
from cnmf3d.batch.item import Change, Input, Item, item_of
from cnmf3d.batch.modules import CNMF, MCORR
from cnmf3d.batch.motions import KIND, PARAMETERS, sweep
from cnmf3d.batch.runfolder import RunFolder
from cnmf3d.batch.status import Status
from cnmf3d.column_types import COPY
from cnmf3d.damage import explained
from cnmf3d.database import is_made, reading
from cnmf3d.errors import InputError, UsageError
from cnmf3d.stored_names import readable, uuid_named

if TYPE_CHECKING:
    from cnmf3d.movies import Movie

UNTRIED: dict[str, Any] = {
    "attempts": 0,
    "started": "",
    "finished": "",
    "summary": {},
    "warnings": [],
    "error": "",
    "abort": 0,
}
"""Columns of an item that was never started."""


LIKE = ("rate", "voxel_size")
"""Keywords of `open_movie` that change nothing of a movie's values."""


def now() -> str:
    """Time of day with zone, ISO 8601."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


class Batch:
    """A batch on disk; any number of programs may have it open at once.

    Every change is one transaction, and a change of status happens only from the status that its maker saw.
    """

    def __init__(self, folder: Path, *, create: bool) -> None:
        self.folder = folder
        self.engine = schema.connect(folder / FILE, create=create)
        self._fingerprints: dict[tuple[Any, ...], str] = {}

    @classmethod
    def create(cls, folder: str | Path) -> Batch:
        """Make a new batch.

        Raises
        ------
        UsageError
            Where there is one already, or the folder can't be made.
        """
        folder = Path(folder)
        if is_made(folder / FILE):
            raise UsageError(f"{folder} is a batch already", "Add to it, or choose another folder.")
        try:
            (folder / "items").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"there can't be a folder {folder}: {error.strerror}", "Choose another.") from error
        return cls(folder, create=True)

    @classmethod
    def open(cls, folder: str | Path) -> Batch:
        """Open a batch that is there.

        Raises
        ------
        InputError
            Where there is none, or its database can't be used.
        """
        folder = Path(folder)
        if not (folder / FILE).is_file():
            raise InputError(f"{folder} is no batch: it holds no {FILE}", f"Make one: cnmf3d batch new {folder}")
        return cls(folder, create=False)

    @classmethod
    def open_or_create(cls, folder: str | Path) -> Batch:
        """Open a batch, or make it where there is none yet; ``~`` is the user's home.

        Raises
        ------
        UsageError
            Where the folder can't be made.
        InputError
            Where its database can't be used.
        """
        folder = Path(folder).expanduser()
        return cls.open(folder) if is_made(folder / FILE) else cls.create(folder)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def __enter__(self) -> Batch:
        """Use it in a ``with``."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let go of the database."""
        self.close()

    def add(
        self,
        source: Any,
        parameters: Parameters = None,
        *,
        name: str,
        module: str = CNMF,
        engine: str = "native",
        opening: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Item:
        """Add an item.

        Parameters
        ----------
        source : path, list of paths, pattern or Item
            What `cnmf3d.open_movie` takes; an array can't be found again and is refused. Or an item of the module
            ``mcorr_3d``: its movie, registered by the motion that it finds.
        parameters : CnmfParameters, MotionParameters, mapping or file, optional
            Of the module.
        name : str
        module, engine : str
        opening : mapping, optional
            Keywords of `cnmf3d.open_movie`; on an item only ``rate`` and ``voxel_size``.
        options : mapping, optional
            ``keep_memmap``, ``use_memmap``, ``memmap_uuid``, ``engine_python``; of the module ``mcorr_3d``
            ``register_on`` (a channel); of ``cnmf_3d`` ``register`` (``auto``, the default, ``none``, ``rigid``,
            ``piecewise``) and ``motion`` (parameters of registration): what is done with a movie that isn't registered.

        Raises
        ------
        InputError, UsageError
            For a movie, parameters or options that can't be used.
        """
        if not name.strip():
            raise UsageError("an item needs a name", "Give one: item_name, or --name.")
        check_module(engine, module)
        if module == CNMF:
            opening, options = self._as_recorded(opening or {}, options or {})
        taken = self._taken(source, opening or {})
        model, own = as_asked(module, engine, taken, parameters, self.folder)
        asked = both(own, self._with_uuid(dict(options or {})))
        made = Item(
            uuid=str(uuid.uuid4()),
            name=readable(name),
            module=module,
            engine=engine,
            parameters=model,
            input=taken,
            options=registered_first(engine, taken, asked, self.folder) if module == CNMF else asked,
            status=Status.PENDING,
            added=now(),
        )
        self._check_memmap(made)
        with self.engine.begin() as connection:
            connection.execute(insert(schema.items).values(**_values(made)))
            _note(connection, made.uuid, Status.PENDING, "added")
        return made

    def _as_recorded(
        self, opening: Mapping[str, Any], options: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """How a movie is opened without the motion that another item found for itself, which may be deleted.

        What that item asked of registration is asked again: the batch keeps the motion.
        """
        owner = self._item_of(opening.get("motion"), CNMF)
        if owner is None:
            return opening, options
        asked = {name: owner.options[name] for name in (KIND, PARAMETERS) if name in owner.options}
        return {name: value for name, value in opening.items() if name != "motion"}, {**asked, **options}

    def _taken(self, source: Any, opening: Mapping[str, Any]) -> Input:
        """The movie by reference, and the item that registers it, if one does."""
        from cnmf3d.movies import open_movie

        if isinstance(source, Item):
            return self._output_of(source, opening)
        registering = self._item_of(opening.get("motion"))
        if registering is None:
            return self._input(open_movie(source, **opening), opening)
        recorded = {name: value for name, value in opening.items() if name != "motion"}
        taken = self._input(open_movie(source, **recorded), recorded)
        return dataclasses.replace(taken, item=registering.uuid)

    def _output_of(self, item: Item, opening: Mapping[str, Any]) -> Input:
        """What an item gives others to work on."""
        item = self.item(item.uuid)
        if item.module != MCORR:
            raise UsageError(
                f"{item.name} is of the module {item.module}, whose output is no movie",
                f"Name an item of the module {MCORR}, or the movie itself.",
            )
        other = sorted(opening.keys() - set(LIKE))
        if other:
            raise UsageError(
                f"{item.name} says how its movie is opened: {other[0]} can't be another", f"Leave {other[0]} out."
            )
        return dataclasses.replace(item.input, opening={**item.input.opening, **opening}, item=item.uuid)

    def _item_of(self, motion: Any, module: str = MCORR) -> Item | None:
        """The item of this batch, of a module, whose motion file it is."""
        if not isinstance(motion, (str, Path)):
            return None
        file = Path(motion).absolute()
        found = (item for item in self.items() if item.module == module and item.uuid == file.parent.name)
        return next((item for item in found if _same(self.run_folder(item).motion, file)), None)

    def users(self, keys: Iterable[str]) -> list[Item]:
        """Items that work on the output of one of these, beside themselves."""
        found = {self.item(key).uuid for key in keys}
        return [item for item in self.items() if item.input.item in found and item.uuid not in found]

    def _input(self, movie: Movie, opening: Mapping[str, Any]) -> Input:
        """The movie by reference."""
        if not movie.paths:
            raise UsageError("an array in memory can't be an item's movie", "Save it to a file, and add that.")
        return Input.at(movie.paths, self.folder, opening, self._fingerprint(movie, opening))

    def _fingerprint(self, movie: Movie, opening: Mapping[str, Any]) -> str:
        """Fingerprint, once for each state of the files and each part or order of what is in them."""
        try:
            facts = [Path(path).stat() for path in movie.paths]
        except OSError:
            return movie.fingerprint()
        if "motion" in opening:  # a file that may change, too
            return movie.fingerprint()
        part = json.dumps({name: value for name, value in opening.items() if name not in LIKE}, default=str)
        key = (movie.paths, movie.shape, part, *((fact.st_size, fact.st_mtime_ns) for fact in facts))
        if key not in self._fingerprints:
            self._fingerprints[key] = movie.fingerprint()
        return self._fingerprints[key]

    def _with_uuid(self, options: dict[str, Any]) -> dict[str, Any]:
        """Options in which the item whose cache is reused is named by its whole UUID."""
        if options.get("use_memmap") and options.get("memmap_uuid"):
            options["memmap_uuid"] = self.item(str(options["memmap_uuid"])).uuid
        return options

    def _check_memmap(self, item: Item) -> None:
        """See that what is said of memory maps can be meant."""
        keep, use = item.options.get("keep_memmap"), item.options.get("use_memmap")
        if keep and use:
            raise UsageError("keep_memmap and use_memmap exclude one another", "An item makes its cache or reuses one.")
        if not use:
            return
        other = item.options.get("memmap_uuid")
        if not other:
            raise UsageError("use_memmap needs memmap_uuid", "Name the item whose cache is reused.")
        named = self.item(str(other))
        if named.engine != item.engine:
            raise UsageError(
                f"{named.name} is computed by the engine {named.engine}: its cache is of no use to {item.engine}",
                "Name an item with the same engine, or leave use_memmap out.",
            )
        if (named.input.fingerprint, named.input.item) != (item.input.fingerprint, item.input.item):
            raise UsageError(
                f"the item {other} has another movie than {item.name}: its cache can't be reused",
                "Name an item with the same movie, or leave use_memmap out: caches are found without being told.",
            )

    def items(self, status: Status | None = None) -> list[Item]:
        """All items in the order of adding, or those of one status."""
        query = select(schema.items).order_by(schema.items.c.position)
        if status is not None:
            query = query.where(schema.items.c.status == status.value)
        with reading(self.engine) as connection:
            return [item_of(dict(row._mapping)) for row in connection.execute(query)]

    def item(self, key: str) -> Item:
        """The item with this UUID, the start of one, or this name.

        Raises
        ------
        UsageError
            Where there is none, or more than one.
        """
        with reading(self.engine) as connection:
            row = connection.execute(select(schema.items).where(schema.items.c.uuid == key)).first()
        if row is not None:
            return item_of(dict(row._mapping))
        there = self.items()
        named = [item for item in there if item.name == key]
        found = named or [item for item in there if len(key) >= 4 and item.uuid.startswith(key)]
        if len(found) == 1:
            return found[0]
        if found:
            choice = ", ".join(item.uuid[:8] for item in found[:6])
            raise UsageError(f"{key} means {len(found)} items of {self.folder}", f"Say which by UUID: {choice}.")
        near = difflib.get_close_matches(key, [item.name for item in there], n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(f"{self.folder} has no item {key}", f"{hint}`cnmf3d batch list` shows all.")

    def history(self, key: str) -> list[Change]:
        """An item's changes of status, the oldest first."""
        table = schema.changes
        query = select(table).where(table.c.item == self.item(key).uuid).order_by(table.c.number)
        with reading(self.engine) as connection:
            rows = connection.execute(query).all()
        with explained(self.folder / FILE, "a batch's log", COPY):
            return [Change(row.when, Status(row.status), row.why) for row in rows]

    def rename(self, key: str, name: str) -> Item:
        """Give an item another name."""
        if not name.strip():
            raise UsageError("an item needs a name", "Give one.")
        found = self.item(key)
        with self.engine.begin() as connection:
            connection.execute(update(schema.items).where(schema.items.c.uuid == found.uuid).values(name=name))
        return self.item(found.uuid)

    def delete(self, keys: Iterable[str], *, force: bool = False) -> list[Item]:
        """Remove items with their run folders; nothing else is touched.

        Parameters
        ----------
        keys : iterable of str
        force : bool
            Also such as others take their movie from, which can't be computed or shown with their movie any more.

        Raises
        ------
        UsageError
            Where one is running, or others need its output; then none is removed.
        """
        found = [self.item(key) for key in keys]
        self._check_idle(found)
        users = [] if force else self.users(item.uuid for item in found)
        if users:
            needed = next(item for item in found if item.uuid == users[0].input.item)
            raise UsageError(
                f"{needed.name} registers the movie of {', '.join(user.name for user in users)}",
                "Delete these, too; or say that it may go all the same: --force (in Python force=True).",
            )
        with self.engine.begin() as connection:
            for item in found:
                gone = connection.execute(
                    delete(schema.items).where(
                        schema.items.c.uuid == item.uuid,
                        schema.items.c.status.not_in([Status.RUNNING.value, Status.MOVING.value]),
                    )
                )
                if gone.rowcount == 0:
                    raise UsageError(f"{item.name} is running", "Abort it first, then delete it.")
        from cnmf3d.caches import Caches, default_folder

        caches = Caches(default_folder())
        for item in found:
            workdir.remove(self.home(item))
            with suppress(OSError):
                caches.release(item.uuid)
        with suppress(OSError):
            sweep(self.folder, [item.input.fingerprint for item in self.items()])
        return found

    def abort(self, keys: Iterable[str]) -> list[Item]:
        """Ask for items not to be computed: waiting ones are aborted now, a running one by its supervisor."""
        found = [self.item(key) for key in keys]
        for item in found:
            for waiting in (Status.PENDING, Status.INTERRUPTED):
                if self.change(item.uuid, waiting, Status.ABORTED, why="asked for"):
                    break
            else:
                with self.engine.begin() as connection:
                    asked = update(schema.items).where(schema.items.c.uuid == item.uuid).values(abort=1)
                    connection.execute(asked)
            self.run_folder(item).ask_abort()  # a job of a cluster may be at work on an item that seems to wait
        return [self.item(item.uuid) for item in found]

    def retry(self, keys: Iterable[str]) -> list[Item]:
        """Make items that ended wait again."""
        found = [self.item(key) for key in keys]
        self._check_idle(found)
        for item in found:
            self.run_folder(item).reset()
            self.change(item.uuid, item.status, Status.PENDING, why="retry", **UNTRIED)
        return [self.item(item.uuid) for item in found]

    def _check_idle(self, items: list[Item]) -> None:
        """See that nobody is at work on any of them: neither a supervisor's process nor a job of a cluster."""
        from cnmf3d.batch.processes import lives

        for item in items:
            if item.status.active or lives(self.run_folder(item).worker()):
                raise UsageError(f"{item.name} is running", "Abort it first.")

    def change(self, key: str, old: Status, new: Status, *, why: str = "", **values: Any) -> bool:
        """Change an item's status, if it is still `old`; whether it was.

        Parameters
        ----------
        key : str
            UUID.
        old, new : Status
        why : str
            For the history.
        **values
            Other columns to set in the same transaction.
        """
        with self.engine.begin() as connection:
            done = connection.execute(
                update(schema.items)
                .where(schema.items.c.uuid == key, schema.items.c.status == old.value)
                .values(status=new.value, **values)
            )
            if done.rowcount:
                _note(connection, key, new, why)
            return bool(done.rowcount)

    def abort_asked(self, key: str) -> bool:
        """Whether somebody wants a running item to end."""
        query = select(schema.items.c.abort).where(schema.items.c.uuid == key)
        with reading(self.engine) as connection:
            return bool(connection.execute(query).scalar())

    def run_folder(self, item: Item) -> RunFolder:
        """The item's run folder, where it lies now: a work directory may have it while it runs."""
        return RunFolder(workdir.place_of(self.home(item)))

    def home(self, item: Item) -> Path:
        """Where the item's run folder belongs."""
        return self.folder / "items" / uuid_named(item.uuid, f"the item {item.name}")

    def relink(self, places: Iterable[str | Path]) -> list[Item]:
        """Find movies that were moved, by name below `places` and by content; the items that were mended."""
        from cnmf3d.batch.relink import found_again

        mended = []
        lost = [item for item in self.items() if not item.input.found(self.folder)]
        for item, movie in zip(lost, found_again([item.input for item in lost], places), strict=True):
            if movie is None:
                continue
            there = dataclasses.replace(self._input(movie, item.input.opening), item=item.input.item)
            changed = dataclasses.asdict(there)
            with self.engine.begin() as connection:
                query = update(schema.items).where(schema.items.c.uuid == item.uuid)
                connection.execute(query.values(input=changed))
            mended.append(self.item(item.uuid))
        return mended


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one file."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def _note(connection: Connection, key: str, status: Status, why: str) -> None:
    connection.execute(insert(schema.changes).values(item=key, when=now(), status=status.value, why=why))


def _values(item: Item) -> dict[str, Any]:
    """An item as a row."""
    values = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
    return values | {
        "status": item.status.value,
        "input": dataclasses.asdict(item.input),
        "warnings": list(item.warnings),
        "summary": dict(item.summary),
    }
