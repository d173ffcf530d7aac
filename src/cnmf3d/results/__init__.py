"""Results: components with everything that led to them, in one HDF5 file that CaImAn opens too."""

from cnmf3d.results.curation import Curated, Curation, curated
from cnmf3d.results.model import Provenance, Results
from cnmf3d.results.reading import load_results
from cnmf3d.results.summary import Summary, summary
from cnmf3d.results.writing import annotate_results, write_results

__all__ = [
    "Curated",
    "Curation",
    "Provenance",
    "Results",
    "Summary",
    "annotate_results",
    "curated",
    "load_results",
    "summary",
    "write_results",
]
