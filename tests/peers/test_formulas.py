"""Presets of Burn and candle, which no wheel brings, against the formulas of their source.

Burn: kaiming_std and xavier_std of crates/burn-core/src/module/initializer.rs, with the fans that
each layer in crates/burn-nn/src/modules passes. candle: Init and FanInOut of candle-nn/src/init.rs,
and the layers in candle-nn/src. `source` of each preset has the commit that was read.
"""

from math import sqrt

import numpy as np
import pytest

from service.errors import ImpossibleError
from service.fields import parse_query
from service.initializers.activations import ACTIVATIONS
from service.initializers.schemes import SCHEMES
from service.initializers.schemes.record import Law
from service.plan import plan

Told = tuple[str, float]
"""A distribution with its number: the limit of a uniform, the std of a normal, or a constant."""


def told(query: str) -> Told:
    """What the certificate of a request says, in the same form."""
    law: Law = plan(parse_query(f"{query}&seed=1".encode()), "raw", max_bytes=2**40).tensor.law
    if law.distribution == "uniform" and law.limit is not None:
        return "uniform", law.limit
    if law.distribution == "constant":
        return "constant", law.mean or 0.0
    assert law.std is not None
    return law.distribution, law.std


def kaiming_uniform(fan: int, gain: float = 1 / sqrt(3)) -> Told:
    """Burn: a = sqrt(3) gain / sqrt(fan)."""
    return "uniform", sqrt(3) * gain * (1 / sqrt(fan))


def xavier_normal(fan_in: int, fan_out: int, gain: float = 1.0) -> Told:
    """Burn: std = gain sqrt(2 / (fan_in + fan_out))."""
    return "normal", gain * sqrt(2 / (fan_in + fan_out))


def candle(distribution: str, fan: int, gain: float = sqrt(2)) -> Told:
    """candle: std = gain / sqrt(fan), bound = sqrt(3) std."""
    std = gain / sqrt(fan)
    return distribution, sqrt(3) * std if distribution == "uniform" else std


