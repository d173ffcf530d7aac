"""The command line: one table of commands, and how errors become messages and exit codes.

Only the command that is named is imported, so that each starts as soon as it can.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from cnmf3d import __version__
from cnmf3d.cli.any_name import take_any_name
from cnmf3d.errors import Cnmf3dError, InputError
from cnmf3d.faults import keep
from cnmf3d.written import Record, recorded

COMMANDS = {
    "run": "run:run",
    "info": "info:info",
    "register": "register:register",
    "motion": "motion:motion",
    "convert": "convert:convert",
    "report": "report:report",
    "params": "params:params",
    "simulate": "simulate:simulate",
    "score": "score:score",
    "deconvolve": "deconvolve:deconvolve",
    "export": "export:export",
    "import": "import_:import_",
    "view": "view:view",
    "script": "script:script",
    "console": "console:console",
    "batch": "batch:app",
    "project": "project:app",
    "sample": "sample:app",
    "curate": "curate:app",
    "cache": "cache:app",
}
"""Where each is, in a file or folder of its own; `app` is a group of commands (``cnmf3d cache list``)."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

USAGE = 2

STEPWISE = ("batch", "project", "sample", "curate", "script", "console", "view", "cache")
"""Commands that keep each step as soon as it is done, in databases, journals and run folders."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cnmf3d {__version__}")
        raise typer.Exit


def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Volumetric calcium imaging movies into neurons: footprints, traces, spikes, judged."""


def command_line(words: Sequence[str]) -> typer.Typer:
    """The command line with the command that `words` start with; with all of them where they name none."""
    app = typer.Typer(help=options.__doc__, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(options)
    for name in [word for word in words[:1] if word in COMMANDS] or COMMANDS:
        module, _, member = COMMANDS[name].partition(":")
        found = getattr(import_module(f"cnmf3d.cli.{module}"), member)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name, context_settings=getattr(found, "context_settings", None))(found)
    return app


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failure, 2 usage, 3 bad input, 130 interrupted, 143 terminated."""
    words = sys.argv[1:] if words is None else list(words)
    take_any_name()
    if words[:1] not in (["batch"], ["view"]):  # runs of a batch go on where their supervisor was ended
        signal.signal(signal.SIGTERM, _terminate)
    sys.exit(call(words))


TERMINATED = 143
"""Exit code after SIGTERM, as shells have it."""


MOMENT = 0.02
"""Seconds after which ending is tried again: less would meet the same callback, more only takes longer."""


def _terminate(number: int, frame: FrameType | None) -> None:
    """End as for any error, so that temporary files are removed."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends it at once
    sys.unraisablehook = _ended_later
    raise SystemExit(TERMINATED)


def _ended_later(lost: sys.UnraisableHookArgs) -> None:
    """End a moment later where a callback of a library, as of the compiler's, lost the exception that ends it."""
    if not isinstance(lost.exc_value, SystemExit):
        sys.__unraisablehook__(lost)
    elif hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, _terminate)
        signal.setitimer(signal.ITIMER_REAL, MOMENT)


def call(words: Sequence[str]) -> int:
    """Run one command.

    Parameters
    ----------
    words : sequence of str
        What follows ``cnmf3d``.

    Returns
    -------
    int
        Exit code.
    """
    if not words:
        words = ["--help"]
    with recorded() as written:
        return _called(words, written)


def _called(words: Sequence[str], written: Record) -> int:
    """As `call`, with a record of what the command writes."""
    try:
        done = get_command(command_line(words)).main(list(words), prog_name="cnmf3d", standalone_mode=False)
        if done == INTERRUPTED:  # typer has made this of Ctrl-C
            raise KeyboardInterrupt
        return done if isinstance(done, int) else 0
    except typer.Exit as stop:
        return stop.exit_code
    except TyperException as error:
        if told := _usage(error):
            typer.echo(told, err=True)
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        typer.echo(f"\nStopped. {_left(words[0], written)}", err=True)
        return INTERRUPTED
    except Cnmf3dError as error:
        tell(error, as_json="--json" in words)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        refused = _refused(error)
        if refused is None:
            typer.echo(unexpected(error), err=True)
            return 1
        tell(refused, as_json="--json" in words)
        return refused.exit_code
    except MemoryError:
        typer.echo("Error: the machine has no memory left\nUse fewer --workers, or smaller patches (--rf).", err=True)
        return 1
    except Exception as error:  # noqa: BLE001 - a mistake of ours: the user gets a line, the log the traceback
        typer.echo(unexpected(error), err=True)
        return 1


REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOSPC)
"""What the system says of places where the user may not read or write: whoever asked for one is no fault of ours."""


def _refused(error: OSError) -> InputError | None:
    """The error of a place that the system refuses, in words; None for any other.

    Whether a path is there can't be known in a folder that nobody else may look into, so that any question may end so.
    """
    if error.errno not in REFUSED or not error.filename:
        return None
    name = error.filename if isinstance(error.filename, str) else os.fsdecode(error.filename)
    return InputError(
        f"{name} can't be used: {error.strerror}", "Check its name, its folder, and who may read and write there."
    )


def _left(command: str, written: Record) -> str:
    """What a command that was stopped has left."""
    if paths := written.paths():
        return f"Before that it has written {', '.join(map(str, paths))}."
    if command in STEPWISE:
        return "Every step that was done before that is kept."
    return "Nothing was written; what was there is as it was."


def _usage(error: TyperException) -> str:
    """What is wrong with a command line, and where help is; empty where the help itself was shown instead."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "cnmf3d"
    told = getattr(error, "format_message", None)
    problem = told() if told else str(error)
    return f"Error: {problem}\n`{path} --help` lists what there is." if problem else ""


def tell(error: Cnmf3dError, *, as_json: bool) -> None:
    """Say what is wrong and what helps."""
    if as_json:
        import json

        typer.echo(
            json.dumps({"kind": "error", "problem": error.problem, "fix": error.fix, "exit_code": error.exit_code})
        )
    typer.echo(f"Error: {error.problem}", err=True)
    if error.fix:
        typer.echo(error.fix, err=True)


def unexpected(error: Exception) -> str:
    """Keep the traceback of an error that nobody foresaw in a log file; the message that names it."""
    return f"Error: something went wrong inside cnmf3d ({type(error).__name__}: {error})\n{keep(error)}"
