"""Targets of tensors of every kind, at random: what ranges are asked of."""

from collections.abc import Sequence
from math import prod
from urllib.parse import quote

from hypothesis import strategies as st

from service.dtypes import DTYPES
from service.errors import FaninError
from service.fields import parse_query
from service.plan.placement import place
from tests.filling import distinct, smallest
from tests.ranges.tensors import planned

MOST_ELEMENTS = 2**14
"""Of a tensor of one chunk, so that hundreds of them can be asked for."""

BLOCKS = (
    "shape=12,8&scheme=glorot_uniform&parts=4,8",
    "shape=24,8&scheme=he_normal&parts=3",
    "shape=20,6&scheme=orthogonal&parts=8,12",
    "shape=24&scheme=forget_gate_bias&parts=4",
    "shape=8,12&layout=IO&scheme=torch.linear&parts=5,7",
)
"""Tensors of several blocks of outputs, some of which have fans of their own."""

LARGE = (
    "/v1/weights.raw?shape=700,1100&scheme=normal",
    "/v1/weights.npy?shape=700,1100&dtype=float64&scheme=glorot_uniform",
    "/v1/weights.npy?shape=3,3,400,401&layout=HWIO&scheme=he_normal",
    "/v1/weights.npy?shape=400,401,3,3&order=F&scheme=truncated_normal",
    "/v1/weights.npy?shape=900,1100&order=F&slice=1:,3:1098&scheme=normal",
    "/v1/weights.safetensors?shape=1500,1501&dtype=float8_e4m3fn&slice=1:,1:&scheme=he_uniform",
    "/v1/weights.safetensors?shape=5,5,250,301&layout=HWIO&slice=:,1:4,:,7:290&dtype=bfloat16"
    "&scheme=lecun_normal",
    "/v1/weights.npy?shape=1200,1100&layout=IO&scheme=sparse&sparsity=0.3",
    "/v1/weights.raw?shape=1500,900&scheme=identity&dtype=float16",
    "/v1/weights.npy?shape=1200,600&layout=IO&scheme=glorot_uniform&parts=200,400",
    "/v1/weights.npy?shape=700,500&layout=IO&scheme=orthogonal",
)
"""Tensors of more than a mebibyte, which are made in several chunks, the last one excepted."""


@st.composite
def small_targets(draw: st.DrawFn, formats: Sequence[str] = ("npy", "safetensors", "raw")) -> str:
    """A target of at most MOST_ELEMENTS elements with a seed; it may be refused.

    Any scheme, dtype, format, order and slice, in the layout of the scheme's example or in the
    reversed one.
    """
    example = draw(st.one_of(st.sampled_from(distinct()).map(smallest), st.sampled_from(BLOCKS)))
    fields = dict(item.split("=") for item in example.split("&"))
    spec = parse_query(example.encode())
    letters = place(spec).letters
    shape = spec.shape
    if letters is not None and "layout" not in fields and draw(st.booleans()):
        fields["layout"], shape = letters[::-1], shape[::-1]
        fields["shape"] = ",".join(map(str, shape))
    if shape and (prod(shape) > MOST_ELEMENTS or draw(st.booleans())):
        fields["slice"] = ",".join(draw(_intervals(shape)))
    fields["seed"] = str(draw(st.integers(0, 2**64 - 1)))
    fields["dtype"] = draw(st.sampled_from(list(DTYPES)))
    fields["order"] = draw(st.sampled_from("CF"))
    name = draw(st.sampled_from(["", "w", "layers.0.weight", "é" * 9]))
    if name:
        fields["name"] = quote(name)
    query = "&".join(f"{field}={value}" for field, value in fields.items())
    return f"/v1/weights.{draw(st.sampled_from(formats))}?{query}"


@st.composite
def _intervals(draw: st.DrawFn, shape: tuple[int, ...]) -> list[str]:
    """Along each axis some positions, together at most MOST_ELEMENTS."""
    room, intervals = MOST_ELEMENTS, list[str]()
    for extent in shape:
        size = draw(st.integers(1, max(1, min(extent, room))))
        start = draw(st.integers(0, extent - size))
        intervals.append(f"{start}:{start + size}")
        room //= size
    return intervals


def served(target: str) -> bool:
    """Whether there is a tensor, of at least one byte, for this target."""
    try:
        return planned(target).tensor.length > 0
    except FaninError:
        return False
