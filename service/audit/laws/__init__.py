"""What a tensor may have been initialized with, and whether its values are consistent with it."""
