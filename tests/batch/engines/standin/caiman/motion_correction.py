import json
import os
from pathlib import Path

import numpy as np

from caiman import load_memmap


class MotionCorrect:
    """Finds that volume t has to be moved by -t/10, -t/20 and 0 along x, y, z; in patches by a hundredth more each."""

    def __init__(
        self,
        fname,
        dview=None,
        max_shifts=(6, 6),
        niter_rig=1,
        splits_rig=14,
        strides=(96, 96),
        overlaps=(32, 32),
        max_deviation_rigid=3,
        border_nan=True,
        pw_rigid=False,
        is3D=False,
        indices=(slice(None), slice(None)),
    ):
        assert is3D and len(indices) == 3 and border_nan == "copy" and all(isinstance(each, str) for each in fname)
        assert len(max_shifts) == 3 and (not pw_rigid or len(strides) == len(overlaps) == 3)
        self.fname, self.pw_rigid, self.strides, self.overlaps = fname[0], pw_rigid, strides, overlaps
        self.told = {"max_shifts": max_shifts, "niter_rig": niter_rig, "splits_rig": splits_rig, "pw_rigid": pw_rigid}
        self.told |= {"strides": strides, "overlaps": overlaps, "deviation": max_deviation_rigid}

    def motion_correct(self, template=None, save_movie=False):
        behaviour = os.environ.get("STANDIN", "")
        if behaviour == "fails":
            raise RuntimeError("the template is empty")
        flat, dims, frames = load_memmap(self.fname)
        images = flat.T.reshape((frames, *dims), order="F")
        self.told["corner"] = float(images[0, -1, 0, 0])
        self.shifts_rig = [(-t / 10, -t / 20, 0.0) for t in range(frames)]
        if behaviour == "no numbers":
            self.shifts_rig[3] = (np.nan, 0.0, 0.0)
        self.total_template_rig = images.mean(axis=0)
        if self.pw_rigid:
            along = zip(dims, self.strides, self.overlaps, strict=True)
            counts = [len(range(0, n - min(n, step + lap), step)) + 1 for n, step, lap in along]
            patches = 3 if behaviour == "other patches" else int(np.prod(counts))
            moves = np.array(self.shifts_rig)[:, None] + 0.01 * np.arange(patches)[None, :, None]
            self.x_shifts_els, self.y_shifts_els, self.z_shifts_els = (list(moves[..., axis]) for axis in range(3))
            self.total_template_els = self.total_template_rig
        Path(os.environ["STANDIN_TOLD"]).write_text(json.dumps(self.told))
