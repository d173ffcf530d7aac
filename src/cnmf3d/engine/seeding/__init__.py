"""Where cells may be: seeds found in what the components so far leave unexplained."""
