"""Our parameters under CaImAn's names, completed by CaImAn's defaults, so that its readers find every member."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from cnmf3d.parameters import caiman
from cnmf3d.results.model import Results
from cnmf3d.results.voxel_order import dims_of


def caiman_parameters(results: Results) -> dict[str, dict[str, Any]]:
    """CaImAn's parameter groups with the values that were used.

    Parameters
    ----------
    results : Results
        Its parameters are ours, groups of names and values; or CaImAn's own, which stay as they are.
    """
    groups = copy.deepcopy(caiman.defaults())
    groups["motion"]["indices"] = ["slice(None, None, None)"] * 2
    for group in groups.values():
        for name, value in group.items():
            group[name] = float("inf") if value == "Infinity" else value
    ours = results.parameters
    for name, values in ours.get("caiman", {}).items():
        if isinstance(values, Mapping):
            groups.setdefault(name, {}).update(values)
    shape = results.components.shape
    groups["data"]["dims"] = list(dims_of(shape))
    groups["data"]["fr"] = float(results.rate)
    paths = results.provenance.input_paths
    groups["data"]["fnames"] = list(paths) or None
    for group_name, name, value in _used(ours, flat=shape[0] == 1):
        if value is not None and value != "auto":
            groups[group_name][name] = value
    return groups


def _used(ours: Mapping[str, Any], *, flat: bool) -> list[tuple[str, str, Any]]:
    """Where each of our values goes among CaImAn's."""

    def get(group: str, name: str) -> Any:
        values = ours.get(group)
        return values.get(name) if isinstance(values, Mapping) else None

    rank = get("background", "nb")
    return [
        ("data", "decay_time", get("data", "decay_time")),
        ("init", "K", get("init", "K")),
        ("init", "gSig", _lengths(get("init", "gSig"), flat)),
        ("init", "gSiz", _lengths(get("init", "gSiz"), flat)),
        ("init", "nb", rank),
        ("spatial", "nb", rank),
        ("temporal", "nb", rank),
        ("patch", "nb_patch", rank),
        ("preprocess", "p", get("temporal", "p")),
        ("temporal", "p", get("temporal", "p")),
        ("merging", "merge_thr", get("merging", "merge_thr")),
        ("quality", "min_SNR", get("quality", "min_SNR")),
        ("quality", "rval_thr", get("quality", "rval_thr")),
        ("quality", "SNR_lowest", get("quality", "SNR_lowest")),
        ("quality", "rval_lowest", get("quality", "rval_lowest")),
        ("quality", "use_cnn", False),
    ]


def _lengths(value: Any, flat: bool) -> Any:
    """Lengths (x, y, z) along CaImAn's dims, which are rows and columns for one plane."""
    if not isinstance(value, (list, tuple)):
        return None
    return [value[1], value[0]] if flat else value
