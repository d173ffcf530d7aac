"""Merging of components that are one cell."""

from __future__ import annotations

from pydantic import Field

from cnmf3d.parameters.stage import Stage


class MergingParameters(Stage):
    """Overlapping components with alike traces become one."""

    do_merge: bool = Field(True, description="Whether components of a patch are merged at all.")
    merge_thr: float = Field(
        0.8,
        gt=0,
        le=1,
        description="Correlation of the traces of overlapping components above which they are merged, or of what "
        "lasts in the traces, without noise, if that is larger. Where they hardly overlap, halfway from it to one is "
        "needed; where they lie in the same place, nothing.",
    )
