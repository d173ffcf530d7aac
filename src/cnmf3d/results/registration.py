"""What results say of the registration of their movie."""

from __future__ import annotations

from dataclasses import replace

from cnmf3d.movies import Movie
from cnmf3d.results.model import Results


def with_registration(results: Results, movie: Movie, asked: str | None = None, because: str = "") -> Results:
    """Results that say how the movie was registered, among the estimates.

    Parameters
    ----------
    results : Results
    movie : Movie
        That they were computed from.
    asked : str, optional
        Who asked for registration, for the case that nothing moved; without it nothing is said of that.
    because : str
        Why it was registered.
    """
    facts = movie.metadata.get("motion")
    if not isinstance(facts, dict):
        if asked is None:
            return results
        entry = {"value": "none", "why": f"nothing moves that matters ({asked})"}
    else:
        bad = len(facts["bad_frames"])
        why = f"shifts up to {facts['largest']} voxels (x, y, z)" + (f"; {bad} bad frames are left out" if bad else "")
        entry = {"value": facts["kind"], "why": f"{why}; {because}" if because else why}
    estimates = {**results.provenance.estimates, "registration": entry}
    return replace(results, provenance=replace(results.provenance, estimates=estimates))
