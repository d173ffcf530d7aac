"""Footprint matrices: one footprint a column, taken apart, put together, scaled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cnmf3d.components import Components, Float

Ints = npt.NDArray[np.int64]
Footprints = sparse.csc_array[Any]


@dataclass(frozen=True)
class Column:
    """One footprint: flat voxel numbers, and weights."""

    voxels: Ints
    weights: Float


def columns_of(footprints: Footprints) -> list[Column]:
    """The footprints one by one."""
    ends = footprints.indptr
    spans = [slice(ends[k], ends[k + 1]) for k in range(footprints.shape[1])]
    return [Column(footprints.indices[s].astype(np.int64), footprints.data[s].astype(np.float32)) for s in spans]


def voxels_of(components: Components, index: int) -> tuple[tuple[npt.NDArray[np.intp], ...], Float]:
    """Coordinates (z, y, x) and weights of one footprint's voxels."""
    footprints = components.footprints
    part = slice(footprints.indptr[index], footprints.indptr[index + 1])
    return np.unravel_index(footprints.indices[part], components.shape), np.asarray(footprints.data[part], np.float32)


def footprints_of(columns: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]], voxels: int) -> Footprints:
    """Footprints from pairs of voxel numbers and weights."""
    pairs = [(np.asarray(v, np.int64), np.asarray(w, np.float32)) for v, w in columns]
    ends = np.concatenate([[0], np.cumsum([v.size for v, _ in pairs])]).astype(np.int64)
    indices = np.concatenate([np.zeros(0, np.int64), *(v for v, _ in pairs)])
    data = np.concatenate([np.zeros(0, np.float32), *(w for _, w in pairs)])
    out: Footprints = sparse.csc_array((data, indices, ends), shape=(voxels, len(pairs)))
    out.sort_indices()
    return out


def unit(footprints: Footprints) -> tuple[Footprints, Float]:
    """Footprints of unit norm, sorted, with duplicates added and without zeros, and the norms that they had."""
    out = sparse.csc_array(footprints, dtype=np.float32, copy=True)
    out.sum_duplicates()
    out.eliminate_zeros()
    norms = np.sqrt(np.asarray(out.multiply(out).sum(axis=0), np.float64).ravel())
    sizes = np.diff(out.indptr)
    out.data = (out.data / np.repeat(np.maximum(norms, 1e-30), sizes)).astype(np.float32)
    return out, norms.astype(np.float32)


def relative(footprints: sparse.csc_array[Any]) -> npt.NDArray[np.float32]:
    """Each entry over its column's greatest, from 0 to 1."""
    sizes = np.diff(footprints.indptr)
    filled = np.flatnonzero(sizes)
    peaks = np.maximum.reduceat(footprints.data, footprints.indptr[filled]) if filled.size else np.zeros(0)
    share = footprints.data / np.repeat(np.maximum(peaks, 1e-30), sizes[filled])
    return np.asarray(np.clip(share, 0, 1), np.float32)
