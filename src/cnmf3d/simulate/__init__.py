"""Synthetic volumes with truth, and the score of components against it."""

from cnmf3d.simulate.drawing import draw
from cnmf3d.simulate.figures import Figures, measure
from cnmf3d.simulate.injection import Injected, inject
from cnmf3d.simulate.presets import HARD, KIND, PRESETS, scene_of
from cnmf3d.simulate.recording import Recording
from cnmf3d.simulate.scene import Scene
from cnmf3d.simulate.scoring import Measures, Score, score
from cnmf3d.simulate.truth import Others, Truth, load_truth, save_truth
from cnmf3d.simulate.writing import simulate

__all__ = [
    "HARD",
    "KIND",
    "PRESETS",
    "Figures",
    "Injected",
    "Measures",
    "Others",
    "Recording",
    "Scene",
    "Score",
    "Truth",
    "draw",
    "inject",
    "load_truth",
    "measure",
    "save_truth",
    "scene_of",
    "score",
    "simulate",
]
