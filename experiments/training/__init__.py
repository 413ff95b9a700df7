"""How parameters are learned: one update, all runs side by side, checkpoints, compiled programs on disk."""
