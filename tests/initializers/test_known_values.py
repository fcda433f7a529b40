"""Deterministic schemes have the values that other libraries compute.

tests/peers/write_known_values.py wrote the file, which names the release of each library.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from service.chunks import TensorBody
from service.fields import parse_query
from service.initializers.schemes import SCHEMES
from service.plan import plan

PATH = Path(__file__).parent.parent / "peers" / "known-values.json"
KNOWN: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
CASES: list[dict[str, Any]] = KNOWN["cases"]


def served(request: str) -> npt.NDArray[np.float64]:
    """The values of a request in float64, flat and in the order of the shape."""
    made = plan(parse_query(f"{request}&dtype=float64".encode()), "raw", max_bytes=2**20)
    return np.frombuffer(b"".join(map(bytes, TensorBody(made).chunks())), np.float64)


def furthest(values: npt.NDArray[np.float64], case: dict[str, Any]) -> float:
    """The largest difference from the values of a case."""
    return float(np.abs(values - np.array(case["values"])).max())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['request']} {case['call']}")
def test_the_values_are_those_of_another_library(case: dict[str, Any]) -> None:
    """Within the rounding of the library's own arithmetic; zeros and ones exactly."""
    assert furthest(served(case["request"]), case) <= case["tolerance"]


def test_every_scheme_with_a_peer_is_compared() -> None:
    """The schemes that a library has. The versions of the libraries are in the file."""
    compared = {
        word.removeprefix("scheme=")
        for case in CASES
        for word in case["request"].split("&")
        if word.startswith("scheme=")
    }
    assert compared <= set(SCHEMES)
    assert compared == {
        *("dirac", "bilinear", "sinusoidal_positions", "rotary_frequencies", "alibi_slopes"),
        *("stft", "dct", "mel_filter_bank", "sobel", "laplacian", "gaussian_filter", "gabor"),
    }
    assert set(KNOWN["versions"]) >= {"torch", "keras", "scipy", "librosa"}


@pytest.mark.parametrize(
    ("asked", "instead"),
    [
        ("variant=halves", "variant=interleaved"),
        ("variant=grid", "variant=mae"),
        ("variant=htk", "variant=slaney"),
        ("variant=type2", "variant=type3"),
        ("variant=imag", "variant=real"),
        ("periodic=true", "periodic=false"),
        ("variant=y", "variant=x"),
    ],
)
def test_another_variant_would_be_noticed(asked: str, instead: str) -> None:
    """Negative control: the other convention differs by more than every tolerance."""
    cases = [case for case in CASES if asked in case["request"]]
    assert cases
    for case in cases:
        other = case["request"].replace(asked, instead)
        if "shape=2,2" not in other and "window=none" not in other:
            assert furthest(served(other), case) > 100 * max(case["tolerance"], 1e-12)
