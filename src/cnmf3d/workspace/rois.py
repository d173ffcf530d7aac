"""RoiManager: the ROIs of a results file, as curation leaves them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cnmf3d.components import Components
from cnmf3d.errors import UsageError
from cnmf3d.results import Results
from cnmf3d.results.curation.session import CurationSession


class RoiManager:
    """The ROIs of a results file.

    Parameters
    ----------
    results : Results
    """

    def __init__(self, results: Results) -> None:
        self._results: Results | None = results
        self._session: CurationSession | None = None

    @property
    def results(self) -> Results:
        """Everything that the file holds."""
        if self._results is None:
            raise UsageError("the work environment of these ROIs was cleared", "Import the output again.")
        return self._results

    @property
    def curated(self) -> Results:
        """The same, with the curation so far: in a window, through `session`, or from the file."""
        results = self.results
        return results if self._session is None else self._session.results

    @property
    def session(self) -> CurationSession:
        """What is done to the ROIs: ``roi_manager.session.reject([3, 5])``, ``.tag(...)``, ``.undo()``.

        In a window these are the ROIs on the screen. Without one, steps are kept only by a session of the file:
        `cnmf3d.results.curation.session.CurationSession.open`.
        """
        if self._session is None:
            self._session = CurationSession.from_results(self.results)
        return self._session

    @session.setter
    def session(self, session: CurationSession) -> None:
        self._session = session

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """ROI numbers, in the order of `components`."""
        return self.session.ids

    @property
    def components(self) -> Components:
        """Footprints, traces, spikes, quality of the ROIs that are there."""
        session = self.session
        return session.components(session.ids) if session.log else self.results.components

    @property
    def accepted(self) -> npt.NDArray[np.bool_]:
        """Whether each ROI is taken for a cell."""
        return self.session.accepted

    def __len__(self) -> int:
        """Count the ROIs, accepted or not."""
        return len(self.session)

    def clear(self) -> None:
        """Let go of the components."""
        self._results = self._session = None

    def __repr__(self) -> str:
        """Tell how many there are."""
        if self._results is None:
            return "<RoiManager, cleared>"
        return f"<RoiManager of {len(self)} ROIs, {int(self.accepted.sum())} accepted>"
