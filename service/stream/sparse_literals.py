"""The constants of sparse draws. Reference and kernels share these alone.

Names follow docs/drafts/composed.md, "Sparse draws".
"""

PURPOSE_MASKS = 2
"""The purpose of the words that permute the places of a unit."""

ROUNDS = (24, 12)
"""Of the network: with one bit of columns, and with more. With twelve rounds, a unit of 8 places
does not have all choices of zeros equally often."""

KEY_MULTIPLIER, KEY_ADDED = 0x2C1B3C6D, 0x9E3779B9
"""The keys of the next four rounds from those of four rounds."""

MASK_MULTIPLIERS = (0x9E3779B1, 0x85EBCA77)
MASK_SHIFTS = (15, 13)
"""The hash of a round."""
