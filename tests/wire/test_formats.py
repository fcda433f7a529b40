"""The table of formats, and the pairs it refuses."""

from itertools import product

import pytest

from service.dtypes import DTYPES
from service.errors import ImpossibleError
from service.wire import npy, safetensors
from service.wire.formats import FORMATS, refuse_pair

REFUSED = [
    ("npy", "bfloat16", False, "dtype", "use format safetensors or raw"),
    ("npy", "float8_e4m3fn", False, "dtype", "use format safetensors or raw"),
    ("npy", "float8_e5m2", True, "dtype", "use format raw"),
    ("safetensors", "float32", True, "order", "use order=C, or format npy or raw"),
    ("safetensors", "bfloat16", True, "order", "use order=C, or format raw"),
]


def test_the_four_formats_of_the_interface_are_there() -> None:
    """Names, suffixes and media types are the interface's."""
    assert {f.name: (f.suffix, f.media_type) for f in FORMATS.values()} == {
        "npy": (".npy", "application/octet-stream"),
        "safetensors": (".safetensors", "application/octet-stream"),
        "raw": (".raw", "application/octet-stream"),
        "json": (".json", "application/json"),
    }


def test_each_format_has_its_own_head() -> None:
    """npy and safetensors write theirs, raw writes none, json has no values to stand before."""
    dtype, shape = DTYPES["float32"], (2, 3)
    heads = {f.name: f.head and f.head(dtype, shape, True, "w") for f in FORMATS.values()}
    assert heads == {
        "npy": npy.header(dtype, shape, True),
        "safetensors": safetensors.header(dtype, shape, "w"),
        "raw": b"",
        "json": None,
    }


def test_a_tensor_without_a_name_is_called_weight_in_safetensors() -> None:
    """The empty name becomes the key `weight`."""
    head = FORMATS["safetensors"].head
    assert head is not None
    expected = safetensors.header(DTYPES["float32"], (3,), "weight")
    assert head(DTYPES["float32"], (3,), False, "") == expected


@pytest.mark.parametrize(("name", "dtype", "fortran", "field", "hint"), REFUSED)
def test_a_refused_pair_says_the_way_out(
    name: str, dtype: str, fortran: bool, field: str, hint: str
) -> None:
    """What a format cannot carry is refused at the field that causes it, with what can."""
    with pytest.raises(ImpossibleError) as refusal:
        refuse_pair(FORMATS[name], DTYPES[dtype], fortran)
    assert refusal.value.reason == f"format_cannot_carry_{field}"
    [problem] = refusal.value.problems
    assert (problem.field, problem.hint) == (field, hint)


CODED = [name for name, dtype in DTYPES.items() if dtype.draft is None or dtype.safetensors_code]
"""Every frozen dtype has a safetensors code; a draft may have none."""


@pytest.mark.parametrize(
    ("name", "dtype", "fortran"),
    [
        *product(["npy"], ["float16", "float32", "float64"], [False, True]),
        *product(["safetensors"], CODED, [False]),
        *product(["raw", "json"], DTYPES, [False, True]),
    ],
)
def test_every_other_pair_passes(name: str, dtype: str, fortran: bool) -> None:
    """Nothing is refused but what NumPy's dtypes and safetensors' order exclude."""
    refuse_pair(FORMATS[name], DTYPES[dtype], fortran)