BURN: list[tuple[str, Told]] = [
    ("shape=5,3&scheme=burn.constant&value=0.3", ("constant", 0.3)),
    ("shape=5,3&scheme=burn.ones", ("constant", 1.0)),
    ("shape=5,3&scheme=burn.zeros", ("constant", 0.0)),
    ("shape=5,3&scheme=burn.uniform&low=-0.3&high=0.3", ("uniform", 0.3)),
    ("shape=5,3&scheme=burn.normal&std=0.3", ("normal", 0.3)),
    # A matrix is d_input x d_output.
    ("shape=64,10&scheme=burn.kaiming_uniform", kaiming_uniform(64)),
    ("shape=64,10&scheme=burn.kaiming_uniform&gain=2", kaiming_uniform(64, 2.0)),
    ("shape=64,10&scheme=burn.kaiming_uniform&mode=fan_out", kaiming_uniform(10)),
    ("shape=64,10&scheme=burn.kaiming_normal&gain=2", ("normal", 2 / sqrt(64))),
    ("shape=64,10&scheme=burn.kaiming_normal", ("normal", 1 / sqrt(3) / sqrt(64))),
    ("shape=64,10&scheme=burn.xavier_uniform", ("uniform", sqrt(3) * sqrt(2 / 74))),
    ("shape=64,10&scheme=burn.xavier_normal&gain=2", xavier_normal(64, 10, 2.0)),
    ("shape=12,4,3,3&scheme=burn.xavier_normal", xavier_normal(36, 108)),
    # fan_out is channels_out / groups x kernel.
    ("shape=12,4,3,3&scheme=burn.xavier_normal&groups=2", xavier_normal(36, 54)),
    ("shape=64,10&scheme=burn.linear", ("uniform", sqrt(1 / 64))),
    ("shape=10,64&scheme=burn.linear&layout=OI", ("uniform", sqrt(1 / 64))),
    ("shape=10&fan_in=64&scheme=burn.linear.bias", ("uniform", sqrt(1 / 64))),
    ("shape=12,4,5&scheme=burn.conv1d&groups=2", ("uniform", sqrt(1 / 20))),
    ("shape=12,4,3,3&scheme=burn.conv2d&groups=2", ("uniform", sqrt(1 / 36))),
    ("shape=12,4,3,3,3&scheme=burn.conv3d", ("uniform", sqrt(1 / 108))),
    # channels_in x channels_out / groups x kernel; fan_in is the second times the kernel.
    ("shape=12,4,5&scheme=burn.conv_transpose1d&groups=2", ("uniform", sqrt(1 / 20))),
    ("shape=12,4,3,3&scheme=burn.conv_transpose2d&groups=2", ("uniform", sqrt(1 / 36))),
    ("shape=12,4,3,3,3&scheme=burn.conv_transpose3d", ("uniform", sqrt(1 / 108))),
    *(
        (f"shape=12&fan_in=36&scheme=burn.conv{kind}{axes}d.bias", ("uniform", 1 / 6))
        for kind in ("", "_transpose")
        for axes in (1, 2, 3)
    ),
    ("shape=100,16&scheme=burn.embedding", ("normal", 1.0)),
    *((f"shape=10,64&scheme=burn.{name}", xavier_normal(10, 64)) for name in ("lstm", "gru")),
    *(
        (f"shape=64&fan_in=10&fan_out=64&scheme=burn.{name}.bias", xavier_normal(10, 64))
        for name in ("lstm", "gru")
    ),
    *(
        (f"shape=6&scheme=burn.{norm}_norm.{member}", ("constant", value))
        for norm in ("layer", "group", "batch", "instance")
        for member, value in (("gamma", 1.0), ("beta", 0.0))
    ),
    ("shape=6&scheme=burn.rms_norm.gamma", ("constant", 1.0)),
    # Entries of a matrix with orthonormal columns of 64 elements.
    ("shape=64,10&scheme=burn.orthogonal&gain=2", ("orthogonal", 2 / 8)),
]

CANDLE: list[tuple[str, Told]] = [
    ("shape=5,3&scheme=candle.const&value=0.3", ("constant", 0.3)),
    ("shape=5,3&scheme=candle.randn&std=0.3", ("normal", 0.3)),
    ("shape=5,3&scheme=candle.uniform&low=-0.3&high=0.3", ("uniform", 0.3)),
    *(
        (f"shape=64,10&scheme=candle.kaiming_{name}{added}", candle(name, fan, gain))
        for name in ("normal", "uniform")
        for added, fan, gain in (
            ("", 10, sqrt(2)),
            ("&mode=fan_out", 64, sqrt(2)),
            ("&activation=relu", 10, sqrt(2)),
            ("&activation=tanh", 10, 5 / 3),
            ("&activation=selu", 10, 0.75),
            ("&activation=linear", 10, 1.0),
            ("&activation=sigmoid", 10, 1.0),
            ("&gain=3", 10, 3.0),
        )
    ),
    ("shape=12,4,3,3&scheme=candle.kaiming_normal&groups=2", candle("normal", 36)),
    ("shape=64,10&scheme=candle.linear", candle("normal", 10)),
    ("shape=64&fan_in=10&scheme=candle.linear.bias", ("uniform", 1 / sqrt(10))),
    ("shape=12,4,5&scheme=candle.conv1d&groups=2", candle("normal", 20)),
    ("shape=12,4,3,3&scheme=candle.conv2d&groups=2", candle("normal", 36)),
    ("shape=12&fan_in=8&scheme=candle.conv1d.bias", ("uniform", 1 / sqrt(8))),
    ("shape=12&fan_in=8&scheme=candle.conv2d.bias", ("uniform", 1 / sqrt(8))),
    # in x out / groups x kernel, and the bound is 1 / sqrt(out x kernel).
    ("shape=12,4,5&scheme=candle.conv_transpose1d", ("uniform", 1 / sqrt(4 * 5))),
    ("shape=12,4,5&scheme=candle.conv_transpose1d&groups=3", ("uniform", 1 / sqrt(12 * 5))),
    ("shape=12,4,5&scheme=candle.conv_transpose1d&groups=3&fan_in=20", ("uniform", sqrt(1 / 20))),
    ("shape=12,4,3,3&scheme=candle.conv_transpose2d", ("uniform", 1 / sqrt(4) / 3)),
    ("shape=4&fan_in=20&scheme=candle.conv_transpose1d.bias", ("uniform", 1 / sqrt(20))),
    ("shape=4&fan_in=36&scheme=candle.conv_transpose2d.bias", ("uniform", 1 / 6)),
    ("shape=100,16&scheme=candle.embedding", ("normal", 1.0)),
    *((f"shape=48,8&scheme=candle.{name}", candle("uniform", 8)) for name in ("lstm", "gru")),
    *((f"shape=48&scheme=candle.{name}.bias", ("constant", 0.0)) for name in ("lstm", "gru")),
    *(
        (f"shape=6&scheme=candle.{norm}_norm.{member}", ("constant", value))
        for norm in ("layer", "group", "batch")
        for member, value in (("weight", 1.0), ("bias", 0.0))
    ),
    ("shape=6&scheme=candle.rms_norm.weight", ("constant", 1.0)),
]


