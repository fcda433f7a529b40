"""Orders, layouts and slices that share a canonical URL have the same bytes in every scheme."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.chunks import tensor_filler
from service.dtypes import DTYPES
from service.errors import FaninError
from service.fields import Spec, parse_query
from service.initializers.schemes import SCHEMES
from service.plan import plan
from service.plan.canonical import _kept_kind
from service.plan.tensor import Tensor, resolve
from service.stream.draws import Constant, IndexFunction
from tests.filling import accepted, distinct, fills, needed, smallest

LAYOUTS = {
    2: ("OI", "IO", "OH", "WO", "EO", "OO", "EI"),
    3: ("EOI", "OIE", "OOI", "IOO", "OIW", "WIO"),
    4: ("OIHW", "HWIO", "IOHW", "OHWI"),
}


def fields_of(scheme: str) -> dict[str, str]:
    """What the scheme's example has beside a shape."""
    return dict(item.split("=") for item in needed(scheme).split("&")[1:])


def fits(scheme: str, rank: int, layout: str) -> bool:
    """Whether the scheme fills a tensor of this layout with four elements along each axis."""
    shape = ",".join("4" * rank)
    return accepted(f"shape={shape}&layout={layout}&scheme={scheme}&seed=3{needed(scheme)}")


def kind_of(scheme: str) -> tuple[object, ...]:
    """What decides how a scheme places its elements."""
    record = SCHEMES[scheme]
    law = resolve(parse_query(smallest(scheme).encode()), "raw").law
    return type(law.draw), record.access, record.preset is None, record.gated


REPRESENTATIVES = list({kind_of(name): name for name in reversed(SCHEMES)}.values())
"""A scheme of each kind, the first in the table."""

RANKS = {
    scheme: [rank for rank in LAYOUTS if any(fits(scheme, rank, each) for each in LAYOUTS[rank])]
    for scheme in REPRESENTATIVES
}
"""The numbers of axes that each of them fills."""


def bytes_of(tensor: Tensor) -> bytes:
    """Head and values of a tensor as it was asked for, without regard to its canonical URL."""
    filler = tensor_filler(tensor)
    out = np.empty(filler.lattice.size * filler.itemsize, np.uint8)
    filler.fill(0, filler.lattice.size, out)
    return tensor.head + out.tobytes()


def varies(tensor: Tensor) -> bool:
    """Whether elements can differ: all but constants do, and two blocks may."""
    return len(tensor.blocks) > 1 or not isinstance(tensor.law.draw, Constant)


def one_sequence(tensor: Tensor) -> bool:
    """Whether C and F are one: no element, or no two axes longer than 1."""
    shape = tensor.placement.shape
    return 0 in shape or sum(extent > 1 for extent in shape) <= 1


def faults(first: Spec, second: Spec, form: str) -> Iterator[str]:
    """What is wrong with the canonical URLs of two requests."""
    tensors = [resolve(spec, form) for spec in (first, second)]
    plans = [plan(spec, form, max_bytes=2**40) for spec in (first, second)]
    if plans[0].url == plans[1].url and bytes_of(tensors[0]) != bytes_of(tensors[1]):
        yield f"{plans[0].url} stands for two files"
    for spec, tensor, planned in zip((first, second), tensors, plans, strict=True):
        lost = spec.order == "F" and planned.spec.order == "C"
        if lost and varies(tensor) and not one_sequence(tensor):
            yield f"{planned.url} has lost its order"


@st.composite
def slices(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, str]:
    """No slice, or an interval of each axis, most often of several elements."""
    if draw(st.booleans()):
        return {}
    items = []
    for extent in shape:
        start = draw(st.integers(0, min(1, extent)))
        items.append(f"{start}:{draw(st.integers(start, extent))}")
    return {"slice": ",".join(items)}


@st.composite
def pairs(draw: st.DrawFn, scheme: str) -> tuple[Spec, Spec]:
    """Two requests of a scheme that differ in order, layout and slice alone."""
    rank = draw(st.sampled_from(RANKS[scheme]))
    extents = st.integers(1, 4) if rank < 4 else st.just(4)
    shape = tuple(draw(st.lists(extents, min_size=rank, max_size=rank)))
    if draw(st.integers(0, 9)) == 0:
        shape = (*shape[:-1], 0)
    fields = {"shape": shape, "scheme": scheme, "seed": 3, **fields_of(scheme)}
    fields["dtype"] = draw(st.sampled_from([name for name, d in DTYPES.items() if d.npy_descr]))
    height = draw(st.sampled_from(shape))
    if height > 2 and draw(st.booleans()):
        fields["parts"] = draw(st.sampled_from([(1, height - 1), (height - 1, 1), height]))
    layouts = st.sampled_from([each for each in LAYOUTS[rank] if fits(scheme, rank, each)])
    layout = draw(layouts)
    asked = []
    for _ in "ab":
        layout = draw(layouts) if draw(st.integers(0, 3)) == 0 else layout
        mine = {"layout": layout, "order": draw(st.sampled_from("CF"))}
        asked.append(Spec(**fields, **mine, **draw(slices(shape))))
    return asked[0], asked[1]


def check(scheme: str, examples: int) -> None:
    """Compare so many pairs of requests of a scheme."""

    @settings(max_examples=examples)
    @given(pairs(scheme), st.sampled_from(["raw", "npy"]))
    def compare(asked: tuple[Spec, Spec], form: str) -> None:
        try:
            found = list(faults(*asked, form))
        except FaninError:
            assume(False)
        assert found == []

    compare()


@pytest.mark.parametrize("scheme", REPRESENTATIVES)
def test_one_url_is_one_file(scheme: str) -> None:
    """Two requests that only place their elements otherwise share a URL if they share the bytes."""
    check(scheme, 60)


SHAPES = [(3, 4), (4, 3), (4, 4), (1, 4), (4, 1), (1, 1), (0, 4)]

FILLED = [
    (shape, scheme)
    for shape in SHAPES
    for scheme in distinct()
    if fills(scheme, ",".join(map(str, shape)))
]


@pytest.mark.parametrize(("shape", "scheme"), FILLED)
def test_each_scheme_keeps_its_order(scheme: str, shape: tuple[int, ...]) -> None:
    """C and F of every scheme by itself, the whole and a slice of one row."""
    for part in ({}, {"slice": ":,0:1"}, {"slice": ":,1:"}):
        fields = {"shape": shape, "scheme": scheme, "seed": 3, **part, **fields_of(scheme)}
        specs = [Spec(**fields, order=order) for order in "CF"]
        assert list(faults(specs[0], specs[1], "raw")) == []
        urls = {plan(spec, "raw", max_bytes=2**40).url for spec in specs}
        tensor = resolve(specs[1], "raw")
        assert len(urls) == (2 if varies(tensor) and not one_sequence(tensor) else 1)


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An index function that claims that all its elements are equal."""
    _kept_kind.cache_clear()
    monkeypatch.setattr(IndexFunction, "all_equal", True)
    yield
    _kept_kind.cache_clear()


def test_a_draw_that_hides_its_places_is_found(blind: None) -> None:
    """Negative control: identity then shares the URLs of C and F, and each check tells."""
    specs = [Spec(shape=(3, 4), scheme="identity", order=order) for order in "CF"]
    found = list(faults(specs[0], specs[1], "raw"))
    assert [fault.rpartition(" has ")[2].rpartition(" for ")[2] for fault in found] == [
        "two files",
        "lost its order",
    ]


def test_the_pairs_find_it(blind: None) -> None:
    """Negative control: among them are some that such a draw betrays."""
    with pytest.raises(AssertionError):
        check("identity", 60)
