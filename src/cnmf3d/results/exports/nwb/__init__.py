"""Results as NWB, for DANDI and everything that reads it."""

from cnmf3d.results.exports.nwb.writing import EXPORTER

__all__ = ["EXPORTER"]
