"""The presets: scenes by name, kind ones and those as hard as recordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cnmf3d.errors import UsageError, did_you_mean
from cnmf3d.simulate.scene import Scene

SMALL = Scene()
KIND: Mapping[str, Scene] = {
    "tiny": Scene(size=(60, 60, 10), frames=300, cells=25),
    "small": SMALL,
    "large": Scene(size=(200, 200, 24), frames=1500, cells=400),
    "dense": Scene(size=(80, 80, 10), cells=110, separation=0.95),
    "dim": SMALL.model_copy(update={"snr": 2.0}),
    "neuropil": SMALL.model_copy(update={"neuropil": 1.3}),
    "lightsheet": Scene(
        size=(200, 200, 12),
        frames=500,
        rate=2.5,
        voxel_size=(0.8, 0.8, 4.0),
        cells=500,
        cell_size=(3.0, 3.0, 1.2),
        blur=(1.0, 1.0, 1.2),
        separation=1.3,
        decay=1.8,
        rise=0.25,
        bursts=2.0,
        burst_duration=1.2,
        resting=220.0,
        gain=1.0,
        read_noise=4.0,
        neuropil=0.4,
        neuropil_time=8.0,
    ),
    "motion": SMALL.model_copy(update={"motion": (3.0, 3.0, 0.8)}),
    "noise": Scene(size=(250, 250, 16), frames=300, cells=0, neuropil=0.0, bleaching=0.0),
}
"""Independent noise of every voxel, cells that all are active and apart, nothing else that lights up."""

_FEW_PHOTONS: dict[str, Any] = {
    # A photomultiplier that sees one photon in four voxels. Pulses differ as exponentials do; the amplifier
    # smears them along the line, resampling across lines. Neighbours 0.34 and 0.11, skewness 3.2, zeros 26 %.
    "gain": 40.0,
    "resting": 10.0,
    "pulse_spread": 1.0,
    "grain": (0.56, 0.43, 0.0),
    "read_noise": 5.0,
    "offset": 0.0,
    "dtype": "uint16",
}
_FIELD: dict[str, Any] = {"size": (96, 96, 6), "frames": 400, "cells": 45}
_ACTIVE: dict[str, Any] = {**_FIELD, "frames": 600}
_ONE_PLANE: dict[str, Any] = {"blur": (0.8, 0.8, 0.0), "cell_size": (4.0, 4.0, 0.25)}
HARD: Mapping[str, Scene] = {
    "photons": Scene(**{**_FIELD, **_FEW_PHOTONS, "snr": 2.5}),
    "photons_empty": Scene(**{**_FIELD, **_FEW_PHOTONS, "size": (96, 96, 1), "cells": 0, "neuropil": 0.0}),
    "photons_blurred": Scene(
        **{**_FIELD, **_FEW_PHOTONS, "size": (96, 96, 1), "cells": 0, "neuropil": 0.0}
        | {"grain": (2.5, 2.0, 0.0), "pulse_spread": 2.0, "read_noise": 0.5}
    ),
    "photons_skewed": Scene(
        **{**_FIELD, **_FEW_PHOTONS, "size": (96, 96, 1), "cells": 0, "neuropil": 0.0}
        | {"resting": 5.0, "grain": (0.45, 0.0, 0.0)}
    ),
    "short": Scene(
        **{**_FIELD, **_FEW_PHOTONS, "size": (256, 256, 1), "frames": 100, "rate": 31.0, "cells": 0, "silent": 40}
        | _ONE_PLANE
    ),
    "borders": Scene(**_FIELD, motion=(6.0, 5.0, 0.0), fill="zero", offset=0.0),
    "borders_nan": Scene(**_FIELD, motion=(6.0, 5.0, 1.0), fill="nan", dtype="float32"),
    "jitter03": Scene(**_FIELD, jitter=(0.3, 0.3, 0.0)),
    "jitter06": Scene(**_FIELD, jitter=(0.6, 0.6, 0.0)),
    "jitter10": Scene(**_FIELD, jitter=(1.0, 1.0, 0.0)),
    "drift": Scene(**_FIELD, drift=(0.0, 0.0, 1.0)),
    "warp": Scene(**_FIELD, warp=(0.7, 0.7, 0.0)),
    "startles": Scene(**_FIELD, startles=20.0),
    "silent": Scene(**{**_FIELD, "cells": 0}, silent=40, vessels=3, jitter=(0.3, 0.3, 0.0), flicker=0.03, neuropil=0.2),
    "trials": Scene(**_FIELD, trials=8, trial_jump=0.1, trial_shift=(0.4, 0.4, 0.0)),
    "flicker": Scene(**_FIELD, flicker=0.11, offset=10.0),
    "detector": Scene(
        **_FIELD,
        dtype="int16",
        offset=5.0,
        gain=15.0,
        resting=80.0,
        pulse_spread=0.7,
        grain=(0.45, 0.0, 0.0),
        read_noise=10.0,
        line_noise=4.0,
        hum=6.0,
        stripes=0.08,
        hot=0.004,
        vessels=3,
        depth_loss=0.6,
        flicker=0.03,
        jitter=(0.2, 0.2, 0.0),
        snr=3.5,
    ),
    "planes": Scene(**_FIELD, rate=1.0, in_turn=True, decay=1.5, rise=0.2, bursts=2.5),
    "mixed": Scene(**{**_FIELD, "size": (128, 128, 8)}, scale_spread=0.4, neurites=30),
    "beads": Scene(
        size=(110, 110, 8),
        frames=400,
        rate=4.7,
        voxel_size=(5.0, 5.0, 15.0),
        cells=900,
        cell_size=(0.65, 0.65, 0.25),
        scale_spread=0.15,
        blur=(0.3, 0.3, 0.35),
        snr=4.0,
        oversampling=4,
        nucleus=0.0,
        separation=1.8,
        neuropil_scale=8.0,
        decay=0.7,
        flicker=0.02,
    ),
    "zebrafish": Scene(
        size=(90, 90, 10),
        frames=400,
        rate=2.0,
        voxel_size=(1.6, 1.6, 5.0),
        cells=1500,
        cell_size=(1.1, 1.1, 0.35),
        blur=(0.5, 0.5, 0.5),
        oversampling=4,
        nucleus=0.0,
        separation=1.5,
        snr=4.0,
        decay=2.5,
        rise=0.4,
        bursts=2.0,
        burst_duration=1.2,
        coactivity=0.3,
        neuropil_scale=8.0,
        neuropil_time=8.0,
    ),
    "fly": Scene(
        **{**_FEW_PHOTONS, "resting": 18.0, "read_noise": 9.0, "pulse_spread": 0.6, "grain": (0.45, 0.0, 0.0)},
        size=(260, 260, 1),
        frames=160,
        rate=2.9,
        cells=250,
        snr=3.0,
        cell_size=(2.5, 2.5, 0.25),
        blur=(0.8, 0.8, 0.0),
        separation=1.2,
        nucleus=0.0,
        trials=3,
        trial_jump=0.05,
        jitter=(0.2, 0.2, 0.0),
        decay=1.0,
    ),
    "smeared": Scene(
        # Downsampled and averaged after it was taken: grain as wide as the cells are.
        **{**_ONE_PLANE, "cell_size": (2.0, 2.0, 0.25)},
        size=(64, 64, 1),
        frames=500,
        rate=4.0,
        cells=30,
        grain=(0.58, 0.58, 0.0),
        pulse_spread=0.7,
        gain=30.0,
        resting=90.0,
        read_noise=2.0,
        offset=0.0,
        persistence=0.12,
        flicker=0.04,
        jitter=(0.15, 0.15, 0.0),
    ),
    "cortex": Scene(
        **{**_FEW_PHOTONS, **_ONE_PLANE, "resting": 70.0, "grain": (0.36, 0.0, 0.0)},
        size=(256, 256, 1),
        frames=600,
        rate=7.0,
        cells=50,
        snr=3.0,
        silent=60,
        silent_glow=1.5,
        neurites=200,
        neurite_length=20.0,
        neurite_snr=0.5,
        vessels=2,
        neuropil=0.5,
        neuropil_rank=12,
        neuropil_scale=1.5,
        neuropil_time=1.0,
        flicker=0.03,
        motion=(5.0, 4.0, 0.0),
        fill="zero",
        jitter=(0.3, 0.3, 0.0),
        warp=(0.3, 0.3, 0.0),
    ),
    "kinetics": Scene(**_ACTIVE, decay_range=(0.2, 3.0)),
    "saturation": Scene(**_ACTIVE, saturation=0.2, burst_spikes=6.0),
    "inhibition": Scene(**_ACTIVE, inhibited=0.5, resting_cell=1.0),
    "sustained": Scene(**_ACTIVE, sustained=0.5),
    "indicators": Scene(
        **_ACTIVE, decay_range=(0.2, 3.0), saturation=0.05, sustained=0.25, inhibited=0.25, resting_cell=0.7
    ),
    "toy2d": Scene(
        size=(50, 50, 1), frames=300, cells=5, look="blob", cell_size=(4.0, 4.0, 0.25), blur=(0.8, 0.8, 0.0)
    ),
    "toy3d": Scene(size=(26, 26, 8), frames=300, cells=3, look="blob"),
}
"""What detectors, registration and tissue do to recordings, one or several at a time."""

PRESETS: Mapping[str, Scene] = {**KIND, **HARD}


def scene_of(scene: str | Scene, overrides: Mapping[str, Any] | None = None) -> Scene:
    """Look a preset up, and replace some of its fields.

    Parameters
    ----------
    scene : str or Scene
        A name in `PRESETS`, or a scene.
    overrides : mapping of field name to value, optional
        Values may be text, as a command line gives them: ``{"cells": "40", "size": "60,60,8"}``.

    Raises
    ------
    UsageError
        For an unknown preset or field, or a value that can't be.
    """
    if isinstance(scene, str) and scene not in PRESETS:
        raise UsageError(f"There is no preset {scene!r}", f"Choose one of {', '.join(PRESETS)}.")
    fields = Scene.model_fields
    values = (PRESETS[scene] if isinstance(scene, str) else scene).model_dump()
    for name, value in (overrides or {}).items():
        if name not in fields:
            raise UsageError(
                f"A scene has no {name!r}", f"{did_you_mean(name, fields)}A scene has: {', '.join(fields)}."
            )
        is_list = isinstance(value, str) and isinstance(values[name], tuple)
        values[name] = tuple(value.split(",")) if is_list else value
    try:
        return Scene.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        example, given = getattr(PRESETS["tiny"], name), (overrides or {}).get(name, values[name])
        reason = first["msg"]
        if isinstance(example, tuple):
            example = ",".join(f"{each:g}" for each in example)
            reason = "x, y and z are needed" if first["type"] == "missing" else reason
        raise UsageError(
            f"{name} = {given!r}: {reason}", f"{name}: {fields[name].description}; like {name}={example}."
        ) from error
