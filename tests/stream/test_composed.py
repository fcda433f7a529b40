"""Draws that are made from other draws: functions of a draw, sparse and repeated draws."""

import time
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from service.chunks import TensorBody
from service.fields import parse_query
from service.plan import plan
from service.stream.address import Address, stream_of
from service.stream.draws import (
    Draw,
    Mapped,
    Normal,
    Orthogonal,
    Repeated,
    Sparse,
    SymmetricUniform,
    UniformBetween,
)
from service.stream.elementary import log
from service.stream.fill import Filler
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS
from service.stream.reference.elements import bytes_of
from service.stream.sources.index import element_numbers
from service.stream.sources.repeated import RepeatedSource
from tests.stream.drawing import kernel_bytes

ADDRESS = Address(2**40 + 5, 2**63 + 9)

DRAWS: dict[str, Draw] = {
    "log": Mapped(UniformBetween(1.0, 100.0), log, (), 0.0, 5.0),
    "moved log": Mapped(UniformBetween(1.0, 100.0), log, (), 0.0, 5.0, shift=129),
    "sparse": Sparse(Normal(0.0, 0.1), zeros=5, length=7, step=1),
    "sparse along outputs": Sparse(Normal(0.0, 0.1), zeros=13, length=17, step=30),
    "sparse, one place": Sparse(SymmetricUniform(0.1), zeros=0, length=1, step=1),
    "repeated": Repeated(Normal(0.0, 0.1), times=4, consecutive=True, outputs=3, inner=9),
    "tiled": Repeated(Normal(0.0, 0.1), times=4, consecutive=False, outputs=3, inner=9),
    "tiled once": Repeated(Normal(0.0, 0.1), times=1, consecutive=False, outputs=12, inner=9),
    "each output alone": Repeated(Normal(0.0, 0.1), times=12, consecutive=True, outputs=1, inner=9),
    "repeated sparse": Repeated(
        Sparse(Normal(0.0, 0.1), zeros=4, length=9, step=1),
        times=2,
        consecutive=True,
        outputs=6,
        inner=9,
    ),
    "repeated orthogonal": Repeated(
        Orthogonal(1.0, 3, 9, 0, 27), times=4, consecutive=True, outputs=3, inner=9
    ),
}

BOXES = {
    "run": Lattice(3, (1001,), (1,)),
    "far": Lattice(2**40 + 1, (50,), (1,)),
    "transposed": Lattice(2, (36, 30), (1, 36)),
    "kernel last": Lattice(0, (3, 3, 4, 12), (3, 1, 9, 36)),
}


REPEATED_BOXES = {
    "outputs": Lattice(0, (12, 9), (9, 1)),
    "a part": Lattice(9 * 2 + 1, (7, 4), (9, 2)),
    "turned": Lattice(3, (5, 11), (1, 9)),
    "kernel first": Lattice(0, (3, 3, 12), (3, 1, 9)),
    "one output": Lattice(9 * 5, (9,), (1,)),
    "copies": Lattice(0, (3, 12, 9), (108, 9, 1)),
    "copies last": Lattice(9 * 3 + 2, (5, 4, 3), (1, 9, 108)),
    "a run over outputs": Lattice(4, (300,), (1,)),
    "rows over outputs": Lattice(2, (20, 11), (3, 7)),
    "outputs over copies": Lattice(5, (40, 4), (9, 1)),
}
"""Boxes of a tensor of 12 outputs of 9 elements for each copy. The last three have an axis that is
of two kinds."""

CASES = [
    *(
        (name, box, BOXES)
        for name in DRAWS
        if not isinstance(DRAWS[name], Repeated)
        for box in BOXES
    ),
    *(
        (name, box, REPEATED_BOXES)
        for name in DRAWS
        if isinstance(DRAWS[name], Repeated)
        for box in REPEATED_BOXES
    ),
]


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize(("name", "box", "boxes"), CASES)
def test_the_bytes_are_the_references(
    name: str, box: str, boxes: dict[str, Lattice], dtype: str
) -> None:
    """Two implementations, in every dtype, in runs and in boxes."""
    lattice = boxes[box]
    expected = bytes_of(DRAWS[name], dtype, ADDRESS, element_numbers(lattice))
    assert kernel_bytes(DRAWS[name], dtype, ADDRESS, lattice) == expected


def tensor(query: str) -> np.ndarray:
    """The float32 values of a request, in the shape of its slice."""
    made = plan(parse_query(f"{query}&seed=5&name=a".encode()), "raw", max_bytes=2**60)
    body = b"".join(map(bytes, TensorBody(made).chunks()))
    return np.frombuffer(body, np.float32).reshape(made.tensor.placement.shape)


