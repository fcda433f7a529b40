"""Requests of drafts: one derived from the name of each draft, and others listed here.

Each is what follows `/v1/weights.`, as in `frozen_requests`. A further request by hand is for what
the derived one does not ask: other fields, layouts, orders, slices and parts.
"""

from collections.abc import Mapping
from typing import Any

from service.dtypes import DTYPES
from service.initializers.activations import ACTIVATIONS
from service.initializers.layers import LAYERS
from service.initializers.schemes import SCHEMES
from service.initializers.schemes.record import Preset

_TABLES: dict[str, tuple[str, Mapping[str, Any]]] = {
    "scheme": ("npy?shape={shape}&scheme={name}&seed=1&name=a", SCHEMES),
    "activation": (
        "npy?shape=12,6&scheme=variance_scaling&activation={name}&parts=2&seed=1&name=a",
        ACTIVATIONS,
    ),
    "dtype": ("raw?shape=12,5&scheme=normal&dtype={name}&seed=1&name=a", DTYPES),
}
"""The request of an entry of each table, with {} for its name."""


def _shape(record: Any) -> str:
    """Two axes, or those of a preset's layer or of a scheme for convolutions."""
    preset: Preset | None = getattr(record, "preset", None)
    rank = 2 if preset is None else len(LAYERS[preset.layer].letters[preset.framework])
    if record.name == "delta_orthogonal":
        rank = 4
    return ",".join(["12", "5", "3", "2", "4"][:rank])


DERIVED: tuple[str, ...] = tuple(
    request.format(name=name, shape=_shape(record))
    for request, table in _TABLES.values()
    for name, record in table.items()
    if record.draft is not None
)

BY_HAND: tuple[str, ...] = (
    # identity: gain, layouts, orders, slices, parts
    "npy?shape=4,6&scheme=identity&order=F",
    "raw?shape=6,4&scheme=identity&layout=IO&gain=0.1&dtype=float64",
    "raw?shape=7,5&scheme=identity&slice=1:6,2:&dtype=bfloat16",
    "raw?shape=8,3&scheme=identity&parts=2",
    "raw?shape=8,3&scheme=identity&parts=5,3",
    "raw?shape=3,8&scheme=identity&layer=embedding&parts=5,3",
    # orthogonal: tall, wide, convolutions, copies, parts, slices
    "raw?shape=20,35&scheme=orthogonal&seed=1&name=a&dtype=float64",
    "raw?shape=35,20&scheme=orthogonal&seed=1&name=a&gain=1.4142135623730951&order=F",
    "raw?shape=8,4,3,3&scheme=orthogonal&seed=1&name=a&dtype=float16",
    "raw?shape=3,3,4,8&scheme=orthogonal&layout=HWIO&seed=1&name=a",
    "raw?shape=2,6,5&scheme=orthogonal&layout=EOI&seed=1&name=a&slice=1:,2:5,:",
    "raw?shape=12,5&scheme=orthogonal&parts=3&seed=1&name=a",
    "raw?shape=12,5&scheme=orthogonal&parts=6,2,4&seed=1&name=a&dtype=float64",
    "raw?shape=9,5&scheme=orthogonal&layer=embedding&layout=flux&seed=1&name=a",
    # delta_orthogonal: kernels of one to three axes, an even kernel, copies, parts, slices
    "raw?shape=5,3,4&scheme=delta_orthogonal&layer=conv1d&gain=1.5&seed=1&name=a&dtype=float64",
    "raw?shape=3,2,4,8&scheme=delta_orthogonal&layout=HWIO&parts=2&seed=1&name=a",
    "raw?shape=2,5,3,3&scheme=delta_orthogonal&layout=EOIW&seed=1&name=a&slice=:,1:4,:,1:",
    "raw?shape=9,2,3,2,3&scheme=delta_orthogonal&parts=4,5&order=F&seed=1&name=a&dtype=bfloat16",
    # presets in other layouts
    "npy?shape=5,12&scheme=torch.linear&layout=IO&seed=1&name=a",
    "npy?shape=12,5&scheme=keras.dense&layout=OI&seed=1&name=a",
    # parts of different heights
    "npy?shape=12,5&scheme=glorot_uniform&parts=8,2,2&seed=1&name=a",
    "npy?shape=5,12&scheme=glorot_normal&layout=IO&parts=8,2,2&order=F&seed=1&name=a",
    "raw?shape=2,3,4,5&scheme=glorot_uniform&layout=EOOI&parts=7,5&seed=1&name=a&slice=:,1:,:,2:",
    "raw?shape=12,4,3,3&scheme=he_normal&mode=fan_out&parts=8,4&seed=1&name=a&dtype=bfloat16",
)

REQUESTS = (*DERIVED, *BY_HAND)
