"""What the viewer knows: no Qt and no napari here."""

from cnmf3d.viewer.models.roi_store import RoiStore

__all__ = ["RoiStore"]
