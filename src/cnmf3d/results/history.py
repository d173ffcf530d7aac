"""What a history says of a run, and of a registration."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnmf3d.movies.registered import Motion
from cnmf3d.results.model import Results


def history_entry(results: Results) -> dict[str, Any]:
    """What a history says of one run: every parameter that was used, and what else led to the results.

    Parameters
    ----------
    results : Results

    Returns
    -------
    dict
        Plain values. ``parameters`` are those that were used, with every "auto" replaced; ``estimates`` says why.
        ``asked`` are those that the run was given.
    """
    source = results.provenance
    return {
        "parameters": dict(results.parameters),
        "asked": dict(source.asked),
        "estimates": {name: dict(choice) for name, choice in source.estimates.items()},
        "rate": results.rate,
        "voxel_size": None if results.voxel_size is None else list(results.voxel_size.xyz),
        "fingerprint": source.fingerprint,
        "input_paths": list(source.input_paths),
        "versions": dict(source.versions),
        "started": source.started,
        "timings": dict(source.timings),
        "warnings": list(source.warnings),
    }


def motion_entry(motion: Motion) -> dict[str, Any]:
    """What a history says of one registration.

    Parameters
    ----------
    motion : Motion

    Returns
    -------
    dict
        Plain values. ``parameters`` are those that were used, with "auto" replaced where something was chosen;
        ``asked`` those that were given. ``largest`` is the largest rigid shift along x, y, z in voxels.
    """
    asked, chosen = (dict(motion.parameters.get(name) or {}) for name in ("asked", "chosen"))
    return {
        "parameters": {**asked, **chosen},
        "asked": asked,
        "kind": motion.kind,
        "largest": [round(value, 3) for value in reversed(motion.largest)],
        "bad_frames": [int(frame) for frame in np.flatnonzero(motion.bad_frames)],
        "fingerprint": motion.fingerprint,
        "versions": dict(motion.versions),
    }
