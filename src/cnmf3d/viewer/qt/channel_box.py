"""Which functional channel's traces are drawn: for every dock that draws traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox

if TYPE_CHECKING:
    from cnmf3d.viewer.models.roi_store import RoiStore


class ChannelBox(QComboBox):
    """A choice of the channels of an open file; hidden where there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip("Functional channel whose traces are drawn")

    def offer(self, store: RoiStore | None) -> None:
        """Offer the channels of a file, the first one chosen; nothing is emitted."""
        names = () if store is None else store.channels
        self.blockSignals(True)
        self.clear()
        for name in ("", *names):
            self.addItem(name or "first channel", name)
        self.blockSignals(False)
        self.setVisible(bool(names))

    @property
    def chosen(self) -> str:
        """Name of the channel; empty for the first one."""
        return str(self.currentData() or "")
