"""Demo: a simulated volume with its results, made once and kept in the user's cache folder."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cnmf3d.errors import EngineError

if TYPE_CHECKING:
    from cnmf3d.viewer.app import App
    from cnmf3d.viewer.tasks import Task

PRESET = "small"


def demo_folder() -> Path:
    """Where the demonstration is kept."""
    from platformdirs import user_cache_path

    from cnmf3d import __version__

    return user_cache_path("cnmf3d", appauthor=False) / f"demo-{__version__}"


def demo_results(task: Task, folder: Path | None = None, preset: str = PRESET) -> Path:
    """Simulate a volume and find its cells, in processes of their own; what is there already is used.

    Parameters
    ----------
    task : Task
    folder : Path, optional
        Where it is kept.
    preset : str
        Name of the scene.

    Returns
    -------
    Path
        The results file, the movie beside it.

    Raises
    ------
    EngineError
        Where that fails.
    """
    folder = folder or demo_folder()
    movie, results = folder / "demo.tif", folder / "demo.cnmf3d.hdf5"
    if results.is_file() and movie.is_file():
        return results
    folder.mkdir(parents=True, exist_ok=True)
    _run(["simulate", str(movie), "--preset", preset, "--seed", "0"], task)
    _run(["run", str(movie), "-o", str(results), "--quiet"], task)
    return results


def _run(words: list[str], task: Task) -> None:
    """Run one of our commands until it ends or the user cancels."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "cnmf3d", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        while process.poll() is None:
            task.report(0, 0)
            time.sleep(0.1)
    finally:
        if process.poll() is None:
            process.terminate()
        _, told = process.communicate()
    if process.returncode:
        raise EngineError(f"the demonstration could not be made: {told[-500:]}", "See `cnmf3d simulate --help`.")


def open_demo(app: App) -> Task:
    """Show the demonstration in a viewer, making it where it isn't there yet."""
    return app.tasks.start("Preparing the demonstration", demo_results, app.open, app.fail)
