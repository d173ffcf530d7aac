"""The desktop viewer: models and controllers without a screen, napari docks over them."""
