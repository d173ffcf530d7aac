"""The form of registration: what was entered, what of it can't be, and the parameters that it stands for."""

from __future__ import annotations

from typing import Any

from psygnal import Signal
from pydantic import ValidationError

from cnmf3d.errors import UsageError
from cnmf3d.parameters.motion import MotionParameters
from cnmf3d.parameters.reading import complaints
from cnmf3d.viewer.models.form_fields import motion_fields


class MotionForm:
    """What the form holds.

    Attributes
    ----------
    changed : Signal
        An entry was changed; emitted with its name, or with ``""`` for many.
    errors : dict
        Name of an entry to why it can't be.
    remarks, overridden : dict
        As of `FormModel`; nothing else sets a parameter here, so they stay empty.
    """

    changed = Signal(str)

    def __init__(self) -> None:
        self._values: dict[str, Any] = {name: field.default for name, field in motion_fields().items()}
        self.errors: dict[str, str] = {}
        self.remarks: dict[str, str] = {}
        self.overridden: dict[str, Any] = {}

    def value(self, name: str) -> Any:
        """What is entered for a parameter, as a plain value."""
        return self._values[name]

    def set(self, name: str, value: Any) -> None:
        """Enter a value, ``motion.name``; it may be one that can't be: `errors` then says so."""
        if self._values[name] != value or type(self._values[name]) is not type(value):
            self._values[name] = value
            self._check()
            self.changed.emit(name)

    def unit(self, name: str) -> str:
        """Unit of a parameter."""
        return motion_fields()[name].unit

    def applies(self, name: str) -> bool:
        """Whether a parameter has a meaning: those of patches, unless the motion is to be rigid."""
        return name not in PIECEWISE or self._values["motion.pw_rigid"] is not False

    def reset(self) -> None:
        """Back to the defaults, by which everything is found from the data."""
        self._values = {name: field.default for name, field in motion_fields().items()}
        self._check()
        self.changed.emit("")

    def parameters(self) -> MotionParameters:
        """The parameters that the form stands for.

        Raises
        ------
        UsageError
            Where an entry can't be.
        """
        for name, why in self.errors.items():
            raise UsageError(f"{motion_fields()[name].label}: {why}", "Mend it in the form.")
        return MotionParameters.model_validate(_bare(self._values))

    def params(self, channel: int | None = None) -> dict[str, Any]:
        """What ``get_module('mcorr_3d').add_to_batch`` takes, without the item's name.

        Parameters
        ----------
        channel : int, optional
            That motion is estimated on, where it isn't the movie's.

        Raises
        ------
        UsageError
            Where an entry can't be.
        """
        values, usual = (each.model_dump() for each in (self.parameters(), MotionParameters()))
        given = {name: value for name, value in values.items() if value != usual[name]}
        return {"mc_kwargs": given, **({} if channel is None else {"register_on": channel})}

    def _check(self) -> None:
        """See what can't be."""
        self.errors = {}
        try:
            MotionParameters.model_validate(_bare(self._values))
        except ValidationError as error:
            self.errors = {f"motion.{name}": f"should be {why}" for name, why in complaints(error).items()}


PIECEWISE = ("motion.strides", "motion.max_deviation_rigid")
"""Parameters of patches that move by themselves."""


def _bare(values: dict[str, Any]) -> dict[str, Any]:
    """Values by the names of `MotionParameters`."""
    return {name.removeprefix("motion."): value for name, value in values.items()}
