"""The process that estimates motion: ``python -m cnmf3d.viewer.registration_worker``.

It reads one request from its standard input, a JSON object, tells how far it is on its standard output, a JSON object a
line, and writes the motion file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cnmf3d.errors import Cnmf3dError, UsageError
from cnmf3d.events import Event, to_json


def register(request: Mapping[str, Any]) -> None:
    """Estimate the motion of a movie, and write its file.

    Parameters
    ----------
    request : mapping
        ``source`` and ``opening`` of the recording, ``parameters`` of registration, ``channel`` that it is estimated
        on or None, ``output`` for the motion file, ``workers`` or None; ``stretch``, where only some frames in a row
        are wanted: the first one, and the one after the last.

    Raises
    ------
    Cnmf3dError
        Where it can't be done.
    """
    from cnmf3d.engine.registering import watched_motion
    from cnmf3d.motion.stretch import estimate_stretch
    from cnmf3d.movies import open_movie
    from cnmf3d.movies.registered import write_motion
    from cnmf3d.movies.registered.origin import of_movie
    from cnmf3d.parameters import read_motion_parameters

    source, opening, channel = request["source"], dict(request["opening"]), request["channel"]
    movie = open_movie(source, **opening)
    seen = movie if channel is None else open_movie(source, **{**opening, "channel": channel})
    if seen.shape != movie.shape:
        raise UsageError(f"channel {channel} has another size than the movie", "Give a channel of the same recording.")
    parameters = read_motion_parameters({"motion": request["parameters"]})
    stretch, workers = request.get("stretch"), request["workers"]
    if stretch is None:
        motion = watched_motion(seen, parameters, reporter=report, workers=workers)
    else:
        start, stop = stretch
        motion = estimate_stretch(seen, start, stop, parameters, reporter=report, workers=workers)
    other = None if channel is None else (channel, seen.fingerprint())
    write_motion(of_movie(motion, movie, opening, other), Path(request["output"]))


def report(event: Event) -> None:
    """Tell an event."""
    tell(**json.loads(to_json(event)))


def tell(**values: Any) -> None:
    """Answer on standard output."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Answer the request, and say how it went."""
    try:
        register(json.loads(sys.stdin.readline()))
    except Cnmf3dError as error:
        tell(kind="error", problem=error.problem, fix=error.fix)
        return 1
    except Exception as error:  # noqa: BLE001 - whoever asked must hear of it
        tell(kind="error", problem=f"{type(error).__name__}: {error}", fix="Please report this.")
        return 1
    tell(kind="done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
