"""What three axes can be: a tensor of three axes is read as none of these unless it is said."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """`letters` of the axes, and `what` weight they make."""

    letters: str
    what: str


READINGS = (
    Reading("OIW", "a torch 1-D convolution"),
    Reading("WIO", "a Keras or Flax 1-D convolution"),
    Reading("OWI", "an MLX 1-D convolution"),
    Reading("EOI", "experts, each out x in"),
    Reading("EIO", "experts, each in x out"),
    Reading("OOI", "attention heads, out first"),
    Reading("IOO", "attention heads, in first"),
    Reading("IIO", "an attention output"),
)
"""The weights with three axes that people issue, the most usual first."""
