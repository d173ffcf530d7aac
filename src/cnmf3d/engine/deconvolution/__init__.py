"""Deconvolution: demixed raw traces into calcium and spikes, and the kinetics of cells.

Calcium is the response of an autoregressive process to sparse non-negative spikes (Vogelstein et al. 2010,
J Neurophysiol 104:3691; Friedrich, Zhou & Paninski 2017, PLoS Comput Biol 13:e1005423). Spikes are posterior means
(Pnevmatikakis et al. 2013), found by sampling.
"""

from cnmf3d.engine.deconvolution.inhibition import without_falls
from cnmf3d.engine.deconvolution.kinetics import measured_response, own_responses, strongest
from cnmf3d.engine.deconvolution.noise import noise_level
from cnmf3d.engine.deconvolution.response import Response
from cnmf3d.engine.deconvolution.solving import Deconvolved, deconvolve

__all__ = [
    "Deconvolved",
    "Response",
    "deconvolve",
    "measured_response",
    "noise_level",
    "own_responses",
    "strongest",
    "without_falls",
]
