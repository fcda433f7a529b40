"""What every source does."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from service.stream.lattice import Lattice


class Source(Protocol):
    """The values of one draw in one dtype, at any element numbers.

    `itemsize` is in bytes. `materialised` says that the first value may take seconds, because a
    whole matrix is computed for it.
    """

    @property
    def itemsize(self) -> int: ...
    @property
    def materialised(self) -> bool: ...

    def fill(self, box: Lattice, out: npt.NDArray[np.uint8]) -> None:
        """Write the elements of `box` to `out`, in the box's order: box.size itemsize bytes.

        Several threads may fill at once, each its own `out`. Raises StoppedError soon after
        `stop`, if it would take long.
        """

    def cost(self, box: Lattice) -> int:
        """The work of filling a box, found without drawing. The box has an element.

        The unit is a block of normal values in float32. For elementwise draws it is the exact
        number of blocks that are drawn, times a measured factor of the distribution and the dtype.
        For other draws it is an estimate. It depends on the offset of the box only modulo 4.
        """

    def stop(self) -> None:
        """Make every `fill` that takes long end soon: its bytes are no longer wanted."""
