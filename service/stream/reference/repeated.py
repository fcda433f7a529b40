"""The outputs that a repeated draw copies (docs/stream-v1-drafts.md, "Repeated draws")."""

import numpy as np

from service.stream.draws import Elements, Repeated


def copied_elements(draw: Repeated, elements: Elements) -> Elements:
    """The element number in the smaller draw of each element, shape (n,)."""
    table = np.arange(draw.outputs)
    outputs = np.repeat(table, draw.times) if draw.consecutive else np.tile(table, draw.times)
    copies, rest = elements // (draw.inner * len(outputs)), elements % (draw.inner * len(outputs))
    output, place = rest // draw.inner, rest % draw.inner
    return (copies * draw.outputs + outputs[output]) * draw.inner + place
