"""What a click, a key or a signal does: no Qt and no napari here."""
