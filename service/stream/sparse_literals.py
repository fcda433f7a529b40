"""The constants of sparse draws. Reference and kernels share these alone.

Names follow docs/drafts/composed.md, "Sparse draws".
"""

PURPOSE_MASKS = 2
PURPOSE_LOW_MASKS = 3
"""The purposes of the words that permute the places of a unit."""

MASK_MULTIPLIERS = (0x9E3779B1, 0x85EBCA77)
MASK_SHIFTS = (15, 13)
"""The hash of a round."""
