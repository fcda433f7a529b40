"""The tensors of checkpoints: files of several formats, and whether two have equal values."""
