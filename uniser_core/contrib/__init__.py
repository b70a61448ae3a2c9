"""Effects in one file each, on the same contract as everybody's."""
