"""What all tests share: the folder of recordings, and components made of random numbers."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from cnmf3d.components import Background, Components, Kinetics
from cnmf3d.geometry import ZYX
from cnmf3d.results import Provenance, Results

with contextlib.suppress(ValueError):  # not the main thread
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # a shell's job in the background: Ctrl-C is tested all the same
        signal.signal(signal.SIGINT, signal.default_int_handler)

DATA = Path(__file__).parents[1] / "../shared/data"


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of caches for all tests, their processes included, instead of the user's."""
    folder = tmp_path_factory.mktemp("caches")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNMF3D_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def plain_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colours, which napari's console asks for in the whole process: later output would be cut to 80 columns."""
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session", autouse=True)
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of settings for all tests, their processes included, instead of the user's."""
    folder = tmp_path_factory.mktemp("settings")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def data() -> Path:
    """Real recordings and real output of CaImAn."""
    if not DATA.is_dir():
        pytest.skip("the shared data folder is absent")
    return DATA.resolve()


def _keep_to_permissions() -> None:
    """Take from a process that root started the right to read and write where permissions forbid it."""
    if os.geteuid() == 0:
        for capability in (1, 2):  # DAC_OVERRIDE, DAC_READ_SEARCH; 24 is PR_CAPBSET_DROP
            if ctypes.CDLL(None, use_errno=True).prctl(24, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "no right to drop rights")


@pytest.fixture
def powerless() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program as `subprocess.run` does, as a user for whom permissions count; tests may be run by root."""

    def run(command: list[str], **more: object) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(command, capture_output=True, text=True, preexec_fn=_keep_to_permissions, **more)  # type: ignore[call-overload,no-any-return]
        except (OSError, subprocess.SubprocessError):
            pytest.skip("permissions can't be made to count here")

    return run


@pytest.fixture(scope="session")
def random_results() -> Callable[..., Results]:
    """Make results of random numbers, with everything in them."""
    return _random_results


def _random_results(
    count: int = 5, shape: tuple[int, int, int] = (4, 9, 11), frames: int = 40, seed: int = 0
) -> Results:
    rng = np.random.default_rng(seed)
    voxels = int(np.prod(shape))
    footprints = sparse.random_array((voxels, count), density=0.1, rng=rng, dtype=np.float32, format="csc")
    footprints.sort_indices()

    def values(*size: int) -> np.ndarray:
        return rng.random(size).astype(np.float32)

    components = Components(
        shape=shape,
        footprints=sparse.csc_array(footprints),
        traces=values(count, frames),
        residuals=values(count, frames) - 0.5,
        spikes=values(count, frames),
        background=Background(values(voxels, 2), np.vstack([np.ones((1, frames), np.float32), values(1, frames)])),
        kinetics=Kinetics(values(count, 2), values(count), values(count), values(count), values(count)),
        dff=values(count, frames),
        quality={"snr": 10 * values(count), "r_value": values(count), "reliability": values(count)},
        accepted=rng.random(count) < 0.7,
    )
    return Results(
        components=components,
        parameters={"init": {"gSig": [4.0, 4.0, 2.0], "K": count}, "quality": {"min_SNR": 2.5}, "refit": False},
        rate=7.5,
        voxel_size=ZYX(4.0, 1.0, 1.5),
        noise=values(*shape),
        projections={name: values(*shape) for name in ("mean", "max", "std", "correlation")},
        provenance=Provenance(
            input_paths=("a folder/mövie.tif",),
            fingerprint="0123456789abcdef",
            versions={"cnmf3d": "0.1.0"},
            started="2026-01-01T00:00:00+00:00",
            timings={"ingest": 1.0, "total": 3.0},
            estimates={"gSig": {"value": [4, 4, 2], "why": "median of 13 cells"}},
            warnings=("something <odd> & 'quoted'",),
        ),
    )
