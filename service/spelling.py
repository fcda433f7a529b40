"""How Fanin writes a number wherever it writes one: in canonical URLs, headers and messages."""

WHOLE_BELOW = 1e16
"""From here on the exponent form is shorter than the digits."""


def shortest(value: float) -> str:
    """The fewest digits that read back as the same float64.

    Whole numbers below 1e16 stand without a point; an exponent has no plus and no leading zero.
    """
    if value.is_integer() and abs(value) < WHOLE_BELOW:
        return str(int(value))
    return repr(value).replace("e+", "e").replace("e-0", "e-")
