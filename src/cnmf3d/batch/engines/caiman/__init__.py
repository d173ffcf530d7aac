"""The engine ``caiman``: the user's CaImAn, in a Python of its own, on our run folder."""

from cnmf3d.batch.engines.caiman.engine import CaimanEngine

__all__ = ["CaimanEngine"]
