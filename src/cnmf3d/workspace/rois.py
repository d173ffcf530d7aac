"""RoiManager: the components that a batch item found."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components
from cnmf3d.errors import UsageError
from cnmf3d.results import Results


class RoiManager:
    """Components of a results file, one ROI each.

    Parameters
    ----------
    results : Results
    """

    def __init__(self, results: Results) -> None:
        self._results: Results | None = results

    @property
    def results(self) -> Results:
        """Everything that the file holds."""
        if self._results is None:
            raise UsageError("the work environment of these ROIs was cleared", "Import the output again.")
        return self._results

    @property
    def components(self) -> Components:
        """Footprints, traces, spikes, quality."""
        return self.results.components

    @property
    def accepted(self) -> npt.NDArray[np.bool_]:
        """Whether each ROI passed the evaluation."""
        return self.components.accepted

    def __len__(self) -> int:
        """Count the ROIs, accepted or not."""
        return self.components.count

    def clear(self) -> None:
        """Let go of the components."""
        self._results = None

    def __repr__(self) -> str:
        """Tell how many there are."""
        if self._results is None:
            return "<RoiManager, cleared>"
        return f"<RoiManager of {len(self)} ROIs, {int(self.accepted.sum())} accepted>"
