"""Motion of a recording."""
