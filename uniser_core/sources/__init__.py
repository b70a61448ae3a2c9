"""Where clean pictures come from; one file a kind."""
