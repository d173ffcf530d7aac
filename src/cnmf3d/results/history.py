"""What a history says of a run."""

from __future__ import annotations

from typing import Any

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