@pytest.mark.parametrize(
    ("query", "zeros"),
    [
        ("shape=40,30&scheme=sparse&sparsity=0.9", 27),
        ("shape=40,30&scheme=sparse&sparsity=0.1", 3),
        ("shape=40,30&scheme=sparse&sparsity=0.11", 4),
        ("shape=40,30&scheme=sparse&sparsity=0", 0),
        ("shape=40,5,3,3&scheme=sparse&sparsity=0.5", 23),
    ],
)
def test_each_unit_has_the_same_number_of_zeros(query: str, zeros: int) -> None:
    """ceil(sparsity n) among the n inputs of each output, and no zero elsewhere."""
    values = tensor(query)
    counts = (values.reshape(len(values), -1) == 0).sum(axis=1)
    assert counts.tolist() == [zeros] * len(values)


def test_torchs_zeros_are_among_the_outputs() -> None:
    """Of each input, as torch.nn.init.sparse_; the rows then differ in their number."""
    values = tensor("shape=40,30&scheme=torch.sparse&sparsity=0.11")
    assert ((values == 0).sum(axis=0) == 5).all()
    assert len(set((values == 0).sum(axis=1).tolist())) > 1


def test_every_choice_of_places_is_equally_likely() -> None:
    """Chi-square over the 70 choices of 4 of 8 places, 70,000 units.

    With 69 degrees of freedom, 5 standard errors above the mean are 69 + 5 sqrt(138) = 128. Sixteen
    rounds of the network instead of 24 gave 160.
    """
    values = tensor("shape=70000,8&scheme=sparse&sparsity=0.5")
    assert chi_square(values == 0) < 128


@pytest.mark.parametrize("length", [3, 5, 15, 16, 17, 31, 33])
def test_every_pair_of_places_is_equally_likely(length: int) -> None:
    """Chi-square over the pairs of zeros of 100,000 units.

    The bound is 5 standard errors above the mean. 16 is the first length with twelve rounds. With
    eight, 200,000 units of this length were 7 standard errors above.
    """
    query = f"shape=100000,{length}&scheme=sparse&sparsity={2 / length}"
    places = np.nonzero(tensor(query) == 0)[1].reshape(100000, 2)
    found = Counter(map(tuple, places.tolist()))
    choices = list(combinations(range(length), 2))
    expected = 100000 / len(choices)
    squares = sum((found[choice] - expected) ** 2 / expected for choice in choices)
    freedom = len(choices) - 1
    assert squares < freedom + 5 * (2 * freedom) ** 0.5


def test_a_shifted_mask_would_be_noticed() -> None:
    """Negative control: zeros that always follow each other make 8 choices of 70."""
    first = np.arange(70000)[:, np.newaxis]
    assert chi_square((np.arange(8) - first) % 8 < 4) > 128


def chi_square(zero: np.ndarray) -> float:
    """How far the counts of all choices of 4 of 8 places are from equal."""
    found = Counter(tuple(np.flatnonzero(row).tolist()) for row in zero)
    expected = len(zero) / 70
    choices = list(combinations(range(8), 4))
    assert set(found) <= set(choices)
    return sum((found[choice] - expected) ** 2 / expected for choice in choices)


def test_zeros_and_values_are_independent() -> None:
    """The values that are left have the std of all, within 5 standard errors."""
    values = tensor("shape=2000,500&scheme=sparse&sparsity=0.8").astype(np.float64)
    left = values[values != 0]
    assert abs(left.std() / 0.01 - 1) < 5 / np.sqrt(2 * left.size)
    assert abs(left.mean()) < 5 * 0.01 / np.sqrt(left.size)


def test_units_differ() -> None:
    """Two units of the same tensor, two names and two seeds have other zeros."""
    values = tensor("shape=2,1000&scheme=sparse&sparsity=0.5") == 0
    assert 400 < (values[0] != values[1]).sum() < 600


def test_a_slice_of_a_huge_sparse_tensor_is_cheap() -> None:
    """1,000 elements of 10^9 x 1000 take milliseconds; a second is the slack of a busy machine."""
    query = "shape=1000000000,1000&scheme=sparse&sparsity=0.9&slice=999999999:,:"
    tensor(query)
    start = time.perf_counter()
    assert (tensor(query) == 0).sum() == 900
    assert time.perf_counter() - start < 1.0


def test_a_slice_is_part_of_the_whole() -> None:
    """Also in a permuted layout, of sparse and of repeated tensors."""
    whole = tensor("shape=40,30&scheme=sparse&sparsity=0.5")
    assert (tensor("shape=40,30&scheme=sparse&sparsity=0.5&slice=3:7,11:") == whole[3:7, 11:]).all()
    turned = tensor("shape=30,40&layout=IO&scheme=sparse&sparsity=0.5&slice=11:,3:7")
    assert (turned == whole[3:7, 11:].T).all()
    kernel = tensor("shape=16,6,3,3&scheme=icnr")
    hwio = tensor("shape=3,3,6,16&layout=HWIO&scheme=icnr&slice=:,1:,:,2:11")
    assert (hwio == kernel[2:11, :, :, 1:].transpose(2, 3, 1, 0)).all()


