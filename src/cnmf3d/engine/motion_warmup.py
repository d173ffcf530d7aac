"""Compiling the kernels of registration once, as `warmup` does those of finding cells: in several processes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from cnmf3d.engine import warmup
from cnmf3d.events import Reporter
from cnmf3d.motion import kernels, products
from cnmf3d.motion.frames import NATIVE
from cnmf3d.movies.registered import kernels as reading
from cnmf3d.movies.side_by_side import cores

TABLE = "cnmf3d.engine.motion_warmup:calls"
"""Where processes find `calls`."""


def compile_first(dtype: npt.DTypeLike, reporter: Reporter, workers: int | None, *, piecewise: bool) -> None:
    """Compile what a registration of frames of `dtype` calls, unless it was compiled before.

    Parameters
    ----------
    dtype : dtype
        Of the movie.
    reporter : Reporter
        Told before, meanwhile and after where something has to be compiled.
    workers : int or None
        Cores that may be used; None for all.
    piecewise : bool
        Whether parts of the plane may move by themselves, which has a kernel that takes long.
    """
    wanted = {name: call for name, call in calls(dtype).items() if piecewise or name != "warp_frame"}
    first = kernels.binned.stats.cache_misses.total()
    wanted["binned"]()
    if kernels.binned.stats.cache_misses.total() == first:
        return
    processes = min(cores() if workers is None else workers, cores(), warmup.MOST)
    with warmup.announced(_seen(dtype), reporter, processes):
        warmup.compiled(_seen(dtype), reporter, processes, wanted, TABLE)


def _seen(dtype: npt.DTypeLike) -> np.dtype[np.generic]:
    """As kernels see frames of a type."""
    found = np.dtype(dtype)
    return found.newbyteorder("=") if found.type in NATIVE and found.isnative else np.dtype(np.float32)


def calls(dtype: npt.DTypeLike) -> dict[str, Callable[[], object]]:
    """Compiles each kernel for the types that it is called with: the slowest first.

    Parameters
    ----------
    dtype : dtype
        Of the movie.
    """
    frames = _seen(dtype).name
    image, stack = "f4[:,:,::1]", "f4[:,:,:,::1]"
    read = [f"{each}[:,:,:,::1]" for each in dict.fromkeys(("float32", frames))]
    grid, courses, row = "i8[:,::1]", "f4[:,:,:,:,::1]", "i8[::1]"
    wanted: list[tuple[str, object, list[str]]] = [
        (
            "warp_frame",
            reading.warp_frame,
            [f"{image}, {stack}, UniTuple(f4[::1], 3), f4[:,::1], f4[:,::1], {image}, b1, {image}"],
        ),
        ("move_frame", reading.move_frame, [f"{image}, f4[:,::1], f4[:,::1], {image}"]),
        (
            "cell_products",
            products.cell_products,
            [f"{stack}, {stack}, {row}, {row}, {row}, f8[:,:,:,:,{last}]" for last in (":", "::1")],
        ),
        ("highest", kernels.highest, [f"{image}, f8[:,::1]"]),
        (
            "gauss_newton",
            kernels.gauss_newton,
            [
                f"f8[:,:,::1], f8[:,::1], {row}, {row}, f8, f8[::1], {order}, f8[:,::1]"
                for order in ("f8[:,::1]", "f8[::1,:]")
            ],
        ),
        (
            "bounded_products",
            products.bounded_products,
            [f"{each}, {grid}, f4, {courses}, f4[:,::1], {courses}, {courses}, f8[:,::1]" for each in read],
        ),
        ("products", products.products, [f"{each}, {grid}, f4, {courses}, f8[:,::1]" for each in read]),
        (
            "add",
            kernels.add,
            [f"{each}, {grid}, {row}, {image}, {image}, {grid}, {stack}, {stack}" for each in read],
        ),
        ("faded", kernels.faded, [f"{stack}, {image}, {stack}"]),
        ("complete_borders", reading.complete_borders, [f"{image}, {image}, f4[:,::1]"]),
        ("hide_outside", reading.hide_outside, [f"{image}, {grid}, f8"]),
        ("move", kernels.move, [f"{frames}[:,:,::1], {row}, f4, {image}"]),
        ("binned", kernels.binned, [f"{frames}[:,:,::1], i8, {image}"]),
    ]

    def compiling(kernel: object, signatures: list[str]) -> Callable[[], object]:
        return lambda: [kernel.compile(f"({each})") for each in signatures]  # type: ignore[attr-defined]

    return {name: compiling(kernel, signatures) for name, kernel, signatures in wanted}
