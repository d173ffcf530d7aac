"""`cnmf3d console`: IPython with the names of the CNMF 3D page."""

from __future__ import annotations

from typing import Any

from cnmf3d.cli.script import BatchFolder, ProjectFolder, workspace

WELCOME = """cnmf3d {version}: {names}
{batch}
"""


def console(batch: BatchFolder = None, project: ProjectFolder = None) -> None:
    """An interactive Python (IPython) with the names that scripts have."""
    try:
        from IPython.terminal.ipapp import TerminalIPythonApp
    except ImportError as error:
        from cnmf3d.errors import UsageError

        raise UsageError("the console needs IPython, which isn't installed", "pip install 'cnmf3d[console]'") from error
    from traitlets.config import Config

    from cnmf3d.errors import Cnmf3dError

    with workspace(batch, project) as space:
        names = space.names()
        settings = Config()
        settings.TerminalInteractiveShell.banner1 = ""
        settings.TerminalInteractiveShell.banner2 = _welcome(space.manager.folder, names)
        app: Any = TerminalIPythonApp.instance(config=settings, user_ns=names)
        app.initialize([])
        app.shell.set_custom_exc((Cnmf3dError,), _tell)
        app.start()


def _tell(shell: Any, kind: Any, error: Any, trace: Any, tb_offset: Any = None) -> None:
    """Show an error that says what to do without its traceback."""
    print(f"{kind.__name__}: {error.problem}")
    if error.fix:
        print(error.fix)


def _welcome(folder: Any, names: dict[str, Any]) -> str:
    """What is there, before the first prompt."""
    from cnmf3d import __version__

    shown = ", ".join(name for name in names if not name.startswith("_"))
    batch = "No batch: get_batch_manager().new_batch('DIR')" if folder is None else f"Batch: {folder}"
    return WELCOME.format(version=__version__, names=shown, batch=batch)
