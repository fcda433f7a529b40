"""The headers of a tensor: the facts, the file name, and a size that fits every proxy."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.headers import FACTS, attachment_name
from service.plan import WARNINGS
from service.plan.canonical import MOST_URL_BYTES
from tests.application import Answer, ask, send, serving
from tests.server import Address

TENSOR = (
    "/v1/weights.npy?shape=64,3,7,7&layout=OIHW&scheme=he_normal&seed=18446744073709551615"
    "&name=conv1"
)
MOST_HEADER_BYTES = 3 * 1024
"""nginx gives an answer's headers a buffer of 4 KiB, and adds its own."""

LONGEST_NAME = "a" * 80 + "%F0%9F%98%80" * 108


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """HEAD alone is asked here, for which nothing is compiled."""
    with serving(warm_up=lambda: None) as address:
        yield address


def facts(answer: Answer) -> dict[str, str]:
    """The headers that begin with Weights-, without that."""
    return {
        name.removeprefix("weights-"): value
        for name, value in answer.headers.items()
        if name.startswith("weights-")
    }


def test_a_tensor_tells_what_it_is(address: Address) -> None:
    """Every fact of a He kernel, written out: std = sqrt(2/147)."""
    answer = ask(address, TENSOR, "HEAD")
    assert facts(answer) == {
        "seed": "18446744073709551615",
        "scheme": "he_normal",
        "distribution": "normal",
        "layout": "OIHW",
        "fan-in": "147",
        "fan-out": "3136",
        "gain": "1.4142135623730951",
        "std": "0.11664236870396087",
    }
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == 'attachment; filename="conv1.npy"'


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "shape=3,2&scheme=uniform&low=-1e-05&high=1e-5&seed=1&name=x",
            {
                "seed": "1",
                "scheme": "uniform",
                "distribution": "uniform",
                "layout": "OI",
                "std": "5.773502691896259e-6",
                "limit": "1e-5",
            },
        ),
        (
            "shape=2,2,2,2,2,2&scheme=normal&seed=1",
            {
                "seed": "1",
                "scheme": "normal",
                "distribution": "normal",
                "std": "1",
                "warnings": "name_missing",
            },
        ),
        (
            "shape=5&layer=bias&scheme=zeros&seed=1",
            {"scheme": "zeros", "distribution": "constant", "layout": "O", "std": "0"},
        ),
        (
            "shape=4,4&scheme=normal&std=0.00144&dtype=float8_e4m3fn&seed=1&name=x",
            {
                "seed": "1",
                "scheme": "normal",
                "distribution": "normal",
                "layout": "OI",
                "std": "0.00144",
                "std-rounded": "0.00154638",
                "warnings": "rounded",
            },
        ),
    ],
)
def test_only_facts_that_apply_are_told(
    address: Address, query: str, expected: dict[str, str]
) -> None:
    """Numbers are in the shortest form; what a scheme does not have is left out."""
    assert facts(ask(address, f"/v1/weights.raw?{query}", "HEAD")) == expected


@pytest.mark.parametrize("draw", ["scheme=zeros", "layer=bias", "scheme=normal&seed=1"])
def test_a_file_has_the_name_that_was_asked_for(address: Address, draw: str) -> None:
    """Also a constant's, which no byte and no tag depends on; else downloads replace each other."""
    target = f"/v1/weights.npy?shape=3&{draw}"
    named = [ask(address, f"{target}&name={name}", "HEAD").headers for name in ("a.bias", "b.bias")]
    said = [headers["content-disposition"] for headers in named]
    assert said == [f'attachment; filename="{name}.npy"' for name in ("a.bias", "b.bias")]
    assert (named[0]["etag"] == named[1]["etag"]) == ("seed" not in draw)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("90071992547409931", "9.007199254740994e16"),
        ("9007199254740993", "9007199254740992"),
        ("13.50", "13.5"),
        ("7.0", "7"),
    ],
)
def test_a_fan_is_the_nearest_float64(address: Address, given: str, told: str) -> None:
    """In the shortest form, which means the same when it is given again."""
    target = "/v1/weights.raw?shape=3,2&scheme=he_normal&seed=1&name=x&fan_in="
    assert facts(ask(address, target + given, "HEAD"))["fan-in"] == told
    assert facts(ask(address, target + told, "HEAD"))["fan-in"] == told


