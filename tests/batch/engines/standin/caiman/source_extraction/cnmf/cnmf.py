import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np


class Estimates:
    def __init__(self, count):
        self.A = np.zeros((8, count))
        self.idx_components = None

    def evaluate_components(self, images, params, dview):
        self.idx_components = [] if os.environ.get("STANDIN") == "none accepted" else list(range(self.A.shape[1]))

    def select_components(self, use_object, save_discarded_components):
        assert use_object and self.idx_components

    def detrend_df_f(self, quantileMin, frames_window):
        if os.environ.get("STANDIN") == "no dff":
            raise ValueError("a window of 250")


class CNMF:
    def __init__(self, processes, params, dview):
        self.params, self.dview = params, dview
        self.estimates = Estimates(0)
        self.fits = 0

    def fit(self, images):
        behaviour = os.environ.get("STANDIN", "")
        if behaviour == "fails":
            raise RuntimeError("no components\nin any patch")
        if behaviour == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if behaviour == "asked to end":
            os.kill(os.getpid(), signal.SIGTERM)
        if behaviour == "exits":
            os._exit(0)
        if behaviour == "hangs":
            time.sleep(600)
        if behaviour == "prints":
            sys.stdout.write("not JSON \x00 {\n")
            os.write(1, b'\xff\xfe{"kind": "done", "seconds": {}}\n')
            sys.__stdout__.write('{"kind": "progress"}\n')
        self.estimates = Estimates(0 if behaviour == "nothing" else 2)
        self.fits += 1
        self.seen = {"shape": images.shape, "corner": float(images[0, -1, 0, 0])}

    def refit(self, images, dview):
        self.fit(images)
        return self

    def save(self, path):
        shutil.copy(os.environ["STANDIN_RESULTS"], path)
        told = {"groups": self.params.groups, "fits": self.fits, "workers": self.dview is not None, **self.seen}
        Path(os.environ["STANDIN_TOLD"]).write_text(json.dumps(told))
