"""Modules as scripts see them: `get_module("cnmf_3d").add_to_batch(params)`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cnmf3d.batch.modules import MCORR, MODULES
from cnmf3d.errors import UsageError, did_you_mean
from cnmf3d.workspace.adding import FORM, MOTION_FORM
from cnmf3d.workspace.batch_manager import BatchManager
from cnmf3d.workspace.viewer import Viewer


def named(name: str) -> str:
    """The name of a module.

    Raises
    ------
    UsageError
        Where there is none of this name.
    """
    if name in MODULES:
        return name
    hint = f"{did_you_mean(str(name).lower(), MODULES)}There are {', '.join(MODULES)}."
    raise UsageError(f"there is no module {name!r}", hint)


class Module:
    """Adds the current movie to the batch.

    Parameters
    ----------
    name : str
        In the table of modules.
    viewer : Viewer
    manager : BatchManager
    """

    def __init__(self, name: str, viewer: Viewer, manager: BatchManager) -> None:
        self.name = name
        self._viewer = viewer
        self._manager = manager
        self._params: dict[str, Any] = {}

    def get_params(self) -> dict[str, Any]:
        """A copy of what `set_params` was given last."""
        return copy.deepcopy(self._params)

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Parameters for `add_to_batch` without any; they are copied."""
        if not isinstance(params, Mapping):
            form = MOTION_FORM if self.name == MCORR else FORM
            raise UsageError(f"params is {params!r}", f"Give the dict of the form: {form}.")
        self._params = copy.deepcopy(dict(params))

    def add_to_batch(self, params: Mapping[str, Any] | None = None, engine: str = "native") -> UUID:
        """Add the movie of the current work environment as an item.

        Parameters
        ----------
        params : mapping, optional
            The form's dict: ``item_name``, and where they differ from their defaults ``cnmf_kwargs``, ``eval_kwargs``,
            ``refit``, ``use_patches``, ``use_memmap``, ``memmap_uuid``, ``keep_memmap``, ``input_item`` (of the
            module ``mcorr_3d``, which registers the movie); of the module ``mcorr_3d`` ``item_name``, ``mc_kwargs``,
            ``register_on``. What `set_params` was given where there is none. It is copied.
        engine : str
            ``native``, or ``caiman``.

        Returns
        -------
        uuid.UUID
            Of the item.

        Raises
        ------
        UsageError
            For an empty work environment, one whose movie is only in memory, unknown names (with the nearest),
            parameters that can't be, or no batch.
        InputError
            Where the movie's rate isn't known.
        """
        if params is not None:
            self.set_params(params)
        return self._manager.add_item(self.name, self._viewer.workEnv, self._params, engine)

    def __repr__(self) -> str:
        """Tell its name."""
        return f"<Module {self.name}>"
