"""What a run folder tells once its worker is gone."""

from __future__ import annotations

from typing import Any

import h5py

from cnmf3d import plain_json
from cnmf3d.batch.modules import MCORR
from cnmf3d.batch.runfolder import RunFolder
from cnmf3d.damage import DAMAGE
from cnmf3d.errors import InputError
from cnmf3d.results.voxel_order import order_of


def told_by(folder: RunFolder, module: str) -> dict[str, Any]:
    """Columns of a done item: summary and warnings, of its results file or of its motion file.

    Parameters
    ----------
    folder : RunFolder
    module : str

    Raises
    ------
    InputError
        Where the file is damaged.
    """
    try:
        return _motion(folder) if module == MCORR else _results(folder)
    except DAMAGE as error:
        output = folder.output(module)
        raise InputError(f"{output} is damaged: {error}", "Compute it again: cnmf3d batch retry.") from error


def _results(folder: RunFolder) -> dict[str, Any]:
    with h5py.File(folder.results, "r") as file:
        estimates = file["estimates"]
        summary: dict[str, Any] = {
            "accepted": int(estimates["idx_components"].size),
            "rejected": int(estimates["idx_components_bad"].size),
            "frames": int(estimates["C"].shape[1]),
            "shape": list(reversed(order_of(file["dims"][()])[0])),  # x, y, z
        }
        provenance = plain_json.loads(file["cnmf3d"].attrs["provenance"]) if "cnmf3d" in file else {}
    ended = folder.ended() or {}
    summary["seconds"] = ended.get("seconds", provenance.get("timings", {}).get("total"))
    return {"summary": summary, "warnings": list(provenance.get("warnings", []))}


def _motion(folder: RunFolder) -> dict[str, Any]:
    from cnmf3d.movies.registered import read_motion

    motion = read_motion(folder.motion)
    summary = {
        "kind": motion.kind,
        "largest": [round(value, 3) for value in reversed(motion.largest)],  # x, y, z
        "bad_frames": int(motion.bad_frames.sum()),
        "frames": motion.frames,
        "shape": list(reversed(motion.shape)),  # x, y, z
        "seconds": (folder.ended() or {}).get("seconds"),
    }
    warnings = [str(event.get("text", "")) for _, event in folder.events() if event.get("kind") == "caution"]
    return {"summary": summary, "warnings": warnings}