def test_all_headers_together_stay_small(address: Address) -> None:
    """Every fact at its longest, a name of 512 bytes and a URL of 2,048: below 3 KiB.

    With every warning that a tensor with a name can have, more than any one deserves. A layer whose
    multiplier is assumed is not guessed.
    """
    query = (
        "shape=16777216,1,1,1,1,3,1,1&layout=EOIOIHWD"
        "&fan_in=288230376151711741&fan_out=288230376151711743"
        "&scheme=variance_scaling&mode=fan_geo_avg&distribution=truncated_normal"
        "&gain=1.2345678901234567e-12&bounds=1.2345678901234567"
        f"&seed=18446744073709551615&dtype=float64&name={LONGEST_NAME}"
    )
    start = f"HEAD /v1/weights.safetensors?{query} HTTP/1.1"
    head = send(address, f"{start}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    location = re.search(rb"content-location: (.*)\r\n", head)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert location is not None
    missing = MOST_URL_BYTES - len(location[1])
    deserved = ",".join(code for code in WARNINGS if code not in ("name_missing", "layer_guessed"))
    warnings = len(f"weights-warnings: {deserved}\r\n")
    rounded = len("weights-std-rounded: 1.23456e-308\r\n")
    assert len(head) + missing + warnings + rounded < MOST_HEADER_BYTES


@pytest.mark.parametrize(("scheme", "status"), [("orthogonal", "draft"), ("normal", None)])
def test_a_draft_says_so(address: Address, scheme: str, status: str | None) -> None:
    """The header stands at every spelling of a draft, and in no answer of frozen bytes."""
    for extra in ("", "&layout=OI"):
        target = f"/v1/weights.raw?shape=8,4&scheme={scheme}&seed=1&name=a{extra}"
        assert facts(ask(address, target, "HEAD")).get("status") == status


def test_every_fact_has_a_case_here() -> None:
    """The cases above leave out no header of the table."""
    told = {"seed", "scheme", "distribution", "layout", "fan-in", "fan-out", "gain", "std"}
    listed = {fact.header.lower().removeprefix("weights-") for fact in FACTS}
    assert listed == told | {"std-rounded", "limit", "warnings", "status"}


FILE_NAMES = [
    ("layer1.0.conv1.weight", "layer1.0.conv1.weight.npy"),
    ("", "weight.npy"),
    ("..", "weight.npy"),
    ("__", "weight.npy"),
    ("../../etc/passwd", "_.._etc_passwd.npy"),
    (".bashrc", "bashrc.npy"),
    ("-rf", "rf.npy"),
    ('a"; filename="b', "a___filename__b.npy"),
    ("Größe/重", "Gr__e__.npy"),
    ("a\r\nSet-Cookie: b", "a__Set-Cookie__b.npy"),
]


@pytest.mark.parametrize(("name", "expected"), FILE_NAMES)
def test_name_becomes_a_plain_file_name(name: str, expected: str) -> None:
    """Separators, quotes, line ends and letters beyond ASCII become underscores."""
    assert attachment_name(name, ".npy") == expected


@given(st.text(), st.sampled_from([".npy", ".safetensors", ".raw", ".json"]))
def test_any_name_gives_a_safe_file_name(name: str, suffix: str) -> None:
    """At most 100 characters of the allowed ones, no hidden file, the suffix kept."""
    file_name = attachment_name(name, suffix)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", file_name)
    assert file_name.endswith(suffix)
    assert len(suffix) < len(file_name) <= 100


def test_a_long_name_is_cut_to_100_characters() -> None:
    """The suffix counts towards the limit."""
    assert attachment_name("w" * 512, ".safetensors") == "w" * 88 + ".safetensors"
