"""Stands in for CaImAn in tests: behaves as STANDIN says, and saves the file STANDIN_RESULTS."""

import sys
from pathlib import Path

import numpy as np

__version__ = "0.0-standin"

sys.stdout.write('{"kind": "nonsense"} from caiman, which prints where it likes\n')


def load_memmap(path):
    name = Path(path).name
    words = name.removesuffix(".mmap").split("_")
    values = {words[i]: int(words[i + 1]) for i in range(len(words) - 1) if words[i] in ("d1", "d2", "d3", "frames")}
    dims = (values["d1"], values["d2"], values["d3"])
    shape = (int(np.prod(dims)), values["frames"])
    return np.memmap(path, np.float32, "r", shape=shape), dims, values["frames"]
