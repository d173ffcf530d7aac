"""Windows and docks, thin: they show models and call controllers."""
