"""The engine ``caiman``: the user's CaImAn, in a Python of its own, on our run folder."""

from cnmf3d.batch.engines.caiman.engine import ENGINE, CaimanEngine

__all__ = ["ENGINE", "CaimanEngine"]
