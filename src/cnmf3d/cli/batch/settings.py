"""What the flags of `cnmf3d batch add` ask of each movie: parameters and options of a module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from cnmf3d.cli.flags import FrameFlags, MotionFlags, ParameterFlags, combined
from cnmf3d.cli.registering import PIECEWISE, Kind, Registering
from cnmf3d.errors import UsageError

if TYPE_CHECKING:
    from cnmf3d.cli.batch.sources import Given
    from cnmf3d.cli.batch.variants import Variant
    from cnmf3d.parameters import CnmfParameters, MotionParameters

BOTH = ("params", "kwargs", "um")
"""Flags that both modules have."""


@dataclass(frozen=True)
class Setting:
    """What one item is to do.

    Attributes
    ----------
    label : str
        Of the variant.
    parameters : CnmfParameters or MotionParameters
    options : dict
        Parameters that only the engine has.
    """

    label: str
    parameters: CnmfParameters | MotionParameters
    options: dict[str, Any]


def see_flags(
    module: str, find: ParameterFlags, how: MotionFlags, kind: Kind, register_on: int | None, register: Registering
) -> None:
    """See that all flags are of the module.

    Raises
    ------
    UsageError
        Naming one that is of the other one.
    """
    finding = [*(name for name in _given(find) if name not in BOTH), *(["register"] if register != "auto" else [])]
    moving = [
        *_given(how),
        *(["kind"] if kind != "auto" else []),
        *(["register_on"] if register_on is not None else []),
    ]
    other, wrong = ("cnmf_3d", finding) if module == "mcorr_3d" else ("mcorr_3d", moving)
    if wrong:
        flag = "--" + wrong[0].replace("_", "-")
        raise UsageError(f"{flag} is of the module {other}", f"Leave it out, or add an item of that: --module {other}.")


def _given(flags: ParameterFlags | MotionFlags) -> list[str]:
    """Names of the flags that differ from their defaults."""
    return [each.name for each in fields(flags) if getattr(flags, each.name) != each.default]


def settings_of(
    module: str,
    engine: str,
    find: ParameterFlags,
    how: tuple[MotionFlags, FrameFlags],
    kind: Kind,
    tried: Sequence[Variant],
    given: Sequence[Given],
) -> list[list[Setting]]:
    """For each movie the settings of all variants.

    Raises
    ------
    UsageError, InputError
        For parameters that can't be, or a movie that doesn't tell its rate.
    """
    if module == "mcorr_3d":
        return [[_motion(engine, find, how, kind, each, one) for each in tried] for one in given]
    made = []
    for one in given:
        changes = how[1].changes(one.movie.shape[0])
        settings = [_cnmf(find, engine, each, changes) for each in tried]
        _see_rate(one, settings[0].parameters)
        made.append(settings)
    return made


def unvaried(module: str, engine: str, find: ParameterFlags) -> CnmfParameters | None:
    """Parameters of 3D CNMF before anything is varied; None where the module is another one."""
    from cnmf3d.cli.batch.variants import Variant
    from cnmf3d.parameters import CnmfParameters

    asked = None if module == "mcorr_3d" else _cnmf(find, engine, Variant("", {}), {}).parameters
    return asked if isinstance(asked, CnmfParameters) else None


def _cnmf(find: ParameterFlags, engine: str, variant: Variant, changes: dict[str, Any]) -> Setting:
    """Parameters of a variant, and options with those that only its engine has; the later one wins.

    A group ``motion`` of a file says how the movie is registered before.
    """
    from cnmf3d.batch.engines import divide
    from cnmf3d.parameters.registering import separated

    content, *rest = find.parts()
    content, moving = separated(content)
    divided = [divide(engine, part) for part in (content, *rest, {**changes, **variant.changes})]
    options = _merged([own for _, own in divided]) | ({"motion": moving} if moving else {})
    return Setting(variant.label, combined([ours for ours, _ in divided]), options)


def _merged(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Options with the parameters that only the engine has: the later one wins."""
    options: dict[str, Any] = {}
    for own in parts:
        for name, values in own.items():
            options[name] = options.get(name, {}) | values
    return options


def _motion(
    engine: str,
    find: ParameterFlags,
    how: tuple[MotionFlags, FrameFlags],
    kind: Kind,
    variant: Variant,
    given: Given,
) -> Setting:
    """Parameters of registration: file, then text, then flags, then the variant; the later one wins."""
    from cnmf3d.batch.engines import divide_motion
    from cnmf3d.parameters import read_motion_parameters, read_text
    from cnmf3d.parameters.reading import content_of

    flags = {"pw_rigid": PIECEWISE.get(kind), "lengths": "um" if find.um else None}
    told = {name: value for name, value in flags.items() if value is not None}
    told |= how[0].changes() | how[1].changes(given.movie.shape[0])
    text = {} if find.kwargs is None else read_text(find.kwargs)
    divided = [divide_motion(engine, part) for part in (content_of(find.params), {**text, **told, **variant.changes})]
    (content, _), (changes, _) = divided
    parameters = read_motion_parameters(content, voxel_size=given.movie.voxel_size, **changes)
    return Setting(variant.label, parameters, _merged([own for _, own in divided]))


def _see_rate(given: Given, parameters: Any) -> None:
    """See that the rate of a movie is known, before an item is made of it."""
    from cnmf3d.errors import InputError

    if given.movie.rate is None and parameters.data.fr is None:
        raise InputError(
            f"{given.movie.paths[0]} does not tell its rate",
            'Give it in volumes a second: --fps 5, or {"fps": 5} in a .json file of the same name beside it.',
        )
