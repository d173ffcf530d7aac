"""Traces of other functional channels in a results file: a group for each, under our own group."""

from __future__ import annotations

import h5py
import numpy as np

from cnmf3d.components import TRACES, Components, Traced

GROUP = "cnmf3d/channels"

LABELLED = 5.0
"""Standard deviations of `red_z` from which a cell counts as labelled: what labelled cells leave beside them has up to
4, labelled cells some tens and more."""

NAMES = dict(zip(TRACES, ("C", "YrA", "S", "F_dff"), strict=True))
"""What the matrices of a channel are called: as those of the first channel in ``estimates``."""


def write_channels(file: h5py.File, components: Components) -> None:
    """Store the traces of other channels, float32; NaN where nothing was seen."""
    for channel, traced in components.channels.items():
        group = file.create_group(f"{GROUP}/{channel}")
        for field, name in NAMES.items():
            group[name] = np.asarray(getattr(traced, field), np.float32)


def read_channels(file: h5py.File) -> dict[str, Traced]:
    """All of them; none in files of before they were stored."""
    if GROUP not in file:
        return {}
    return {
        str(channel): Traced(*(np.asarray(group[name][()], np.float32) for name in NAMES.values()))
        for channel, group in file[GROUP].items()
    }
