"""The constants of sparse draws. Reference and kernels share these alone.

Names follow docs/drafts/composed.md, "Sparse draws".
"""

PURPOSE_MASKS = 2
PURPOSE_LOW_MASKS = 3
"""The purposes of the words that permute the places of a unit."""

KEY_MULTIPLIER, KEY_ADDED = 3, 0x9E3779B9
"""The later eight keys from the first eight. With eight rounds alone, small units do not have all
choices of zeros equally often."""

MASK_MULTIPLIERS = (0x9E3779B1, 0x85EBCA77)
MASK_SHIFTS = (15, 13)
"""The hash of a round."""
