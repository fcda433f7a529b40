"""Requests that were once misunderstood, each with two neighbours, asked over HTTP.

Every expected number comes from the formula beside it or from the framework named there.
"""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.application import Answer, ask, post, problem, ready
from tests.server import Address

SLOPE = 2.23606797749979
"""sqrt(5), the slope with which torch's layers call kaiming_uniform_."""


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def certificate(address: Address, query: str) -> Any:
    answer = ask(address, f"/v1/weights.json?{query}&seed=1&name=w")
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def refused(answer: Answer, status: int = 422) -> Any:
    """The first error of a problem, with its reason."""
    assert answer.status == status, answer.body
    body = problem(answer)
    return body["errors"][0] | {"reason": body["reason"]}


def refusal(address: Address, query: str, status: int = 422) -> Any:
    return refused(ask(address, f"/v1/weights.npy?{query}&seed=1&name=w"), status)


def codes(told: Any) -> set[str]:
    return {warning["code"] for warning in told["warnings"]}


@pytest.mark.parametrize(
    ("query", "std"),
    [
        # torch.nn.init.kaiming_uniform_(w, a=sqrt(5)) on 512,256 has limit 0.0625
        (f"scheme=kaiming_uniform&negative_slope={SLOPE}", 0.0625 / math.sqrt(3)),
        (f"scheme=he_normal&negative_slope={SLOPE}", math.sqrt(2 / 6 / 256)),
        ("negative_slope=0.2", math.sqrt(2 / 1.04 / 256)),
        ("scheme=variance_scaling&negative_slope=1", math.sqrt(1 / 256)),
        ("scheme=he_normal&activation=prelu", math.sqrt(2 / 1.0625 / 256)),
    ],
)
def test_a_slope_is_never_dropped(address: Address, query: str, std: float) -> None:
    """gain sqrt(2 / (1 + a^2)); a slope alone is leaky ReLU's, and /recommend counts it, too."""
    told = certificate(address, f"shape=512,256&{query}")
    assert told["std"] == pytest.approx(std, rel=1e-12)
    if "scheme" not in query:
        answer = ask(address, f"/recommend?shape=512,256&{query}&name=w")
        assert json.loads(answer.body)["std"] == pytest.approx(std, rel=1e-12)


@pytest.mark.parametrize("path", ["/v1/weights.npy", "/recommend"])
@pytest.mark.parametrize("activation", ["relu", "gelu", "linear"])
def test_a_slope_of_an_activation_that_has_none_is_refused(
    address: Address, path: str, activation: str
) -> None:
    """Nothing could come of it."""
    answer = ask(address, f"{path}?shape=8,4&activation={activation}&negative_slope=0.2&seed=1")
    assert refused(answer)["reason"] == "slope_not_taken"


@pytest.mark.parametrize("shape", ["8,14336,4096", "64,2048,1024", "12,64,768", "64,32,3"])
@pytest.mark.parametrize("path", ["/v1/weights.json", "/recommend"])
def test_three_axes_are_refused_with_their_readings(
    address: Address, path: str, shape: str
) -> None:
    """Experts, attention kernels and convolutions are named, each with its std."""
    answer = ask(address, f"{path}?shape={shape}&activation=relu&seed=1&name=w")
    told = refused(answer)
    assert (told["reason"], told["field"]) == ("ambiguous_axes", "layout")
    for letters in ("OIW", "WIO", "OWI", "EOI", "EIO", "OOI", "IOO", "IIO"):
        assert f"{letters}, " in told["message"]
    fan_in = int(shape.rpartition(",")[2])
    assert f"EOI, experts, each out x in: std {math.sqrt(2 / fan_in):.6g}" in told["message"]


@pytest.mark.parametrize(
    ("query", "fan_in"),
    [
        ("shape=8,14336,4096&layout=EOI&activation=relu", 4096),
        ("shape=64,2048,1024&layout=EIO&activation=relu", 2048),
        ("shape=64,32,3&layer=conv1d&activation=relu", 96),
        ("shape=12,64,768&layout=OOI&activation=relu", 768),
        ("shape=12,64,768&scheme=he_normal&fan_in=768", 768),
    ],
)
def test_three_axes_that_are_named_are_served(address: Address, query: str, fan_in: int) -> None:
    """By letters, by a layer, or with the fan that is needed."""
    told = certificate(address, query)
    assert told["fan_in"] == fan_in
    assert told["std"] == pytest.approx(math.sqrt(2 / fan_in))