@pytest.mark.parametrize("inner", ["he_normal", "glorot_uniform", "orthogonal", "sparse"])
def test_icnr_copies_the_smaller_tensor(inner: str) -> None:
    """Each filter four times: consecutively, or all of them again and again."""
    more = "&sparsity=0.5" if inner == "sparse" else ""
    smaller = tensor(f"shape=4,6,3,3&scheme={inner}{more}")
    crd = tensor(f"shape=16,6,3,3&scheme=icnr&inner={inner}{more}")
    dcr = tensor(f"shape=16,6,3,3&scheme=icnr&inner={inner}&variant=dcr{more}")
    assert (crd == np.repeat(smaller, 4, axis=0)).all()
    assert (dcr == np.tile(smaller, (4, 1, 1, 1))).all()


@pytest.mark.parametrize("variant", ["crd", "dcr"])
@pytest.mark.parametrize(
    ("shape", "layout", "cut"),
    [
        ("3,3,6,16", "HWIO", "0:2,1:,2:5,3:14"),
        ("2,16,6,3,3", "EOIHW", "1:,5:11,:,0:1,:"),
        ("3,2,16,3,6", "HEOWI", ":,:,1:16,2:,1:3"),
        ("16,1,3,3", "OIHW", "2:7,:,1:2,:"),
        ("16,6,3,3", "OIHW", "15:,:,:,:"),
    ],
)
def test_any_part_of_icnr_in_any_layout(shape: str, layout: str, cut: str, variant: str) -> None:
    """As the reference has it, which takes each element number by itself."""
    query = f"shape={shape}&layout={layout}&scheme=icnr&variant={variant}"
    whole = tensor(query)
    slices = tuple(slice(*(int(n) if n else None for n in c.split(":"))) for c in cut.split(","))
    assert (tensor(f"{query}&slice={cut}") == whole[slices]).all()
    made = plan(parse_query(f"{query}&seed=5&name=a".encode()), "raw", max_bytes=2**30).tensor
    elements = element_numbers(made.placement.lattice)
    expected = bytes_of(made.law.draw, "float32", Address(5, stream_of("a")), elements)
    assert whole.tobytes() == expected


def test_scattered_elements_of_icnr_are_not_computed_one_by_one() -> None:
    """65,536 elements that are far apart: one fill for each piece, not one for each element."""
    query = (
        "shape=65536,16,3&layer=conv1d&scheme=icnr&factor=1&dtype=float8_e5m2&seed=1&name=a"
        "&slice=:,0:1,0:1"
    )
    body = TensorBody(plan(parse_query(query.encode()), "raw", max_bytes=2**30))
    fills = count_of_fills(body)
    assert fills < 20


@pytest.mark.parametrize(
    "query",
    [
        "shape=65536,1,1,1&factor=256",
        "shape=1,1,1,65536&layout=HWIO&factor=256&order=F",
        "shape=16384,4,1&layer=conv1d&factor=4096&slice=3:,:,:",
    ],
)
def test_outputs_that_come_again_and_again_are_computed_once(query: str) -> None:
    """Of few outputs: 65,536 fills took a second for 64 KiB."""
    asked = f"{query}&scheme=icnr&variant=dcr&dtype=float8_e5m2&seed=1&name=a"
    assert count_of_fills(TensorBody(plan(parse_query(asked.encode()), "raw", max_bytes=2**30))) < 5


def count_of_fills(body: TensorBody) -> int:
    """How often the smaller draw is asked for a box."""
    filler = body._filler
    assert isinstance(filler.source, RepeatedSource)
    values, asked = filler.source.values, []

    class Counting:
        itemsize, materialised = values.itemsize, values.materialised

        def fill(self, box: Lattice, out: np.ndarray) -> None:
            asked.append(box)
            values.fill(box, out)

        def stop(self) -> None:
            values.stop()

        def cost(self, box: Lattice) -> int:
            return values.cost(box)

    counted = Filler(RepeatedSource(filler.source.draw, Counting()), filler.lattice)
    out = np.empty(filler.lattice.size * filler.itemsize, np.uint8)
    counted.fill(0, filler.lattice.size, out)
    return len(asked)


def test_icnr_upsamples_to_equal_pixels() -> None:
    """A sub-pixel shuffle of the convolution makes blocks of 2 x 2 equal pixels; He's does not."""
    picture = np.random.default_rng(0).standard_normal((6, 5, 5))
    assert checkerboard(tensor("shape=16,6,3,3&scheme=icnr"), picture) == 0
    assert checkerboard(tensor("shape=16,6,3,3&scheme=he_normal"), picture) > 0.1


def checkerboard(kernel: np.ndarray, picture: np.ndarray) -> float:
    """The std within blocks of 2 x 2 pixels, relative to the std of all, after PixelShuffle(2)."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, (3, 3), axis=(1, 2))
    made = np.einsum("oihw,iyxhw->oyx", kernel.astype(np.float64), windows)
    channels, height, width = made.shape
    blocks = made.reshape(channels // 4, 4, height, width)
    return float(blocks.std(axis=1).mean() / made.std())
