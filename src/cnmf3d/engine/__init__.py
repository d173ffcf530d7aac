"""The native 3D CNMF: a movie goes in, demixed, deconvolved and judged components come out."""

from cnmf3d.engine.estimate import Estimate, estimate
from cnmf3d.engine.manual import demix_rois
from cnmf3d.engine.run import cache_key, run

__all__ = ["Estimate", "cache_key", "demix_rois", "estimate", "run"]
