"""From what a user points at to the files that it names, in natural order."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse

from cnmf3d.errors import ChoiceError, InputError, UsageError
from cnmf3d.hdf5 import holds
from cnmf3d.movies.formats import formats
from cnmf3d.movies.formats.vendors.unread import refuse_unread
from cnmf3d.movies.formats.zarr import is_zarr_folder
from cnmf3d.movies.naming import axes_named, natural
from cnmf3d.movies.stored import Place
from cnmf3d.regular import refuse_special

ONLY_POSITION = "Default"
"""Micro-Manager's folder for the images where no positions of the stage were set."""


def is_url(source: str) -> bool:
    """Whether a text is an address such as ``s3://bucket/movie.zarr``; a drive letter is none."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+::|[A-Za-z][A-Za-z0-9+.-]+://", source) is not None


def locate(source: str | Path | Sequence[str | Path]) -> list[Place]:
    """Find the files of a movie.

    Parameters
    ----------
    source : str, path, or sequence of them
        A file, a folder of files or a zarr folder, a pattern with ``*``, ``?`` or ``[...]``, a URL, or a list
        of files in the order of time.

    Returns
    -------
    list of Place
        At least one. Files of a folder and of a pattern are in natural order, those of a list as they were
        given.

    Raises
    ------
    InputError
        Where there is nothing, or a folder holds files of several formats.
    UsageError
        For an empty list, one that names a file twice, or an empty path.
    """
    if not isinstance(source, (str, Path)):
        return _listed(source)
    text = str(source)
    if is_url(text):
        if not text.startswith("file://"):
            return [Place(text, None)]
        text = unquote(urlparse(text).path)
    if not text.strip():
        raise UsageError("the path of the movie is empty", "Give a file, a folder or a pattern.")
    if text.startswith("~"):
        text = str(Path(text).expanduser())
    path = Path(text)
    if path.is_dir():
        return [Place(text, path)] if is_zarr_folder(path) else _in_folder(path)
    if path.exists():
        return [_file(path, text)]
    if glob.has_magic(text):
        found = sorted(glob.glob(str(path), recursive=True), key=natural)  # noqa: PTH207
        if not found:
            raise InputError(f"no file matches {text}", f"Look at what is in {path.parent}, and check the pattern.")
        return _files([Path(each) for each in found])
    near = _near(path)
    raise InputError(f"{text} does not exist", f"Did you mean {near}?" if near else "Check the path.")


def _listed(sources: Sequence[str | Path]) -> list[Place]:
    """Files of a list, in its order."""
    if not sources:
        raise UsageError("the list of files is empty", "Name at least one file.")
    names = [str(source) for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise UsageError(f"the list names {twice[0]} twice", "Name every file once, in the order of time.")
    places = [place for source in sources for place in locate(source)]
    return places


def _in_folder(folder: Path) -> list[Place]:
    """Movie files of a folder, in natural order; results that lie beside them are none.

    Where a file of the folder describes the recording in it, that file alone.
    Where the folder has no movie files, those of its folders that are named by planes, channels or times: ``plane1/``,
    or of the only position of the stage: ``Pos0/``.
    """
    described = next((path for each in formats() if each.described_in and (path := each.described_in(folder))), None)
    if described is not None:
        return [_file(described, str(described))]
    visible = _visible(folder)
    found = _movie_files(visible)
    if not found:
        found = _in_inner_folders(folder, [path for path, is_file in visible if not is_file and path.is_dir()])
    if not found:
        refuse_unread(folder, [path for path, _ in visible])
        inside = _what_is_in(visible)
        raise InputError(f"the folder {folder} has no movie files", f"{inside} Point at the files or their folder.")
    suffixes = Counter(each.suffix.lower() for each in found)
    if len({_kind(suffix) for suffix in suffixes}) > 1:
        counts = ", ".join(f"{suffixes[suffix]} {suffix}" for suffix in sorted(suffixes))
        most = max(sorted(suffixes), key=suffixes.__getitem__)
        raise InputError(
            f"the folder {folder} holds files of several formats ({counts})",
            f"Say which with a pattern: '{folder / ('*' + most)}'.",
        )
    before = len(str(folder))
    return _files(sorted(found, key=lambda each: natural(str(each)[before:])))


def _what_is_in(visible: list[tuple[Path, bool]]) -> str:
    """What a folder without movie files holds."""
    folders, count = [path.name for path, is_file in visible if not is_file], sum(is_file for _, is_file in visible)
    parts = [f"{count} other file{'s'[: count > 1]}"] if count else []
    if folders:
        parts.append(f"the folder{'s'[: len(folders) > 1]} {', '.join(folders[:5])}{', ...' if folders[5:] else ''}")
    return f"It holds {' and '.join(parts)}." if parts else "It is empty."


def _in_inner_folders(folder: Path, inner: Sequence[Path]) -> list[Path]:
    """Movie files of the folders in a folder that are named by what they number.

    Raises
    ------
    ChoiceError
        Where there are several positions of the stage, which are a movie each.
    """
    axes = {path: axes_named(path.name) for path in inner}
    positions = [path for path in inner if "p" in axes[path] or path.name == ONLY_POSITION]
    if len(positions) > 1:
        names = sorted((path.name for path in positions), key=natural)
        raise ChoiceError(
            f"the folder {folder} holds {len(names)} positions ({', '.join(names[:4])}), which are a movie each",
            f"Open one of them: {folder / names[0]}.",
            "position",
            names,
        )
    if len(positions) == 1:
        return _movie_files(_visible(positions[0]))
    timed = all(axes[path] for path in inner)  # else a name with a number is likelier that of a session
    chosen = [path for path in inner if axes[path] & {"z", "c"} or (timed and "t" in axes[path])]
    return _movie_files([each for path in chosen for each in _visible(path)])


def _files(paths: Sequence[Path]) -> list[Place]:
    """Places of many files; of all but the first the first bytes are looked at when they are opened."""
    return [_file(paths[0], str(paths[0])), *(_seen(path) for path in paths[1:])]


def _seen(path: Path) -> Place:
    """A file of many: with one look, as there may be 100,000 of them."""
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return _file(path, str(path))
    if not stat.S_ISREG(facts.st_mode) or not facts.st_size:
        return _file(path, str(path))
    return Place(str(path), path, size=facts.st_size)


def _visible(folder: Path) -> list[tuple[Path, bool]]:
    """What a folder holds that isn't hidden, and whether it is a file; the folder's own list says so for most."""
    with os.scandir(folder) as entries:
        return [(Path(entry.path), entry.is_file()) for entry in entries if not entry.name.startswith(".")]


def _movie_files(paths: Sequence[tuple[Path, bool]]) -> list[Path]:
    """Keep movie files by their suffix, without results."""
    known = {suffix for each in formats() for suffix in each.suffixes}
    named = [(path, suffix, is_file) for path, is_file in paths if (suffix := path.suffix.lower()) in known]
    return [
        path
        for path, suffix, is_file in named
        if suffix == ".zarr" or is_file
        if suffix not in (".hdf5", ".h5") or not _made_from_a_movie(path)
    ]


def _kind(suffix: str) -> str:
    """Name of the first format that has files with this suffix: ``.tif`` and ``.tiff`` are of one."""
    return next(each.name for each in formats() if suffix in each.suffixes)


def _made_from_a_movie(path: Path) -> bool:
    """Whether an HDF5 file holds results, ours or CaImAn's, or the truth of a synthetic movie."""
    if path.name.lower().endswith((".cnmf3d.hdf5", ".truth.h5")):
        return True
    return holds(path, "estimates")


