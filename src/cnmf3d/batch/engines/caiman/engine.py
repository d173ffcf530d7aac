"""The engine as the batch sees it: light to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnmf3d.batch.engines.caiman import interpreter, motion_settings, settings
from cnmf3d.batch.modules import CNMF, MCORR
from cnmf3d.batch.runfolder import Job, RunFolder
from cnmf3d.errors import UsageError
from cnmf3d.events import Reporter
from cnmf3d.parameters import read_parameters
from cnmf3d.parameters.reading import Source, content_of


class CaimanEngine:
    """Memory map, then motion correction, or CNMF with evaluation and refit, on the CaImAn that the user has."""

    name = "caiman"
    modules = (CNMF, MCORR)

    def unsuitable(self, job: Job) -> str | None:
        """Why this engine can't do a job, with what helps; None where it can."""
        if job.module not in self.modules:
            return f"the engine caiman has no module {job.module}"
        own = settings.own_among(job.options)
        if job.module == MCORR:
            reason = motion_settings.unsuitable(job.of_motion(), own)
        else:
            reason = settings.unsuitable(read_parameters(job.parameters), own)
        return reason or interpreter.missing(job.options)

    def separate(self, parameters: Source | None) -> tuple[Source | None, dict[str, Any]]:
        """Our parameters, and CaImAn's own as the option `settings.OPTION`.

        Raises
        ------
        UsageError
            For what CaImAn can't honour.
        """
        ours, own = settings.separate(content_of(parameters))
        reason = settings.unsuitable(read_parameters(ours), own)
        if reason:
            raise UsageError(f"the engine caiman can't do this: {reason}")
        return ours, {settings.OPTION: own} if own else {}

    def divide_motion(self, content: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """Parameters of registration, which needn't be complete: ours, and CaImAn's own as the option.

        Raises
        ------
        UsageError
            For one of CaImAn's own that is of no use here.
        """
        ours, own = motion_settings.separate(content)
        motion_settings.own_of(own)
        return ours, {settings.OPTION: own} if own else {}

    def divide(self, content: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """As `separate`, of a part of the parameters: whether the whole can be done isn't judged.

        Raises
        ------
        UsageError
            For one of CaImAn's own that it doesn't have, or that is of no use here.
        """
        ours, own = settings.separate(content)
        settings.own_groups(own)
        return ours, {settings.OPTION: own} if own else {}

    def run(self, folder: RunFolder, job: Job, reporter: Reporter) -> None:
        """Do a job that is suitable; the results file appears whole or not at all.

        Raises
        ------
        InputError, UsageError
            For a movie or parameters that can't be used.
        EngineError
            Where CaImAn fails, or isn't there any more.
        """
        if job.module == MCORR:
            from cnmf3d.batch.engines.caiman.motion_work import work as correct

            correct(folder, job, reporter)
            return
        from cnmf3d.batch.engines.caiman.work import work

        work(folder, job, reporter)


ENGINE = CaimanEngine()
