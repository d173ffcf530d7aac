"""Sparse matrices that files hold: seen to fit before scipy computes with them.

Scipy's compiled code believes row numbers and ends of columns; such that lie outside of a matrix make it read, and
write, any address of memory. What comes from a file becomes a matrix here and nowhere else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse


def stored_columns(
    data: npt.NDArray[Any], indices: npt.NDArray[Any], indptr: npt.NDArray[Any], rows: int
) -> sparse.csc_array[Any]:
    """A matrix of compressed columns from its three arrays.

    Parameters
    ----------
    data : array, (values,)
    indices : array, (values,) int
        Rows of the values.
    indptr : array, (columns + 1,) int
        Where each column begins among the values; the last one is where they end.
    rows : int

    Raises
    ------
    ValueError
        Where they don't make a matrix.
    """
    for values, kinds in ((data, "biuf"), (indices, "iu"), (indptr, "iu")):
        if values.ndim != 1 or values.dtype.kind not in kinds:
            raise ValueError(f"a matrix has {values.dtype} of the shape {values.shape} for its values or their places")
    if not indptr.size:
        raise ValueError("a matrix has no columns, not even their end")
    if data.size != indices.size:
        raise ValueError(f"a matrix has {data.size} values and {indices.size} places for them")
    parts = (data, indices.astype(np.int64), indptr.astype(np.int64))
    matrix: sparse.csc_array[Any] = seen_to_fit(sparse.csc_array(parts, shape=(rows, indptr.size - 1)))
    if max(*matrix.shape, data.size) <= np.iinfo(np.int32).max:  # scipy itself takes the narrower type
        matrix.indices, matrix.indptr = matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    return matrix


def seen_to_fit(matrix: Any) -> Any:
    """A sparse matrix of any kind whose places lie within it.

    Raises
    ------
    ValueError
        Where they don't.
    """
    check = getattr(matrix, "check_format", None)
    if check is not None:  # compressed ones; of the others scipy sees it when it makes them
        check(full_check=True)
    return matrix