POINTER = b"version https://"
"""How files begin that Git leaves in place of large ones."""


def _file(path: Path, text: str) -> Place:
    """Look at the first bytes of a file."""
    if path.is_dir():
        return Place(text, path)
    refuse_special(path)
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise InputError(f"{text} can't be opened: {error.strerror}", "Check its permissions.") from error
    if not head:
        raise InputError(f"{text} is empty (0 bytes)", "Copy it again from where it was recorded.")
    if head == POINTER:
        fix = "Fetch it with `git lfs pull` in its repository, or download it from there."
        raise InputError(f"{text} stands for a file that Git LFS keeps elsewhere", fix)
    return Place(text, path, head)


def _near(path: Path) -> str:
    """Name of the file beside `path` that is most like it; empty where none is."""
    from difflib import get_close_matches

    if not path.parent.is_dir():
        return ""
    close = get_close_matches(path.name, [each.name for each in path.parent.iterdir()], 1, 0.7)
    return str(path.parent / close[0]) if close else ""


def bytes_of(place: Place) -> int | None:
    """Size of a local file; None for anything else."""
    if place.path is None or place.size is not None:
        return place.size
    try:
        facts = place.path.stat()
    except OSError:
        return None
    return facts.st_size if stat.S_ISREG(facts.st_mode) else None
