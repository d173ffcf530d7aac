"""Which of several positions of the stage is read: each is a movie of its own."""

from __future__ import annotations

from cnmf3d.errors import ChoiceError, InputError
from cnmf3d.movies.stored import Place


def position_of(place: Place, count: int, dataset: str | None) -> int:
    """The number of the position that is asked for, from 0.

    Parameters
    ----------
    place : Place
        For messages.
    count : int
        Positions of the file.
    dataset : str or None
        As the user gives it.

    Raises
    ------
    ChoiceError
        Where there are several, and none is asked for.
    InputError
        Where it isn't there.
    """
    if dataset is None:
        if count == 1:
            return 0
        raise ChoiceError(
            f"{place} holds {count} positions of the stage, which are a movie each",
            f'Say which one: dataset="0" (--dataset 0) up to dataset="{count - 1}".',
            "dataset",
            map(str, range(count)),
        )
    if dataset not in map(str, range(count)):
        raise InputError(f"{place} has no position {dataset!r}", f"They are numbered from 0 to {count - 1}.")
    return int(dataset)
