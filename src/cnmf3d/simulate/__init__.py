"""Synthetic volumes with truth, and the score of components against it."""

from cnmf3d.simulate.figures import Figures, measure
from cnmf3d.simulate.recording import Recording, draw
from cnmf3d.simulate.scene import PRESETS, Scene, scene_of
from cnmf3d.simulate.scoring import Measures, Score, score
from cnmf3d.simulate.truth import Truth, load_truth, save_truth
from cnmf3d.simulate.writing import simulate

__all__ = [
    "PRESETS",
    "Figures",
    "Measures",
    "Recording",
    "Scene",
    "Score",
    "Truth",
    "draw",
    "load_truth",
    "measure",
    "save_truth",
    "scene_of",
    "score",
    "simulate",
]