@pytest.mark.parametrize(
    ("shape", "std"),
    [("7,7,3,64", "0.116642"), ("5,5,3,32", "0.163299"), ("3,3,64,128", "0.0589256")],
)
def test_an_issued_tensor_warns_of_its_layout(address: Address, shape: str, std: str) -> None:
    """In the header and in the certificate, with the std of the likely layout."""
    query = f"shape={shape}&activation=relu"
    header = ask(address, f"/v1/weights.npy?{query}&seed=1&name=w").headers["weights-warnings"]
    assert "suspicious_layout" in header.split(",")
    (message,) = (
        each["message"]
        for each in certificate(address, query)["warnings"]
        if each["code"] == "suspicious_layout"
    )
    assert message.endswith(f"with std {std}: if that is meant, write layout=HWIO")


@pytest.mark.parametrize(
    "query",
    [
        "shape=1024,1024&scheme=he_uniform&seed=3&name=q",
        "shape=512,512&scheme=uniform&low=-0.3&high=0.9&seed=3&name=q",
        "shape=512,512&scheme=truncated_normal&std=0.6&low=-1.2&high=1.2&seed=3&name=q",
    ],
)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_a_narrow_tensor_is_the_cast_one(address: Address, query: str, dtype: str) -> None:
    """ml_dtypes rounds the float32 bytes to the very bytes of the narrow dtype."""
    single = np.frombuffer(ask(address, f"/v1/weights.raw?{query}").body, "<f4")
    type_ = np.float16 if dtype == "float16" else getattr(ml_dtypes, dtype)
    narrow = ask(address, f"/v1/weights.raw?{query}&dtype={dtype}").body
    assert single.astype(type_).tobytes() == narrow


ROUNDED = [
    # every value of N(1, 1e-4) is 1 in bfloat16, whose neighbours of 1 are 0.0039 away
    ("scheme=normal&mean=1&std=1e-4&dtype=bfloat16", {"std": 0.0, "mean": 1.0, "distinct": 1}),
    ("scheme=normal&mean=-2&std=1e-4&dtype=float8_e4m3fn", {"std": 0.0, "mean": -2.0}),
    ("scheme=uniform&low=0.51&high=0.56&dtype=float8_e5m2", {"std": 0.0, "mean": 0.5}),
    # P(|z| 0.00144 < 2^-10) = erf(2^-10 / (0.00144 sqrt(2))) = 0.502335
    ("scheme=normal&std=0.00144&dtype=float8_e4m3fn", {"zeros": 0.502335, "std": 0.00154638}),
    ("scheme=normal&std=0.001&dtype=float8_e4m3fn",
     {"zeros": float(f"{math.erf(2**-10 / 0.001 / math.sqrt(2)):.6g}")}),
    ("scheme=normal&std=1e-5&dtype=float8_e5m2",
     {"zeros": float(f"{math.erf(2**-17 / np.float32(1e-5) / math.sqrt(2)):.6g}")}),
    ("scheme=constant&value=1e-3&dtype=float8_e4m3fn", {"mean": 0.001953125, "distinct": 1}),
    ("scheme=constant&value=0.1&dtype=bfloat16", {"mean": 0.10009765625}),
    ("scheme=constant&value=0.1", {"mean": float(np.float32(0.1))}),
    # the float32 grid at 10^6 is 0.0625
    ("scheme=normal&mean=1e6&std=0.001", {"std": 0.0, "mean": 1e6}),
    ("scheme=normal&mean=1e8&std=0.1", {"std": 0.0, "mean": 1e8}),
    ("scheme=normal&mean=1e17&std=0.1&dtype=float64", {"std": 0.0, "mean": 1e17}),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), ROUNDED)
