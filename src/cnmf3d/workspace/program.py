"""A user's script: compiled, run as Python runs one, and its errors told by its own lines."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import cnmf3d
from cnmf3d.errors import Cnmf3dError, InputError

PACKAGE = Path(cnmf3d.__file__).parent


@dataclass(frozen=True)
class Program:
    """A script that is ready to run.

    Attributes
    ----------
    name : str
        As the user wrote it.
    path : Path
        Absolute.
    code : code
    """

    name: str
    path: Path
    code: CodeType


def compiled(file: str | Path) -> Program:
    """Read and compile a script.

    Parameters
    ----------
    file : path

    Raises
    ------
    InputError
        Where there is no such file, or it can't be read.
    SyntaxError
        As Python raises it.
    """
    path = Path(file).expanduser().absolute()
    if path.is_dir():
        raise InputError(f"{file} is a folder", "Give the script, a file that ends in .py.")
    try:
        source = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{file} does not exist", "Check the path of the script.") from error
    except OSError as error:
        raise InputError(f"{file} can't be read: {error.strerror}", "Check its permissions.") from error
    try:
        return Program(str(file), path, compile(source, str(path), "exec", dont_inherit=True))
    except ValueError as error:  # bytes that are no text
        raise SyntaxError(str(error)) from None


def run_program(program: Program, names: Mapping[str, Any], words: Sequence[str] = ()) -> None:
    """Run a script in this process as ``python FILE WORDS`` would, with more names in its globals.

    Parameters
    ----------
    program : Program
    names : mapping
        Globals that the script finds.
    words : sequence of str
        What follows the script's name on the command line.

    Raises
    ------
    BaseException
        Whatever the script raises, SystemExit too.
    """
    main = ModuleType("__main__")
    vars(main).update(names, __file__=str(program.path), __builtins__=__builtins__)
    with _as_main(main, program, words):
        exec(program.code, vars(main))


@contextmanager
def _as_main(main: ModuleType, program: Program, words: Sequence[str]) -> Iterator[None]:
    """Make a module the main one while it runs."""
    before = sys.modules["__main__"], sys.argv, list(sys.path)
    sys.modules["__main__"], sys.argv = main, [program.name, *words]
    sys.path.insert(0, str(program.path.parent))
    try:
        yield
    finally:
        sys.modules["__main__"], sys.argv, sys.path[:] = before


def told(error: BaseException, program: Path) -> str:
    """What Python prints of an uncaught exception, without the lines that aren't the user's.

    Parameters
    ----------
    error : BaseException
    program : Path
        The script.

    Returns
    -------
    str
        Ends with a line end. Frames of cnmf3d, and of what it calls, are left out.
    """
    text = traceback.TracebackException.from_exception(error)
    _trim(text, program)
    if not text.stack and text.__cause__ is None and (text.__context__ is None or text.__suppress_context__):
        return "".join(text.format_exception_only())
    return "".join(text.format())


def ours(error: BaseException) -> bool:
    """Whether an exception is a mistake of cnmf3d: raised in it, and no error that it foresees."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = bool(frames) and _in_package(frames[-1].filename)
    return inside and not isinstance(error, (Cnmf3dError, KeyboardInterrupt, SystemExit, SyntaxError))


def _in_package(file: str) -> bool:
    return PACKAGE in Path(file).parents


def _trim(text: traceback.TracebackException, program: Path) -> None:
    """Keep the frames of the user's, here and in the exceptions that led to this one."""
    text.stack = traceback.StackSummary.from_list(list(_own(text.stack, program.parent)))
    if text.exc_type is not None and issubclass(text.exc_type, Cnmf3dError):
        text.__cause__, text.__suppress_context__ = None, True
    for other in (text.__cause__, text.__context__, *(text.exceptions or ())):
        if other is not None:
            _trim(other, program)


def _own(frames: Sequence[traceback.FrameSummary], folder: Path) -> Iterator[traceback.FrameSummary]:
    """Frames of files beside the script, and of libraries that these call; not what cnmf3d calls."""
    shown = False
    for frame in frames:
        if Path(frame.filename).parent == folder:
            shown = True
        elif _in_package(frame.filename):
            shown = False
        if shown:
            yield frame
