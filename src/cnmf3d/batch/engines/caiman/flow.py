"""CaImAn's 3D CNMF, or its motion correction, on a mapped movie: runs in the user's CaImAn Python, without cnmf3d.

    /path/to/caiman/python flow.py SETTINGS.json

Speaks on its standard output, one JSON object a line: events as `cnmf3d.events.to_json` writes them, at the end
``{"kind": "done", "seconds": {...}, "versions": {...}}``, or ``{"kind": "failed", "text": ...}`` and exit code 1.
Whatever CaImAn prints goes to its standard error. With ``"ends_with_input": true`` among the settings it ends when its
standard input does, and so never outlives who started it.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO


class Teller:
    """Writes messages where nothing else is printed, and measures stages."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.seconds: dict[str, float] = {}

    def say(self, kind: str, **fields: Any) -> None:
        """Write one line."""
        self.out.write(json.dumps({"kind": kind, **fields}) + "\n")
        self.out.flush()

    @contextlib.contextmanager
    def stage(self, name: str, event: str) -> Iterator[None]:
        """Measure a stage as `name`; `event` is the stage as cnmf3d calls it."""
        began = time.perf_counter()
        self.say("progress", stage=event, done=0, total=1, unit="steps")
        yield
        self.seconds[name] = time.perf_counter() - began
        self.say("note", stage=event, text=f"CaImAn's {name} took {self.seconds[name]:.1f} s")
        self.say("progress", stage=event, done=1, total=1, unit="steps")


def main(path: str) -> int:
    """Run the settings in a file."""
    tell = Teller(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]
    try:
        settings = json.loads(Path(path).read_text(encoding="utf-8"))
        if settings.get("ends_with_input"):
            threading.Thread(target=_end_with_input, daemon=True).start()
        (correct if settings.get("task") == "mcorr_3d" else run)(settings, tell)
    except Exception as error:  # noqa: BLE001 - whatever CaImAn raises is told to who asked
        traceback.print_exc()
        tell.say("failed", text=f"{type(error).__name__}: {error}")
        return 1
    return 0


def run(settings: dict[str, Any], tell: Teller) -> None:
    """Fit, evaluate, fit once more with the accepted components if asked for, save.

    Parameters
    ----------
    settings : dict
        ``memmap`` and ``output`` (paths), ``processes``, ``refit``, ``parameters`` (groups of ``CNMFParams``).
    tell : Teller
    """
    with tell.stage("import", "compile"):
        import caiman
        from caiman.source_extraction.cnmf import cnmf, params
    with _processes(settings["processes"]) as (processes, view):
        flat, dims, frames = caiman.load_memmap(settings["memmap"])
        images = flat.T.reshape((frames, *dims), order="F")
        options = params.CNMFParams()
        for group, values in settings["parameters"].items():
            options.set(group, values)
        model = cnmf.CNMF(processes, params=options, dview=view)
        with tell.stage("fit", "blocks"):
            model.fit(images)
        _evaluate(model, images, view, tell)
        if settings["refit"]:
            model = _again(model, images, view, tell)
        with tell.stage("save", "write"):
            _relative_change(model, tell)
            model.save(settings["output"])
    tell.say("done", seconds=tell.seconds, versions={"caiman": caiman.__version__, "numpy": version("numpy")})


def correct(settings: dict[str, Any], tell: Teller) -> None:
    """Find by how much each volume, and each of its patches, has to be moved; nothing is moved on disk.

    Parameters
    ----------
    settings : dict
        ``memmap`` and ``output`` (paths; the output is ``.npz``), ``processes``, ``parameters`` (of ``MotionCorrect``).
    tell : Teller
    """
    with tell.stage("import", "compile"):
        import caiman
        import numpy as np
        from caiman.motion_correction import MotionCorrect
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in settings["parameters"].items()}
    volumes = {"is3D": True, "indices": (slice(None),) * 3, "border_nan": "copy"}  # the defaults are for planes
    with _processes(settings["processes"]) as (_, view):
        corrector = MotionCorrect([settings["memmap"]], dview=view, **volumes, **given)
        with tell.stage("motion_correct", "register"):
            corrector.motion_correct(save_movie=False)
    found: dict[str, Any] = {"shifts_rig": np.asarray(corrector.shifts_rig, np.float64)}
    if given.get("pw_rigid"):
        for name in ("x_shifts_els", "y_shifts_els", "z_shifts_els"):
            found[name] = np.asarray(getattr(corrector, name), np.float64)
    for name in ("total_template_els", "total_template_rig"):
        template = getattr(corrector, name, None)
        if template is not None:
            found["template"] = np.asarray(template, np.float32)
            break
    np.savez(settings["output"], **found)
    tell.say("done", seconds=tell.seconds, versions={"caiman": caiman.__version__, "numpy": version("numpy")})


@contextlib.contextmanager
def _processes(count: int) -> Iterator[tuple[int, Any]]:
    """How many processes CaImAn has, and what it shares work out by; they end afterwards."""
    from caiman.cluster import setup_cluster, stop_server

    if count <= 1:
        yield count, None
        return
    _, view, count = setup_cluster(backend="multiprocessing", n_processes=count, single_thread=False)
    try:
        yield count, view
    finally:
        stop_server(dview=view)


def _evaluate(model: Any, images: Any, view: Any, tell: Teller) -> None:
    """Judge the components, where there are any."""
    if model.estimates.A.shape[1]:
        with tell.stage("evaluation", "evaluate"):
            model.estimates.evaluate_components(images, model.params, dview=view)


def _again(model: Any, images: Any, view: Any, tell: Teller) -> Any:
    """The model fitted once more, from its accepted components."""
    if not model.estimates.A.shape[1] or not len(model.estimates.idx_components):
        tell.say("caution", stage="shapes", text="no component was accepted: there was nothing to fit once more")
        return model
    model.estimates.select_components(use_object=True, save_discarded_components=False)
    with tell.stage("refit", "shapes"):
        model = model.refit(images, dview=view)
    _evaluate(model, images, view, tell)
    return model


def _relative_change(model: Any, tell: Teller) -> None:
    """DF/F of the traces, where CaImAn can compute it."""
    try:
        if model.estimates.A.shape[1]:
            model.estimates.detrend_df_f(quantileMin=8, frames_window=250)
    except Exception as error:  # noqa: BLE001 - the components are there without it
        tell.say("caution", stage="write", text=f"CaImAn could not compute dF/F ({error}); it is zero in the results")


def _end_with_input() -> None:
    """Wait for the end of standard input; then end with all workers."""
    with contextlib.suppress(OSError, ValueError):
        while os.read(0, 1024):
            pass
    for process in multiprocessing.active_children():
        process.kill()
    os._exit(3)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
