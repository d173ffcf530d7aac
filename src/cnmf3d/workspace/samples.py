"""Between a work environment and the samples of a project."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.project import Project, Sample
from cnmf3d.results import Results
from cnmf3d.workspace.environment import ViewerWorkEnv
from cnmf3d.workspace.imgdata import ImgData
from cnmf3d.workspace.rois import RoiManager


def add_to_project(
    project: Project,
    env: ViewerWorkEnv,
    *,
    animal: str,
    trial: str,
    **values: Any,
) -> Sample:
    """Add a work environment to a project: ROIs as they are curated now, movie, metadata, history, stimuli, comments.

    Parameters
    ----------
    project : Project
    env : ViewerWorkEnv
        Becomes the sample's: its `UUID` and `sample_id` are set.
    animal, trial : str
        Together unlike those of every other sample.
    **values
        ``date``, ``comments``, ``custom``, ``stimuli``, ``tags``, ``copy_movie``; they win over what `env` says.

    Raises
    ------
    UsageError, InputError
        As `Project.add`, and where there are no ROIs, or the movie is only in memory.
    """
    rois = rois_of(env)
    told: dict[str, Any] = {"comments": env.comments, "meta": env.imgdata.meta, "stimuli": env.stim_maps or {}}
    date = env.imgdata.meta.get("date")
    if isinstance(date, str):
        told["date"] = date
    if env.history_trace:
        told["history"] = env.history_trace
    if not env.isEmpty:
        source, opening = env.imgdata.source()
        told |= {"movie": source if isinstance(source, str) else list(source), "opening": opening}
    sample = project.add(rois, animal=animal, trial=trial, **{**told, **values})
    env.UUID, env.sample_id = UUID(sample.uuid), sample.id
    env.history_trace[:] = [dict(entry) for entry in sample.info.history]
    env.imgdata.meta.update(sample.info.meta)
    return sample


def save_to_project(project: Project, env: ViewerWorkEnv, **values: Any) -> Sample:
    """Save a sample that was opened anew: its ROIs as they are curated now, and what the environment says of it.

    Parameters
    ----------
    project : Project
    env : ViewerWorkEnv
        From `open_sample` or `add_to_project`.
    **values
        As for `Project.save`.

    Raises
    ------
    UsageError
        Where the environment is of no sample of this project.
    """
    if not is_sample(project, env):
        raise UsageError("the work environment is no sample of this project", "Add it: vi.add_to_project(...).")
    rois = rois_of(env)
    told = {"comments": env.comments, "meta": env.imgdata.meta, "stimuli": env.stim_maps or {}}
    sample = project.save(str(env.UUID), rois, **{**told, **values})
    env.history_trace[:] = [dict(entry) for entry in sample.info.history]
    return sample


def is_sample(project: Project, env: ViewerWorkEnv) -> bool:
    """Whether a work environment is of a sample of this project."""
    return any(sample.uuid == str(env.UUID) for sample in project.samples())


def open_sample(project: Project, key: str) -> tuple[ViewerWorkEnv, tuple[str, ...]]:
    """The work environment of a sample.

    Parameters
    ----------
    project : Project
    key : str

    Returns
    -------
    ViewerWorkEnv
        Where the movie isn't there any more, `imgdata` has its metadata only.
    tuple of str
        What the user should know.

    Raises
    ------
    UsageError, InputError
        Where there is no such sample, or its data can't be read.
    """
    sample, results = project.sample(key), project.results(key)
    notes: tuple[str, ...] = ()
    imgdata = ImgData(meta=sample.info.meta)
    try:
        source, opening = project.movie_source(sample.uuid)
        env = ViewerWorkEnv.from_movie(source if isinstance(source, str) else list(source), **opening)
        imgdata = env.imgdata
        imgdata.meta = dict(sample.info.meta)
    except Cnmf3dError as error:
        notes = (f"{error.problem}. {error.fix}",)
    opened = ViewerWorkEnv(
        imgdata,
        sample_id=sample.id,
        UUID=sample.uuid,
        stim_maps=dict(sample.info.stimuli),
        roi_manager=RoiManager(results),
        comments=sample.info.comments,
        history_trace=[dict(entry) for entry in sample.info.history],
    )
    return opened, notes


def rois_of(env: ViewerWorkEnv) -> Results:
    """The ROIs of a work environment, as they are curated now.

    Raises
    ------
    UsageError
        Where it has none.
    """
    if env.roi_manager is None:
        raise UsageError(
            "the work environment has no ROIs",
            "Import the output of an item first: load_item_output, or a double-click.",
        )
    return env.roi_manager.curated
