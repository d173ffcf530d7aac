"""All parameters of one run."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from cnmf3d.parameters.background import BackgroundParameters
from cnmf3d.parameters.data import DataParameters
from cnmf3d.parameters.init import InitParameters
from cnmf3d.parameters.merging import MergingParameters
from cnmf3d.parameters.patch import PatchParameters
from cnmf3d.parameters.quality import QualityParameters
from cnmf3d.parameters.stage import Stage
from cnmf3d.parameters.temporal import TemporalParameters


class CnmfParameters(Stage):
    """Everything that can be set about 3D CNMF; all of it has a default that suits most recordings.

    `read_parameters` makes one from a file, from CaImAn's names, or from the dict of the CNMF 3D form.
    """

    data: DataParameters = Field(default_factory=DataParameters)
    init: InitParameters = Field(default_factory=InitParameters)
    patch: PatchParameters = Field(default_factory=PatchParameters)
    background: BackgroundParameters = Field(default_factory=BackgroundParameters)
    temporal: TemporalParameters = Field(default_factory=TemporalParameters)
    merging: MergingParameters = Field(default_factory=MergingParameters)
    quality: QualityParameters = Field(default_factory=QualityParameters)
    refit: bool = Field(False, description="Fit once more, starting from the accepted components only.")

    def to_dict(self) -> dict[str, Any]:
        """Plain values: groups of names, tuples as lists."""
        values: dict[str, Any] = self.model_dump(mode="json")
        return values
