"""Curation: what people did to the ROIs of a results file, kept in it as a log that is replayed over the original."""

from cnmf3d.results.curation.curation import Curated, Curation, as_found, curated, found_of, state_of, with_log
from cnmf3d.results.curation.log import Entry, Value
from cnmf3d.results.curation.rois import joined, no_rois, rows_of
from cnmf3d.results.curation.state import State, after, replay

__all__ = [
    "Curated",
    "Curation",
    "Entry",
    "State",
    "Value",
    "after",
    "as_found",
    "curated",
    "found_of",
    "joined",
    "no_rois",
    "replay",
    "rows_of",
    "state_of",
    "with_log",
]
