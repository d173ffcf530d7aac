"""What a window does with projects: open, add, save, open a sample. Mistakes go to ``app.fail``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from cnmf3d.errors import UsageError
from cnmf3d.project import Project
from cnmf3d.viewer.models.movie_array import contrast_of
from cnmf3d.viewer.models.project import ProjectModel
from cnmf3d.viewer.opening import Opened, ready
from cnmf3d.workspace.samples import add_to_project, is_sample, open_sample, save_to_project

if TYPE_CHECKING:
    from cnmf3d.project import Sample
    from cnmf3d.viewer.app import App
    from cnmf3d.viewer.tasks import Task

FIELDS = ("animal", "trial", "date")
"""Fields of a sample that earlier values complete."""


class ProjectActions:
    """What can be done with the project of a window.

    Parameters
    ----------
    app : App

    Attributes
    ----------
    model : ProjectModel
    added : Signal
        UUID of a sample that was added or saved.
    """

    added = Signal(str)

    def __init__(self, app: App) -> None:
        self.app, self.model = app, ProjectModel()
        self.model.failed.connect(app.fail)
        app.project_changed.connect(self.model.take)
        if app.project is not None:
            self.model.take(app.project)

    def new(self, folder: str | Path) -> bool:
        """Make a project, or open one that is there; whether that worked."""
        return self.app.attempt(lambda: self.app.take_project(Project.open_or_create(folder)))

    def open_sample(self, uuid: str) -> Task | None:
        """Show a sample with its movie, in a thread; None where the user keeps what is open."""
        project = self.app.project
        if project is None or not self.app.may_discard():
            return None

        def read(task: Task) -> Opened:
            environment, notes = open_sample(project, uuid)
            task.report(1, 2)
            contrast = None if environment.isEmpty else contrast_of(environment.imgdata.movie)
            manager, told = environment.roi_manager, notes or (f"Opened the sample {environment.sample_id}",)
            return Opened(environment, contrast, None, told, None if manager is None else ready(manager.results))

        return self.app.tasks.start("Opening the sample", read, self.app.show, self.app.fail)

    def suggestions(self, field: str) -> list[str]:
        """Earlier values of a field or custom column, the latest first."""
        if self.app.project is None:
            return []
        infos = [each.info for each in reversed(self.app.project.samples())]
        values = [getattr(each, field) if field in FIELDS else each.custom.get(field, "") for each in infos]
        return list(dict.fromkeys(str(value) for value in values if value != ""))

    def problem(self, animal: str, trial: str) -> str:
        """What is wrong with the IDs of a new sample; empty where nothing is."""
        from cnmf3d.project.sample import identifier

        if self.app.project is None:
            return "No project is open."
        try:
            name = f"{identifier('animal', animal)}/{identifier('trial', trial)}"
        except UsageError as error:
            return f"{error.problem}."
        if any(each.id == name for each in self.app.project.samples()):
            return f"There is a sample {name} already."
        return "" if self.app.rois is not None else "There are no ROIs to add."

    def add(self, **values: Any) -> Sample:
        """Add the work environment, with the ROIs as they are now.

        Parameters
        ----------
        **values
            As for `cnmf3d.workspace.samples.add_to_project`.

        Raises
        ------
        UsageError, InputError
            For values that can't be.
        """
        project = self._project()
        sample = add_to_project(project, self.app.environment, **values)
        self._kept(sample, f"Added the sample {sample.id}")
        return sample

    @property
    def sample_is_open(self) -> bool:
        """Whether the work environment is of a sample of the project."""
        project = self.app.project
        return project is not None and self.app.rois is not None and is_sample(project, self.app.environment)

    def save(self) -> bool:
        """Save the sample that is open, over what it was; whether that worked."""

        def save() -> None:
            sample = save_to_project(self._project(), self.app.environment)
            self._kept(sample, f"Saved the sample {sample.id}")

        return self.app.attempt(save)

    def _kept(self, sample: Sample, text: str) -> None:
        for what in self.app.unsaved:
            self.app.mark_unsaved(what, False)
        self.model.refresh()
        self.app.environment_changed.emit(self.app.environment)
        self.added.emit(sample.uuid)
        self.app.tell(text)

    def _project(self) -> Project:
        if self.app.project is None:
            raise UsageError("no project is open", "Open one, or make a new one, in the dock Project.")
        return self.app.project


_ACTIONS: dict[int, ProjectActions] = {}


def project_actions(app: App) -> ProjectActions:
    """The actions of an app, made when they are first asked for."""
    if id(app) not in _ACTIONS:
        _ACTIONS[id(app)] = ProjectActions(app)
        app.closed.connect(lambda: _ACTIONS.pop(id(app)).model.close())
    return _ACTIONS[id(app)]
