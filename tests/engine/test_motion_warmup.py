"""What is compiled before a registration is what it calls."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numba.core import sigutils

from cnmf3d.engine import motion_warmup, warmup

PROGRAM = """
import sys
import numpy as np
import cnmf3d
from cnmf3d.engine import motion_warmup
from cnmf3d.motion import kernels, products
from cnmf3d.movies.registered import kernels as reading

names = list(motion_warmup.calls("uint16"))
modules = kernels, products, reading
all_of = {name: next(getattr(module, name) for module in modules if hasattr(module, name)) for name in names}
rng = np.random.default_rng(0)
scene = rng.gamma(2, 50, (3, 56, 64))
shifts = [(i % 5 - 2, i % 3 - 1) for i in range(60)]
values = np.stack([np.roll(scene, shift, (1, 2)) + rng.normal(0, 5, scene.shape) for shift in shifts])
movie = cnmf3d.open_movie(values.astype(sys.argv[2]), rate=10)
for call in motion_warmup.calls(movie.dtype).values():
    call()
before = {name: set(kernel.signatures) for name, kernel in all_of.items()}
seen = cnmf3d.register(movie, kind=sys.argv[1])
assert seen is not movie
seen.read(0, 9)
late = {name: set(kernel.signatures) - before[name] for name, kernel in all_of.items()}
assert not any(late.values()), {name: signatures for name, signatures in late.items() if signatures}
"""


@pytest.mark.parametrize(("kind", "dtype"), [("rigid", "uint16"), ("piecewise", "int32"), ("rigid", "float32")])
def test_no_kernel_is_compiled_once_a_registration_is_under_way(kind, dtype):
    done = subprocess.run([sys.executable, "-c", PROGRAM, kind, dtype], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_processes_compile_registration_into_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    names = ["move", "binned", "hide_outside"]
    assert list(warmup._side_by_side(names, "uint8", 2, motion_warmup.TABLE))[-1] == 3
    kept = {path.name.split(".")[1].rpartition("-")[0] for path in tmp_path.rglob("*.nbi")}
    assert {name for name in kept if not name.startswith("_")} - {"above"} == set(names)  # which `move` calls


def test_all_is_announced_once(monkeypatch):
    said, compiled = [], []
    monkeypatch.setattr(warmup, "compiled", lambda *given: compiled.append(list(given[3])))
    monkeypatch.setattr(motion_warmup, "calls", lambda dtype: dict.fromkeys(("warp_frame", "binned"), int))
    counted = iter([0, 1, 1, 1])
    monkeypatch.setattr(motion_warmup.kernels.binned.stats.cache_misses, "total", lambda: next(counted), raising=False)
    motion_warmup.compile_first(np.uint8, said.append, 1, piecewise=False)
    assert compiled == [["binned"]] and "uint8 pixels" in said[0].text and "compiled in" in said[1].text
    motion_warmup.compile_first(np.uint8, said.append, 1, piecewise=True)
    assert len(said) == 2  # it was compiled


@pytest.mark.parametrize(("dtype", "seen"), [(">u2", "float32"), ("i4", "float32"), ("u1", "uint8"), ("f8", "float32")])
def test_kernels_are_those_for_what_they_see(dtype, seen):
    assert motion_warmup._seen(dtype).name == seen
    sigutils.normalize_signature(f"({seen}[:,:,::1], i8)")