def test_a_certificate_tells_what_rounding_leaves(
    address: Address, query: str, expected: dict[str, float]
) -> None:
    """Beside the asked numbers, which stay."""
    told = certificate(address, f"shape=1000,1000&layer=dense&{query}")
    assert {name: told["rounded"][name] for name in expected} == expected
    assert set(told["rounded"]) == {"mean", "std", "zeros", "distinct", "lowest", "highest"}


@pytest.mark.parametrize(
    ("query", "asked", "after"),
    [
        ("scheme=normal&mean=1&std=1e-4&dtype=bfloat16", "0.0001", "0"),
        ("scheme=normal&std=0.00144&dtype=float8_e4m3fn", "0.00144", "0.00154638"),
        ("scheme=normal&std=0.02", "0.02", None),
        ("scheme=normal&std=0.02&dtype=bfloat16", "0.02", None),
        ("scheme=zeros&dtype=float8_e5m2", "0", None),
    ],
)
def test_a_header_tells_the_std_after_rounding(
    address: Address, query: str, asked: str, after: str | None
) -> None:
    """Only where it differs by more than 0.1 %; what was asked stays beside it."""
    headers = ask(address, f"/v1/weights.raw?shape=8,8&{query}&seed=1&name=w").headers
    assert headers["weights-std"] == asked
    assert headers.get("weights-std-rounded") == after
    assert ("rounded" in headers.get("weights-warnings", "")) == (after is not None)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("shape=512,1,3,3&groups=1536&scheme=he_normal", "impossible_groups"),
        ("shape=8,3,5,5&groups=3&scheme=zeros", "impossible_groups"),
        ("shape=64,8,3,3&layer=conv_transpose2d&groups=7&scheme=normal", "impossible_groups"),
        ("shape=7,4&parts=2&scheme=lecun_normal", "impossible_parts"),
    ],
)
def test_groups_that_cannot_be_are_refused_everywhere(
    address: Address, query: str, reason: str
) -> None:
    """By the byte routes and by /recommend."""
    assert refusal(address, query)["reason"] == reason
    assert refused(ask(address, f"/recommend?{query}"))["reason"] == reason


@pytest.mark.parametrize(
    ("query", "fans"),
    [
        ("shape=6,3,3,3&layer=conv2d&stride=2", (27, 13.5)),
        ("shape=5,3,3,3&layer=conv2d&stride=2", (27, 11.25)),
        ("shape=3,8,3,3&layer=conv_transpose2d&stride=2", (6.75, 72)),
    ],
)
def test_a_fan_may_be_a_fraction(address: Address, query: str, fans: tuple[float, float]) -> None:
    """And the header's number, given as the fan, is the same tensor."""
    whole = f"{query}&scheme=glorot_normal&seed=1&name=w"
    answer = ask(address, f"/v1/weights.raw?{whole}")
    fan_in, fan_out = answer.headers["weights-fan-in"], answer.headers["weights-fan-out"]
    assert (float(fan_in), float(fan_out)) == fans
    given = f"{query.partition('&stride')[0]}&fan_in={fan_in}&fan_out={fan_out}"
    again = ask(address, f"/v1/weights.raw?{given}&scheme=glorot_normal&seed=1&name=w")
    assert again.body == answer.body


@pytest.mark.parametrize(
    ("query", "std", "warned"),
    [
        ("shape=64,1,3,3&layer=depthwise_conv2d", 1 / 3, True),
        ("shape=64,1,3,3&layer=depthwise_conv2d&groups=32", math.sqrt(2 / 27), False),
        ("shape=3,3,32,2&layer=depthwise_conv2d&layout=keras", math.sqrt(2 / 27), False),
    ],
)
def test_an_assumed_multiplier_is_told(
    address: Address, query: str, std: float, warned: bool
) -> None:
    """Of 64 outputs one or two belong to an input: fans 9 and 9, or 9 and 18."""
    told = certificate(address, f"{query}&scheme=glorot_normal")
    assert told["std"] == pytest.approx(std)
    assert ("multiplier_assumed" in codes(told)) == warned


