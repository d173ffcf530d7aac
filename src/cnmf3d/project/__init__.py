"""Projects: samples with everything that led to them, and tables of their ROIs."""

from cnmf3d.project.columns import Add, Column, Config, Kind, Remove, Rename, Show, Type
from cnmf3d.project.planning import Preview
from cnmf3d.project.sample import Info, Sample
from cnmf3d.project.stimuli import Period, StimulusMap, read_stimuli
from cnmf3d.project.store import Project

__all__ = [
    "Add",
    "Column",
    "Config",
    "Info",
    "Kind",
    "Period",
    "Preview",
    "Project",
    "Remove",
    "Rename",
    "Sample",
    "Show",
    "StimulusMap",
    "Type",
    "read_stimuli",
]
