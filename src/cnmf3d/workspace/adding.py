"""From the form's dict and a work environment to an item of a batch."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from cnmf3d.batch import Batch, Item
from cnmf3d.batch.engines import separate
from cnmf3d.errors import InputError, UsageError
from cnmf3d.parameters import CnmfParameters, read_parameters
from cnmf3d.workspace.carried import carry, to_carry
from cnmf3d.workspace.environment import ViewerWorkEnv

FORM = "{'item_name': 'm1', 'cnmf_kwargs': {'gSig': (4, 4, 2)}, 'eval_kwargs': {'min_SNR': 2.5}}"


def add(batch: Batch, module: str, env: ViewerWorkEnv, params: Mapping[str, Any], engine: str = "native") -> Item:
    """Add the movie of a work environment to a batch.

    Parameters
    ----------
    batch : Batch
    module : str
    env : ViewerWorkEnv
    params : mapping
        The form's dict; nothing of it is changed.
    engine : str

    Raises
    ------
    UsageError, InputError
        As `cnmf3d.workspace.modules.Module.add_to_batch`.
    """
    if not isinstance(params, Mapping):
        raise UsageError(f"the parameters of an item are {params!r}", f"Give the dict of the form: {FORM}.")
    given = copy.deepcopy(dict(params))
    name, options = _name(given), _options(given)
    source, opening = env.imgdata.source()
    ours, own = separate(engine, given)
    parameters = read_parameters(ours)
    _check(env, parameters, engine)
    beside = to_carry(env)
    item = batch.add(
        source if isinstance(source, str) else list(source),
        parameters,
        name=name,
        module=module,
        engine=engine,
        opening=opening,
        options=own | options,
    )
    carry(beside, batch.run_folder(item))
    return item


def _name(given: Mapping[str, Any]) -> str:
    """The item's name."""
    name = given.get("item_name")
    if name is None:
        raise UsageError("the parameters have no item_name", f"Name the item: {FORM}.")
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"item_name is {name!r}", "Give a text: params['item_name'] = 'm1'.")
    return name


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the form says of memory maps, and nothing that it doesn't say."""
    keep = _switch(given, "keep_memmap") or _switch(given, "keep_memmmap")
    use, key = _switch(given, "use_memmap"), given.get("memmap_uuid")
    _switch(given, "use_patches")
    if keep and use:
        raise UsageError("keep_memmap and use_memmap exclude one another", "An item makes its cache or reuses one.")
    options: dict[str, Any] = {"keep_memmap": True} if keep else {}
    if use:
        if not key:
            raise UsageError(
                "use_memmap is True, but memmap_uuid names no item",
                "Give what add_to_batch returned for the other one: params['memmap_uuid'] = str(u).",
            )
        options |= {"use_memmap": True, "memmap_uuid": str(key)}
    return options


def _switch(given: Mapping[str, Any], name: str) -> bool:
    """A value that is True or False; False where it isn't there."""
    value = given.get(name)
    if value is not None and not isinstance(value, bool):
        raise UsageError(f"{name} is {value!r}", f"Give True or False: params['{name}'] = True.")
    return bool(value)


def _check(env: ViewerWorkEnv, parameters: CnmfParameters, engine: str) -> None:
    """See that the movie and the parameters go together, now rather than when the item is run."""
    data = env.imgdata
    if data.rate is None and parameters.data.fr is None:
        raise InputError(
            f"nobody tells the rate of {', '.join(data.movie.paths[:1])}",
            "Set the volumes a second, get_meta()['fps'] = 5.0, or give a meta_path.",
        )
    if engine == "native":
        from cnmf3d.engine.planning import plan_of

        plan_of(data.described, parameters)
