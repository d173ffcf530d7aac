"""From the form's dict and a work environment to an item of a batch."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from cnmf3d.batch import Batch, Item
from cnmf3d.batch.engines import separate
from cnmf3d.batch.modules import MCORR
from cnmf3d.batch.motions import KIND, PARAMETERS
from cnmf3d.errors import InputError, UsageError, did_you_mean
from cnmf3d.parameters import CnmfParameters, read_parameters, read_text
from cnmf3d.workspace.carried import carry, to_carry
from cnmf3d.workspace.environment import ViewerWorkEnv

FORM = "{'item_name': 'm1', 'cnmf_kwargs': {'gSig': (4, 4, 2)}, 'eval_kwargs': {'min_SNR': 2.5}}"
MOTION_FORM = "{'item_name': 'm1', 'mc_kwargs': {'max_shifts': (6, 6, 2), 'pw_rigid': False}}"


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
    form = MOTION_FORM if module == MCORR else FORM
    if not isinstance(params, Mapping):
        raise UsageError(f"the parameters of an item are {params!r}", f"Give the dict of the form: {form}.")
    given = copy.deepcopy(dict(params))
    name = _name(given, form)
    source: str | tuple[str, ...] | Item
    source, opening = env.imgdata.source()
    parameters: Mapping[str, Any] | CnmfParameters
    if module == MCORR:
        parameters, options = _registration(given)
    else:
        source, opening = _on(batch, given.pop("input_item", None), env, source, opening)
        before = _before(given)
        options = _options(given) | before
        ours, own = separate(engine, given)
        parameters = read_parameters(ours)
        _check(env, parameters, engine)
        options = own | options
    beside = to_carry(env)
    item = batch.add(
        list(source) if isinstance(source, tuple) else source,
        parameters,
        name=name,
        module=module,
        engine=engine,
        opening=opening,
        options=options,
    )
    carry(beside, batch.run_folder(item))
    return item


def _registration(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of registration as their group, and options."""
    rest = {name: value for name, value in given.items() if name not in ("item_name", "mc_kwargs", "register_on")}
    if rest:
        name = next(iter(rest))
        hint = did_you_mean(name, ("item_name", "mc_kwargs", "register_on"))
        raise UsageError(f"the form of {MCORR} has no {name}", f"{hint}Give its dict: {MOTION_FORM}.")
    channel = given.get("register_on")
    if channel is not None and (isinstance(channel, bool) or not isinstance(channel, int) or channel < 0):
        raise UsageError(f"register_on is {channel!r}", "Give the number of a channel, from 0.")
    return {"motion": _moving(given.get("mc_kwargs"))}, {} if channel is None else {"register_on": channel}


def _before(given: dict[str, Any]) -> dict[str, Any]:
    """Options that say whether the movie is registered first, taken out of the form's dict."""
    kind, motion = given.pop(KIND, None), _moving(given.pop("mc_kwargs", None))
    return ({} if kind is None else {KIND: kind}) | ({PARAMETERS: motion} if motion else {})


def _moving(told: Any) -> dict[str, Any]:
    """Parameters of registration as the form's dict has them: names and values, or text."""
    told = read_text(told) if isinstance(told, str) else told
    if told is not None and not isinstance(told, Mapping):
        raise UsageError(f"mc_kwargs is {told!r}", f"Give names and values: {MOTION_FORM}.")
    return dict(told or {})


def _on(
    batch: Batch, key: Any, env: ViewerWorkEnv, source: str | tuple[str, ...] | Item, opening: dict[str, Any]
) -> tuple[str | tuple[str, ...] | Item, dict[str, Any]]:
    """The movie, or the item of the same movie that is to register it: what `Batch.add` takes."""
    if key is None:
        return source, opening
    item = batch.item(str(key))
    if "motion" in opening:
        raise UsageError("input_item is given, but the movie is registered already", "Leave input_item out.")
    if item.input.fingerprint != env.imgdata.movie.fingerprint():
        raise UsageError(
            f"input_item: {item.name} has another movie than the work environment", "Name an item of the same movie."
        )
    return item, {name: opening[name] for name in ("rate", "voxel_size") if name in opening}


def _name(given: Mapping[str, Any], form: str) -> str:
    """The item's name."""
    name = given.get("item_name")
    if name is None:
        raise UsageError("the parameters have no item_name", f"Name the item: {form}.")
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
