"""How recordings of makers' programs are recognised, and files that describe one: found, parsed and followed.

What a description names is looked for in its folder and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PureWindowsPath
from xml.etree import ElementTree

from cnmf3d.errors import InputError
from cnmf3d.movies.stored import Place

HEAD = 4096
"""Bytes in which an XML file names its root element: what comes before it is a declaration and comments."""


XML_FAULTS = (ElementTree.ParseError, OSError, ValueError, LookupError)
"""What parsing raises for a damaged file; LookupError for a declaration that names no encoding."""


def has_root(path: Path, root: str) -> bool:
    """Whether an XML file begins with an element; never raises."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return False
    return f"<{root}".encode() in head.replace(b"\0", b"")  # UTF-16, too


def named(suffix: str) -> Callable[[Place], bool]:
    """What recognises local files by their suffix."""
    return lambda place: place.path is not None and place.suffix == suffix


def xml_of(root: str) -> Callable[[Place], bool]:
    """What recognises XML files by the element that they begin with."""
    return lambda place: place.path is not None and place.suffix == ".xml" and has_root(place.path, root)


def only_xml_of(root: str) -> Callable[[Path], Path | None]:
    """What finds the one XML file of a folder that begins with an element; None where there are none or several."""

    def found(folder: Path) -> Path | None:
        files = [path for path in sorted(folder.glob("*.xml")) if has_root(path, root)]
        return files[0] if len(files) == 1 else None

    return found


def parsed(place: Place) -> ElementTree.Element:
    """Parse an XML file.

    Raises
    ------
    InputError
        Where it is cut short or damaged.
    """
    assert place.path is not None
    try:
        return ElementTree.parse(place.path).getroot()
    except XML_FAULTS as error:
        raise InputError(
            f"{place} can't be read as XML ({error})", "Copy it again from where it was recorded."
        ) from error


def beside(folder: Path, name: str) -> Path:
    """Path of a file that a description names: in its folder or below it, wherever the name would lead."""
    path = PureWindowsPath(name)
    inside = not path.is_absolute() and not path.drive and ".." not in path.parts
    return folder / Path(*path.parts) if inside else folder / path.name


def number(element: ElementTree.Element | None, name: str) -> float | None:
    """Read an attribute as a number; None where it isn't one."""
    text = None if element is None else element.get(name)
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def whole(element: ElementTree.Element | None, name: str, otherwise: int) -> int:
    """Read an attribute as an integer; `otherwise` where it isn't one."""
    value = number(element, name)
    return int(value) if value is not None and value.is_integer() else otherwise
