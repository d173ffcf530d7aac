"""Recordings as the programs of microscope makers leave them, one file each."""

from __future__ import annotations

from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.vendors import (
    bdv,
    bruker,
    femtonics,
    imaris,
    klb,
    leica,
    nikon,
    scanbox,
    suite2p,
    thorlabs,
    unread,
    zeiss,
)

FORMATS: tuple[Format, ...] = (
    bruker.FORMAT,
    thorlabs.FORMAT,
    scanbox.FORMAT,
    femtonics.FORMAT,
    imaris.FORMAT,
    bdv.FORMAT,
    suite2p.FORMAT,
    nikon.FORMAT,
    leica.FORMAT,
    zeiss.FORMAT,
    klb.FORMAT,
)
"""Asked before the general formats, whose files they use: HDF5, TIFF."""

UNREAD = unread.FORMAT
"""Asked last."""
