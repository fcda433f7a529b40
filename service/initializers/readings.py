"""What three axes can be: a tensor of three axes is read as none of these unless it is said."""

from dataclasses import dataclass

from service.initializers.layers import LAYERS


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


def readings_in(layout: str | None) -> tuple[Reading, ...]:
    """The readings in the letters of the framework that `layout` names; all where it names none."""
    if layout is None or layout not in LAYERS["dense"].letters:
        return READINGS
    convolution, dense = (LAYERS[name].letters[layout] for name in ("conv1d", "dense"))
    outputs_first = dense.index("O") < dense.index("I")
    return tuple(
        reading
        for reading in READINGS
        if reading.letters == convolution
        or ("W" not in reading.letters and _outputs_first(reading.letters) == outputs_first)
    )


def _outputs_first(letters: str) -> bool:
    return letters.index("O") < letters.index("I")
