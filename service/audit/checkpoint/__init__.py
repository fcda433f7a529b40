"""The audit of a checkpoint: a verdict on each tensor, and reports of them."""
