from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile


@pytest.fixture
def tiff(tmp_path: Path) -> Callable[..., Path]:
    """Write a small TIFF and its metadata."""

    def write(name: str = "m.tiff", *, shape: tuple[int, ...] = (6, 3, 5, 4), meta: Any = None) -> Path:
        values = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
        labels = {"axes": "TZYX"} if len(shape) == 4 else None
        tifffile.imwrite(tmp_path / name, values, metadata=labels, photometric="minisblack")
        if meta is not None:
            (tmp_path / name).with_suffix(".json").write_text(json.dumps(meta))
        return tmp_path / name

    return write
