"""Other channels of a recording on the cells that were found: a structural label, further functional ones."""

from __future__ import annotations

import dataclasses

import numpy as np

from cnmf3d.components import Components
from cnmf3d.engine.context import Context
from cnmf3d.engine.second_channel import traces_on
from cnmf3d.engine.stages import Outcome
from cnmf3d.engine.storage import Storage
from cnmf3d.engine.structural import labelled, mean_image
from cnmf3d.engine.voxels import voxel_key
from cnmf3d.events import Caution, Note
from cnmf3d.movies import Movie
from cnmf3d.movies.blanked import without_frames
from cnmf3d.parameters import CnmfParameters
from cnmf3d.results.channels import LABELLED
from cnmf3d.timeline import Timeline


def with_channels(
    components: Components,
    outcome: Outcome,
    context: Context,
    movie: Movie,
    parameters: CnmfParameters,
    storage: Storage,
    timeline: Timeline,
) -> Components:
    """Components with what other channels say of them, as the parameters ask.

    Parameters
    ----------
    components : Components
    outcome : Outcome
        They are of.
    context : Context
        Of the run.
    movie : Movie
        As it was opened.
    parameters : CnmfParameters
    storage : Storage
    timeline : Timeline
        Frames that it names are left out of other channels, too.

    Raises
    ------
    UsageError
        Where there is no such channel.
    """
    data, tell = parameters.data, context.reporter
    bad = np.zeros(movie.shape[0], bool)
    for frames in timeline.left_out.values():
        bad[list(frames)] = True
    if data.structural is not None and components.count:
        label = movie.channel(data.structural)
        if label.fingerprint() == movie.fingerprint():
            tell(Caution("evaluate", f"channel {data.structural} is the one in which cells were found, no label"))
        with context.clock.stage("channels"):
            image, halves = mean_image(without_frames(label, bad), context.workers)
            red, sure = labelled(image, halves, components.footprints, components.shape)
        components = dataclasses.replace(components, quality={**components.quality, "red": red, "red_z": sure})
        count, good = int((sure[components.accepted] > LABELLED).sum()), int(components.accepted.sum())
        tell(
            Note(
                "evaluate",
                f"{count} of {good} accepted cells are brighter in channel {data.structural} than beside them",
            )
        )
    for number in data.functional:
        other = movie.channel(number)
        if not components.count or other.fingerprint() == movie.fingerprint():
            continue
        other = without_frames(other, bad)
        key = voxel_key(other, outcome.plan.width, ("channel", *np.flatnonzero(bad).tolist()))
        with storage.files(other, outcome.plan.width, key, tell) as files:
            traced = traces_on(dataclasses.replace(context, movie=other), outcome, components, files)
        components = dataclasses.replace(components, channels={**components.channels, f"channel{number}": traced})
    return components
