"""The CNMF 3D form: what was entered, what of it can't be, and the parameters that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from pydantic import ValidationError

from cnmf3d.batch.engines import divide
from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.parameters import CnmfParameters, read_parameters
from cnmf3d.parameters.lengths import LENGTHS
from cnmf3d.parameters.reading import complaints, read_text
from cnmf3d.viewer.models.form_fields import fields

if TYPE_CHECKING:
    from cnmf3d.movies import Movie

CNMF, EVALUATION, MEMMAP, NAME, ENGINE = "cnmf_kwargs", "eval_kwargs", "memmap_uuid", "item_name", "engine"
REGISTER = "register"
"""Entries of the form that are no parameters."""

JUDGING = ("data.decay_time",)
"""What the page counts among the parameters of the evaluation, beside our group of that name."""


@dataclass(frozen=True)
class Box:
    """A text box of keyword arguments, and whether it is used."""

    text: str = ""
    used: bool = False


class FormModel:
    """What the form holds.

    Attributes
    ----------
    changed : Signal
        An entry was changed; emitted with its name, or with ``""`` for many.
    checked : Signal
        `errors` and `overridden` are up to date.
    errors : dict
        Name of an entry to why it can't be.
    remarks : dict
        The same, of what only the movie or the batch makes wrong.
    overridden : dict
        Parameters that a box of keyword arguments sets, with their values: they win over the form's own.
    item_name : str
    engine : str
        Which engine computes the item; previews are always of the native one.
    register : str
        Whether the movie is registered before its cells are looked for: a kind of `cnmf3d.register`.
    keep_memmap, use_memmap : bool
    memmap_uuid : str
        UUID of the item whose cache is used; empty where none is chosen.
    """

    changed = Signal(str)
    checked = Signal()

    def __init__(self) -> None:
        self._values: dict[str, Any] = {name: field.default for name, field in fields().items()}
        self._boxes = {CNMF: Box(), EVALUATION: Box()}
        self.item_name, self.engine, self.register = "", "native", "auto"
        self._foreign: dict[str, Any] = {}
        self.keep_memmap = self.use_memmap = False
        self.memmap_uuid = ""
        self.errors: dict[str, str] = {}
        self.remarks: dict[str, str] = {}
        self.overridden: dict[str, Any] = {}
        self._parameters: CnmfParameters | None = None
        self._patch = (self._values["patch.rf"], self._values["patch.stride"])
        self._check()

    def value(self, name: str) -> Any:
        """What is entered for a parameter, as a plain value."""
        return self._values[name]

    def set(self, name: str, value: Any) -> None:
        """Enter a value.

        Parameters
        ----------
        name : str
            ``group.name`` of a parameter.
        value : object
            Plain; it may be one that can't be: `errors` then says so.
        """
        value = list(value) if isinstance(value, tuple) else value
        if name not in self._values:
            raise KeyError(name)
        if self._values[name] != value or type(self._values[name]) is not type(value):
            self._values[name] = value
            self._changed(name)

    @property
    def use_patches(self) -> bool:
        """Whether the volume is solved in patches."""
        return self._values["patch.rf"] is not None

    @use_patches.setter
    def use_patches(self, use: bool) -> None:
        if use == self.use_patches:
            return
        if use:
            self._values["patch.rf"], self._values["patch.stride"] = self._patch
        else:
            self._patch = (self._values["patch.rf"], self._values["patch.stride"])
            self._values["patch.rf"] = None
        self._changed("patch.rf")

    def applies(self, name: str) -> bool:
        """Whether a parameter has a meaning, as things stand: those of patches, where there are any."""
        return fields()[name].group != "patches" or self.use_patches

    def unit(self, name: str) -> str:
        """Unit of a parameter, as things stand."""
        if name in LENGTHS:
            return "µm" if self._values["data.lengths"] == "um" else "voxels"
        return fields()[name].unit

    def box(self, name: str) -> Box:
        """A box of keyword arguments, `CNMF` or `EVALUATION`."""
        return self._boxes[name]

    def set_box(self, name: str, *, text: str | None = None, used: bool | None = None) -> None:
        """Change a box of keyword arguments."""
        old = self._boxes[name]
        new = Box(old.text if text is None else text, old.used if used is None else used)
        if new != old:
            self._boxes[name] = new
            self._changed(name)

    def set_name(self, name: str) -> None:
        """Name the item."""
        if name != self.item_name:
            self.item_name = name
            self._changed(NAME)

    def set_engine(self, name: str) -> None:
        """Choose the engine; parameters that only it has are given as keyword arguments."""
        if name != self.engine:
            self.engine = name
            self._changed(ENGINE)

    def set_register(self, kind: str) -> None:
        """Choose whether the movie is registered first."""
        if kind != self.register:
            self.register = kind
            self._changed(REGISTER)

    def set_memmap(self, *, keep: bool | None = None, use: bool | None = None, uuid: str | None = None) -> None:
        """Say what becomes of the item's cache: kept for others, or another item's used. One switches the other off."""
        before = (self.keep_memmap, self.use_memmap, self.memmap_uuid)
        if keep is not None:
            self.keep_memmap = keep
            self.use_memmap = self.use_memmap and not keep
        if use is not None:
            self.use_memmap = use
            self.keep_memmap = self.keep_memmap and not use
        self.memmap_uuid = self.memmap_uuid if uuid is None else uuid
        if before != (self.keep_memmap, self.use_memmap, self.memmap_uuid):
            self._changed(MEMMAP)

    def reset(self, *, mesmerize: bool = False) -> None:
        """Back to the defaults, by which whatever can be is measured on the data; or to the figures of Mesmerize."""
        self._values = {name: field.mesmerize if mesmerize else field.default for name, field in fields().items()}
        self._boxes = {CNMF: Box(), EVALUATION: Box()}
        self.register = "auto"
        self._changed("")

    def load(
        self,
        parameters: CnmfParameters | Mapping[str, Any],
        options: Mapping[str, Any] | None = None,
        engine: str = "native",
    ) -> None:
        """Show the parameters of an item, or of a results file.

        Parameters
        ----------
        parameters : CnmfParameters or mapping
        options : mapping, optional
            Of the item: ``keep_memmap``, ``use_memmap``, ``memmap_uuid``, ``register``; the form has no place for
            others.
        engine : str
            Of the item.

        Raises
        ------
        UsageError
            Where they aren't ours.
        """
        values = read_parameters(parameters).to_dict()
        self._values = {name: _in(values, name) for name in fields()}
        self._boxes = {CNMF: Box(), EVALUATION: Box()}
        options, self.engine = options or {}, engine
        self.keep_memmap, self.use_memmap = bool(options.get("keep_memmap")), bool(options.get("use_memmap"))
        self.memmap_uuid = str(options.get("memmap_uuid") or "")
        self.register = str(options.get(REGISTER, "auto"))
        self._changed("")

    def fill(self, values: Mapping[str, Any]) -> None:
        """Enter several values at once."""
        for name, value in values.items():
            self._values[name] = list(value) if isinstance(value, tuple) else value
        self._changed("")

    def parameters(self) -> CnmfParameters:
        """The parameters that the form stands for; keyword arguments win.

        Raises
        ------
        UsageError
            Where an entry can't be.
        """
        if self._parameters is None:
            name, why = next(iter(self.errors.items()))
            label = fields()[name].label if name in fields() else name
            raise UsageError(f"{label}: {why}", "Mend it in the form.")
        return self._parameters

    def missing(self) -> str:
        """What must be done before the item can be added; empty where nothing."""
        if self._parameters is None or MEMMAP in self.errors:
            return "Mend the marked entries first."
        return "" if self.item_name.strip() else "Name the item first."

    def registers(self, movie: Movie | None) -> bool:
        """Whether an item can register this movie first: one that is registered stays as it is, CaImAn takes any so."""
        return self.engine == "native" and not (movie is not None and "motion" in movie.metadata)

    def params(self, movie: Movie | None = None) -> dict[str, Any]:
        """The dict of the CNMF 3D page, as ``get_module('cnmf_3d').add_to_batch`` takes it.

        Parameters
        ----------
        movie : Movie, optional
            That it is for: whether it is registered first is left out where it can't be.

        Raises
        ------
        UsageError
            Where an entry can't be.
        """
        values = self.parameters().to_dict()
        said = {name: _in(values, name) for name, field in fields().items() if _in(values, name) != field.default}
        whole = values["patch"]["rf"] is None
        judging = {name: value for name, value in said.items() if name in JUDGING or name.startswith("quality.")}
        others = {name: value for name, value in said.items() if name not in judging and "." in name}
        if whole:
            others.pop("patch.rf")
        return {
            "item_name": self.item_name,
            "cnmf_kwargs": _bare(others) | self._foreign,
            "eval_kwargs": _bare(judging),
            "refit": values["refit"],
            "use_patches": not whole,
            "use_memmap": self.use_memmap,
            "memmap_uuid": self.memmap_uuid or None,
            "keep_memmap": self.keep_memmap,
            **({REGISTER: self.register} if self.register != "auto" and self.registers(movie) else {}),
        }

    def complain(self, name: str, why: str) -> None:
        """Show at an entry what was found of it elsewhere, until something is changed or another movie is open."""
        self.remarks[name] = why
        self.checked.emit()

    def forgive(self) -> None:
        """Forget what was found elsewhere."""
        if self.remarks:
            self.remarks = {}
            self.checked.emit()

    def _changed(self, name: str) -> None:
        self._check()
        self.changed.emit(name)
        self.checked.emit()

    def _check(self) -> None:
        """See what can't be, and what the form stands for."""
        self.errors, self.remarks = {}, {}
        self.overridden = self._from_boxes()
        merged = {**self._values, **self.overridden}
        if merged["patch.rf"] is None:
            merged["patch.stride"] = "auto"
        try:
            made = CnmfParameters.model_validate(_tree(merged))
        except ValidationError as error:
            self.errors |= {name: f"should be {why}" for name, why in complaints(error).items()}
            made = None
        self._parameters = None if made is None or self.errors else made
        if self.use_memmap and not self.memmap_uuid:
            self.errors[MEMMAP] = "choose the item whose cache is used"

    def _from_boxes(self) -> dict[str, Any]:
        """What the boxes of keyword arguments set; what can't be read goes to `errors`."""
        found: dict[str, Any] = {}
        self._foreign = {}
        for name, box in self._boxes.items():
            if not box.used:
                continue
            try:
                content = read_text(box.text)
                ours, _ = divide(self.engine, content)
                given = read_parameters(ours)
            except Cnmf3dError as error:
                self.errors[name] = f"{error.problem}. {error.fix}"
                continue
            self._foreign |= {each: value for each, value in content.items() if each not in ours}
            for each, value in _given(given).items():
                if each in found and found[each] != value:
                    self.errors[name] = f"{each} is set in both boxes"
                found[each] = value
        return found


def _given(parameters: CnmfParameters) -> dict[str, Any]:
    """The parameters that were given, by ``group.name``."""
    values = parameters.to_dict()
    given = {name: values[name] for name in parameters.model_fields_set if not isinstance(values[name], dict)}
    for group in parameters.model_fields_set - given.keys():
        for name in getattr(parameters, group).model_fields_set:
            given[f"{group}.{name}"] = values[group][name]
    return given


def _in(values: Mapping[str, Any], name: str) -> Any:
    """A parameter among groups of values."""
    group, _, bare = name.rpartition(".")
    return (values[group] if group else values)[bare]


def _tree(values: Mapping[str, Any]) -> dict[str, Any]:
    """Groups of values."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        group, _, bare = name.rpartition(".")
        (tree.setdefault(group, {}) if group else tree)[bare] = value
    return tree


def _bare(values: Mapping[str, Any]) -> dict[str, Any]:
    """Names without their group, and lengths as people write them."""
    return {name.rpartition(".")[2]: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
