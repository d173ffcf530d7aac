"""NWB files by their name; `nwb_series` reads them, also where HDF5 or Zarr say by their content that they are NWB."""

from __future__ import annotations

from cnmf3d.movies.formats.format import Format
from cnmf3d.movies.formats.hdf5 import MAGIC, open_hdf5
from cnmf3d.movies.stored import Place, Stored


def recognises(place: Place) -> bool:
    """Whether it is an HDF5 file named ``.nwb``."""
    return place.suffix == ".nwb" and place.head.startswith(MAGIC)


def open_nwb(place: Place, dataset: str | None) -> Stored:
    """Open an imaging series of an NWB file; see `nwb_series.read_series`."""
    return open_hdf5(place, dataset, nwb=True)


FORMAT = Format("NWB", (".nwb",), recognises, open_nwb)
