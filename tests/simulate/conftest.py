"""A small recording, and components made from its truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import sparse

from cnmf3d.components import Background, Components, Kinetics
from cnmf3d.simulate import Recording, Truth, draw, scene_of

Maker = Callable[..., Components]


@pytest.fixture(scope="session")
def recording() -> Recording:
    return draw(scene_of("tiny", {"frames": 120}), seed=1)


@pytest.fixture(scope="session")
def truth(recording: Recording) -> Truth:
    return recording.truth


def components_of(
    shape: tuple[int, int, int],
    footprints: sparse.csc_array,
    traces: np.ndarray,
    spikes: np.ndarray,
    accepted: np.ndarray | None = None,
) -> Components:
    """Components with the given parts, and nothing else in them."""
    count, frames = traces.shape
    each = np.zeros(count, np.float32)
    return Components(
        shape=shape,
        footprints=sparse.csc_array(footprints),
        traces=traces,
        residuals=np.zeros_like(traces),
        spikes=spikes,
        background=Background(np.zeros((footprints.shape[0], 1), np.float32), np.ones((1, frames), np.float32)),
        kinetics=Kinetics(np.zeros((count, 2), np.float32), each, each, each, each),
        dff=np.zeros_like(traces),
        accepted=np.ones(count, bool) if accepted is None else accepted,
    )


@pytest.fixture(scope="session")
def perfect(truth: Truth) -> Components:
    return components_of(truth.shape, truth.footprints, truth.traces, truth.spikes)
