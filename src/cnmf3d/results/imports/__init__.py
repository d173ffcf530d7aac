"""The table of importers, one file each. Outside packages add theirs as entry points."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

from cnmf3d.damage import explained
from cnmf3d.errors import InputError, UsageError, did_you_mean
from cnmf3d.plugins import load_all
from cnmf3d.results.imports import caiman, imagej, labels, nwb, suite2p
from cnmf3d.results.imports.importer import Given, Importer
from cnmf3d.results.model import Results

BUILT_IN: tuple[Importer, ...] = (
    caiman.IMPORTER,
    nwb.IMPORTER,
    suite2p.IMPORTER,
    imagej.IMPORTER,
    labels.IMPORTER,
)

ENTRY_POINTS = "cnmf3d.importers"
"""Group of entry points; each names an `Importer`."""

FLAGS = {"axes": "--axes", "rate": "--fps", "voxel_size": "--voxel-size", "shape": "--shape", "member": "--member"}
"""What the command line calls the fields of `Given`."""

__all__ = ["BUILT_IN", "Given", "Importer", "import_results", "importers"]


def importers() -> dict[str, Importer]:
    """All importers by name.

    Raises
    ------
    InputError
        Where one of another package can't be loaded; it names the package.
    """
    return {each.name: each for each in (*BUILT_IN, *load_all(ENTRY_POINTS, "the importer"))}


def import_results(name: str, path: str | Path, given: Given | None = None) -> Results:
    """Read ROIs that another program found; the results' parameters say where they come from if nothing else.

    Parameters
    ----------
    name : str
        Of the format, as in `importers`.
    path : str or Path
        A file or a folder, as the format has it.
    given : Given, optional
        What the file doesn't say.

    Raises
    ------
    UsageError
        For an unknown format, or where something was given that the format can't use.
    InputError
        Where the file can't be used.
    """
    known, path, given = importers(), Path(path), given or Given()
    if name not in known:
        raise UsageError(
            f"there is no import of {name!r}", f"{did_you_mean(name, known)}There are: {', '.join(known)}."
        )
    chosen = known[name]
    for field in dataclasses.fields(given):
        if getattr(given, field.name) is not None and field.name not in chosen.takes:
            usable = ", ".join(FLAGS[taken] for taken in FLAGS if taken in chosen.takes) or "nothing"
            raise UsageError(f"import {name} can't use {FLAGS[field.name]}", f"Leave it out. It takes: {usable}.")
    for flag, number in (("--fps", (given.rate,)), ("--voxel-size", given.voxel_size or ())):
        if any(value is not None and not 0 < value < math.inf for value in number):
            raise UsageError(f"{flag} is {', '.join(str(value) for value in number)}", "Give what is above 0.")
    if not path.exists():
        raise InputError(f"{path} does not exist", "Check the name.")
    with explained(path, f"{name} has it"):
        results = chosen.read(path, given)
    if results.parameters:
        return results
    return dataclasses.replace(results, parameters={"imported": {"format": name, "file": str(path)}})
