"""cnmf3d: volumetric calcium imaging movies into neurons.

`open_movie` reads anything on disk, `register` registers it where it moves, `run` turns it into components,
`load_results` reads them back. `deconvolve` finds spikes in traces from elsewhere.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cnmf3d import kernel_cache

try:
    __version__ = version("cnmf3d")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

kernel_cache.ensure()

_PUBLIC = {
    "open_movie": "cnmf3d.movies",
    "Movie": "cnmf3d.movies",
    "CnmfParameters": "cnmf3d.parameters",
    "read_parameters": "cnmf3d.parameters",
    "MotionParameters": "cnmf3d.parameters",
    "read_motion_parameters": "cnmf3d.parameters",
    "estimate_motion": "cnmf3d.motion",
    "Motion": "cnmf3d.movies.registered",
    "read_motion": "cnmf3d.movies.registered",
    "write_motion": "cnmf3d.movies.registered",
    "register": "cnmf3d.engine.registering",
    "run": "cnmf3d.engine",
    "deconvolve": "cnmf3d.engine.deconvolution.elsewhere",
    "load_results": "cnmf3d.results",
    "write_results": "cnmf3d.results",
    "Results": "cnmf3d.results",
    "Components": "cnmf3d.components",
    "silent": "cnmf3d.events",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that ``import cnmf3d`` stays cheap."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'cnmf3d' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    """All public names, also those that nobody has used yet."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