@pytest.mark.parametrize(("query", "expected"), [*BURN, *CANDLE])
def test_a_preset_has_the_number_of_its_source(query: str, expected: Told) -> None:
    """To 1e-15 of itself: the formulas round in another order."""
    distribution, number = told(query)
    assert distribution == expected[0]
    assert number == pytest.approx(expected[1], rel=1e-15, abs=0)


@pytest.mark.parametrize(("peer", "cases"), [("burn", BURN), ("candle", CANDLE)])
def test_every_preset_of_a_peer_has_a_formula(peer: str, cases: list[tuple[str, Told]]) -> None:
    """One without would be a guess."""
    asked = {query.partition("scheme=")[2].partition("&")[0] for query, _ in cases}
    assert asked == {name for name in SCHEMES if name.startswith(f"{peer}.")}


def test_another_gain_would_be_noticed() -> None:
    """Negative control: candle's linear is sqrt(6) times torch's."""
    (_, candles), (_, limit) = (told(f"shape=64,10&scheme={s}.linear") for s in ("candle", "torch"))
    assert candles / (limit / sqrt(3)) == pytest.approx(sqrt(6), rel=1e-15)


@pytest.mark.parametrize("layer", ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"])
def test_burn_passes_no_fan_out_of_a_transposed_layer(layer: str) -> None:
    """Burn panics there. The request is refused, and served with fan_out."""
    shape = "12,4" + ",3" * int(layer[-2])
    query = f"shape={shape}&layer={layer}&scheme=burn.xavier_normal"
    with pytest.raises(ImpossibleError) as refused:
        told(query)
    assert refused.value.reason == "no_fan"
    assert refused.value.problems[0].hint.startswith("give fan_out")
    assert told(f"{query}&fan_out=8")[0] == "normal"


GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": sqrt(2),
    "selu": 0.75,
    "leaky_relu": sqrt(2),
}
"""calculate_gain of torch with the slope 0, which is the default of kaiming_uniform_."""


@pytest.mark.parametrize("scheme", ["torch.kaiming", "paddle.kaiming", "candle.kaiming"])
def test_an_activation_that_the_peer_refuses_is_refused_with_a_way_out(scheme: str) -> None:
    """Every activation either has the peer's gain, or a hint whose gain is accepted."""
    known = set(GAINS) - ({"leaky_relu"} if scheme.startswith("candle") else set())
    for name, activation in ACTIVATIONS.items():
        query = f"shape=64,64&scheme={scheme}_normal&activation={name}"
        if name in known:
            assert told(query)[1] == pytest.approx(GAINS[name] / 8, rel=1e-15)
            continue
        with pytest.raises(ImpossibleError) as refused:
            told(query)
        (problem,) = refused.value.problems
        assert (refused.value.reason, problem.field) == ("no_pytorch_gain", "activation")
        assert f"add gain={activation.gain:.6g}" in problem.hint
        assert told(f"{query}&gain={activation.gain:.6g}")[1] == pytest.approx(
            activation.gain / 8, rel=1e-5
        )