@pytest.mark.parametrize(
    "activation",
    ["linear", "tanh", "erf", "softsign", "hardtanh", "sin", "sigmoid", "hardsigmoid", "softmax"],
)
def test_auto_treats_what_is_bounded_alike(address: Address, activation: str) -> None:
    """Glorot uniform, std sqrt(1 / 512)."""
    told = certificate(address, f"shape=512,512&activation={activation}")
    assert told["scheme"] == "glorot_uniform"
    assert told["std"] == pytest.approx(math.sqrt(1 / 512))


@pytest.mark.parametrize(
    ("activation", "exact"), [("linear", "1"), ("tanh", "1.59254"), ("selu", "1")]
)
def test_a_gain_that_ignores_the_activation_is_warned_of(
    address: Address, activation: str, exact: str
) -> None:
    """The bytes stay He's, 0.0625 each."""
    told = certificate(address, f"shape=512,512&scheme=kaiming_normal&activation={activation}")
    assert told["std"] == pytest.approx(0.0625)
    (warning,) = told["warnings"]
    assert warning["code"] == "gain_ignores_activation"
    assert f"through {activation} is {exact}" in warning["message"]


@pytest.mark.parametrize(
    "query",
    [
        "scheme=uniform&low=0.52&high=0.67&dtype=float8_e5m2",
        "scheme=uniform&low=0.51&high=0.56&dtype=float8_e5m2",
        "scheme=normal&mean=1&std=1e-4&dtype=bfloat16",
    ],
)
def test_an_order_is_left_out_by_structure(address: Address, query: str) -> None:
    """Not because all values happen to be one number in the dtype."""
    target = f"/v1/weights.raw?shape=2,2&{query}&order=F&seed=1&name=w"
    canonical = ask(address, target).headers.get("content-location", target)
    assert "order=F" in canonical
    constant = "/v1/weights.raw?shape=2,2&scheme=constant&value=1&order=F"
    assert "order" not in ask(address, constant).headers["content-location"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("shape=8,0", {"fan_in": 0, "fan_out": 8, "gain": 1.0, "std": None}),
        ("shape=8,0&scheme=he_normal", {"fan_in": 0, "std": None, "limit": None}),
        ("shape=0,8&scheme=lecun_normal", {"fan_in": 8, "fan_out": 0, "std": math.sqrt(1 / 8)}),
        ("shape=0,4,3&scheme=he_normal", {"fan_in": None, "std": None}),
        ("shape=0&scheme=lecun_normal", {"fan_in": None, "std": None}),
        ("shape=0,3&scheme=normal&std=1e-200", {"std": 1e-200}),
    ],
)
def test_an_empty_tensor_is_served(
    address: Address, query: str, told: dict[str, float | None]
) -> None:
    """There is no value to be wrong; fans, gain and std are told if they exist."""
    found = certificate(address, query)
    assert {name: found[name] for name in told} == told
    assert (found["elements"], found["rounded"], found["seed"]) == (0, None, None)
    answer = ask(address, f"/v1/weights.npy?{query}&seed=1&name=w")
    assert (answer.status, len(answer.body)) == (200, 128)


@pytest.mark.parametrize(
    ("word", "status"), [("auto@1", 200), ("auto", 200), ("auto@2", 400), ("auto@", 400)]
)
def test_auto_has_edition_1(address: Address, word: str, status: int) -> None:
    """It may be named, and no other may."""
    answer = ask(address, f"/v1/weights.npy?shape=8,8&scheme={word}&seed=1&name=w")
    assert answer.status == status
    if status == 400:
        assert refused(answer, 400)["hint"] == "write auto or auto@1"


@pytest.mark.parametrize("field", ["groups", "seed", "name", "layout", "activation", "slice"])
def test_null_is_absent(address: Address, field: str) -> None:
    """The answer is that of the body without the member."""
    body = {"shape": [8, 8], "scheme": "he_normal", "seed": 1, "name": "w"}
    without = {name: value for name, value in body.items() if name != field}
    answer = post(address, json.dumps(without | {field: None}).encode())
    assert answer.status == 200
    if field != "seed":
        assert answer.body == post(address, json.dumps(without).encode()).body


@pytest.mark.parametrize("body", [b'{"shape":[8,8]}', b' {"shape":"8,8","seed":null}', b"{}"])
def test_a_byte_order_mark_is_read(address: Address, body: bytes) -> None:
    """EF BB BF before the JSON changes nothing, a refusal included."""
    assert post(address, b"\xef\xbb\xbf" + body).status == post(address, body).status
    assert post(address, b"\xef\xbb\xbf" + body).status in (200, 400)


