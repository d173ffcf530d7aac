"""Metadata of a recording from a file that a script names: `json_minimal`, or OME-XML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from cnmf3d.errors import InputError, UsageError, did_you_mean
from cnmf3d.movies.formats import ome
from cnmf3d.movies.sidecar import FORM, Sidecar, read_sidecar
from cnmf3d.movies.stored import Place


def _ome_xml(path: Path) -> Sidecar:
    """Read OME-XML, as a file of its own."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        ElementTree.fromstring(text)
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise InputError(f"{path} is no OME-XML ({error})", "Give the .ome.xml that the microscope wrote.") from error
    facts = ome.facts(Place(str(path), path), text)
    if facts.rate is None and facts.voxel_size is None and not facts.metadata:
        raise InputError(f"{path} is XML, but tells nothing about an image", "Give the .ome.xml of the recording.")
    return Sidecar(facts)


FORMATS: dict[str, Callable[[Path], Sidecar]] = {"json_minimal": read_sidecar, "ome_xml": _ome_xml}
"""What `meta_format` may be, and who reads it."""


def read_metadata(path: str | Path, form: str | None = None) -> Sidecar:
    """Read a file with the metadata of a recording.

    Parameters
    ----------
    path : path
    form : str, optional
        ``json_minimal`` or ``ome_xml``; the file's content tells where it isn't given.

    Raises
    ------
    UsageError
        For an unknown format.
    InputError
        Where there is no such file, it is of another format, or a value in it isn't what it should be.
    """
    place = Path(path).expanduser()
    if not place.is_file():
        raise InputError(f"the metadata file {place} does not exist", "Check meta_path, or leave it out.")
    if form is not None:
        return FORMATS[_known(form)](place)
    try:
        with place.open("rb") as file:
            head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        raise InputError(f"{place} can't be read: {error.strerror}", "Check its permissions.") from error
    if head.startswith(b"<"):
        return _ome_xml(place)
    if head.startswith(b"{"):
        return read_sidecar(place)
    raise InputError(f"{place} is neither JSON nor OME-XML", f"Write it like {FORM}.")


def _known(form: str) -> str:
    """The format that a name means."""
    name = form.lower().replace("-", "_")
    if name in FORMATS:
        return name
    hint = f"{did_you_mean(name, FORMATS)}It may be {' or '.join(FORMATS)}, or be left out."
    raise UsageError(f"there is no meta_format {form!r}", hint)
