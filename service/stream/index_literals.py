"""The constants of index functions. The NumPy forms and the kernels share nothing else."""

TWO_PI = 6.283185307179586
"""The float64 nearest to 2 pi."""

KNEE, MELS_AT_KNEE, RATIO, STEPS = 1000.0, 15.0, 6.4, 27.0
"""Slaney's mel scale: linear up to 1000 Hz, 15 mels, and then 27 mels for each factor of 6.4."""

BREAK_OF_HTK = 700.0
"""HTK's mel scale is a multiple of ln(1 + f / 700 Hz)."""