@pytest.mark.parametrize(
    ("word", "told", "hint"),
    [
        ("lsuv", "divided by the std of their output", "write "),
        ("msra", "'msra' is not known", "write he_normal or he_uniform"),
        ("kaiming", "'kaiming' is not known", "write he_normal or he_uniform"),
        ("xavier", "'xavier' is not known", "write glorot_normal or glorot_uniform"),
        ("truncnorm", "'truncnorm' is not known", "write truncated_normal"),
    ],
)
def test_a_known_word_is_named(address: Address, word: str, told: str, hint: str) -> None:
    """What it is, and what is issued instead; both forms where there are two."""
    found = refusal(address, f"shape=8,8&scheme={word}", 400)
    assert told in found["message"]
    assert found["hint"].startswith(hint)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("scheme=uniform&low=2&high=-2", "low 2 is above high -2"),
        ("scheme=truncated_normal&low=2&high=1", "low 2 is above high 1"),
        ("scheme=normal&std=-1", "std is -1"),
        ("scheme=he_normal&gain=-0.5", "gain is -0.5"),
    ],
)
def test_a_refusal_says_what_was_sent(address: Address, query: str, told: str) -> None:
    """And what is wrong with it."""
    assert told in refusal(address, f"shape=8,8&{query}")["message"]


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("shape=768,1,1&layer=scale", "layout=OOO"),
        ("shape=768,1&layer=bias", "layout=OO"),
        ("shape=4,768,3072&layer=dense", "layout=EOI"),
    ],
)
def test_letters_are_proposed_for_more_axes(address: Address, query: str, hint: str) -> None:
    """O may repeat, and E stands for copies; followed, the hint is served."""
    assert hint in refusal(address, query)["hint"]
    assert ask(address, f"/v1/weights.npy?{query}&{hint}&seed=1&name=w").status == 200


@pytest.mark.parametrize(
    ("query", "chosen", "fitting"),
    [
        ("shape=64,64&distribution=normal", "glorot_uniform", "glorot_normal"),
        ("shape=64,64&activation=relu&distribution=uniform", "he_normal", "he_uniform"),
        ("shape=64,64&activation=selu&distribution=uniform", "lecun_normal", "lecun_uniform"),
    ],
)
def test_a_refusal_tells_what_auto_chose(
    address: Address, query: str, chosen: str, fitting: str
) -> None:
    """And which scheme of the family has the distribution; followed, the hint is served."""
    found = refusal(address, query)
    assert f"{chosen}, which auto means here," in found["message"]
    assert f"scheme={fitting}" in found["hint"]
    assert ask(address, f"/v1/weights.npy?{query}&scheme={fitting}&seed=1").status == 200


@pytest.mark.parametrize(
    ("query", "std"),
    [
        ("low=-0.1&high=0.1&std=0.1", 0.0539560093754897),
        ("low=-1&high=1", 0.5396),
        ("low=0&high=2", 0.5),
    ],
)
def test_the_std_of_a_normal_cut_at_values_is_told(
    address: Address, query: str, std: float
) -> None:
    """It is the parent's, and the values' own is less."""
    told = certificate(address, f"shape=8,8&scheme=truncated_normal&{query}")
    assert codes(told) == {"std_is_parents"}
    assert told["std"] == pytest.approx(std, rel=0.02)
    assert told["std"] < told["parent_std"]


def test_torchs_own_linear_layer_is_a_recipe(address: Address) -> None:
    """docs/recipes.md: the limit of both is torch's, 1 / sqrt(fan_in) = 1 / sqrt(768)."""
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
    targets = re.findall(r"^/v1/weights\.npy\?(shape=3072\S+)$", page, re.MULTILINE)
    assert len(targets) == 2
    for target in targets:
        told = json.loads(ask(address, f"/v1/weights.json?{target}").body)
        assert told["limit"] == pytest.approx(1 / math.sqrt(768), rel=1e-12)
        assert told["warnings"] == []
