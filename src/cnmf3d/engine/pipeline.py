"""The order of the stages: movie in, judged components out. Only this file knows it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from cnmf3d.components import Background, Bool, Components, Float, VolumeShape
from cnmf3d.engine import refine, solve
from cnmf3d.engine.block import Fit, Footprints
from cnmf3d.engine.blocks import Box, cut, fitting_core
from cnmf3d.engine.cache import Cache, ingest
from cnmf3d.engine.cleaning import grow
from cnmf3d.engine.deconvolution import deconvolve
from cnmf3d.engine.estimates import cell_size, decay_time, strongest
from cnmf3d.engine.evaluation.measures import active_frames, spatial_correlation, trace_snr
from cnmf3d.engine.kernels.numba import block as block_kernels
from cnmf3d.engine.plan import BLOCK_BYTES, Blocking, bin_width, halo_for
from cnmf3d.engine.volume import Neuropil, stitch, tile_neuropil
from cnmf3d.events import Caution, Note, Progress, Reporter, silent
from cnmf3d.geometry import ZYX
from cnmf3d.movies import Movie