def test_the_default_nonlinearity_is_the_peers() -> None:
    """leaky_relu of slope 0 in torch, relu in candle and Paddle; a slope means leaky_relu."""
    for scheme in ("torch", "paddle", "candle"):
        assert told(f"shape=64,64&scheme={scheme}.kaiming_normal")[1] == sqrt(2) * sqrt(1 / 64)
    for scheme in ("torch", "paddle"):
        for said in ("", "&activation=leaky_relu"):
            query = f"shape=64,64&scheme={scheme}.kaiming_normal{said}&negative_slope=2"
            assert told(query)[1] == pytest.approx(sqrt(2 / 5) / 8, rel=1e-15)


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("activation=leaky_relu&negative_slope=0", ""),
        ("negative_slope=0", ""),
        ("activation=relu", ""),
        ("negative_slope=0.01", "&activation=leaky_relu&negative_slope=0.01"),
        ("activation=tanh", "&activation=tanh"),
    ],
)
def test_the_slope_of_torch_is_not_lost_in_the_url(query: str, canonical: str) -> None:
    """0.01 is the slope of leaky_relu elsewhere, and not the default here."""
    asked = f"shape=8,4&{query}&scheme=torch.kaiming_normal&seed=1"
    planned = plan(parse_query(asked.encode()), "raw", max_bytes=2**30)
    assert planned.url == f"/v1/weights.raw?shape=8,4{canonical}&scheme=torch.kaiming_normal&seed=1"


@pytest.mark.parametrize(
    ("query", "reason", "hint"),
    [
        ("shape=10,4&scheme=torch.lstm", "impossible_parts", "write shape=8,4"),
        ("shape=4,10&layout=IO&scheme=torch.gru", "impossible_parts", "write shape=4,9"),
        ("shape=2&scheme=torch.gru.bias", "impossible_parts", "write shape=3"),
        ("shape=4,3&scheme=mlx.identity", "scheme_axes", "write shape=4,4, or use scheme=identity"),
        ("shape=4&scheme=torch.linear.bias", "no_fan", "give fan_in"),
        ("shape=4,3&scheme=torch.bilinear", "scheme_axes", "write three extents"),
        ("shape=8,8,4,3&scheme=paddle.bilinear", "scheme_axes", "write four extents"),
        ("shape=8,8,200,200&scheme=paddle.bilinear", "too_large", "write shape=8,8,4,4"),
    ],
)
def test_what_a_peer_cannot_fill_is_refused(query: str, reason: str, hint: str) -> None:
    """With a way out."""
    with pytest.raises(ImpossibleError) as refused:
        told(query)
    assert refused.value.reason == reason
    assert refused.value.problems[0].hint.startswith(hint)


@pytest.mark.parametrize("name", ["torch.lstm", "torch.linear", "torch.bilinear", "paddle.linear"])
def test_an_empty_tensor_is_empty(name: str) -> None:
    """No fan is 0 to divide by."""
    shape = "0,0,0" if name == "torch.bilinear" else "0,0"
    planned = plan(parse_query(f"shape={shape}&scheme={name}&seed=1".encode()), "raw", max_bytes=9)
    assert np.prod(planned.tensor.placement.shape) == 0


def test_every_preset_names_its_source() -> None:
    """A file with a commit or a release, for each preset of these peers."""
    peers = ("torch.", "timm.", "mlx.", "burn.", "candle.", "paddle.")
    for name, scheme in SCHEMES.items():
        if name.startswith(peers):
            assert scheme.source is not None, name
            assert ", commit " in scheme.source or ", release " in scheme.source, name
