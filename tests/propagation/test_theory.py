"""The theory: tables of the papers reproduced, and each kind of block."""

import math
from itertools import pairwise

import pytest

from service.errors import FaninError
from service.initializers.activations import ACTIVATIONS
from service.mean_field.moments import moments, values_correlated
from service.propagation.correlation import product_ratio
from service.propagation.draws import draws_of
from service.propagation.network import network_of
from service.propagation.parsing import parse_stack_query
from service.propagation.theory import backward, forward
from tests.mean_field.finite_width import bands, step
from tests.propagation.asking import MAX_BYTES, network, stack


def test_he_keeps_relu_through_fifty_layers() -> None:
    """Variance and gradient stay 1 (He et al. 2015); inputs become alike (Poole et al. 2016)."""
    answer = stack("width=512&depth=50&activation=relu")
    last = answer.layers[-1]
    assert answer.verdict == "stable"
    assert last.variance == pytest.approx(1.0, rel=1e-4)
    assert answer.layers[0].gradient == pytest.approx(1.0, rel=1e-4)
    assert last.chi_1 == pytest.approx(1.0, rel=1e-6)


def test_the_correlation_of_relu_falls_as_the_paper_says() -> None:
    """1 - c_l is near 9 pi^2 / (2 l^2), a start of c = 0 being one layer or two earlier."""
    answer = stack("width=512&depth=300&activation=relu&input_correlation=0")
    found = 1.0 - (answer.layers[-1].correlation or 0.0)
    assert found == pytest.approx(9 * math.pi**2 / (2 * 300**2), rel=0.1)


@pytest.mark.parametrize(
    ("query", "layer", "variance"),
    [
        ("activation=tanh&gain=1", 50, 0.010),
        ("activation=tanh&gain=1.6666666666666667", 50, 1.178480),
        ("activation=selu&scheme=he_normal", 50, 2.9e3),
        ("activation=gelu&gain=1.533530&input_variance=0.9", 50, 2.9e-8),
        ("activation=gelu&gain=1.533530&input_variance=1.1", 50, 268),
        ("activation=selu&gain=0.75", 50, 0.023),
    ],
)
def test_the_known_variances_are_reproduced(query: str, layer: int, variance: float) -> None:
    """Computed elsewhere, by quadrature to 1e-13, and printed with two to six digits.

    gelu amplifies the last digit of the gain by 1.144 in each layer, hence 5 %.
    """
    found = stack(f"width=512&depth={layer}&{query}").layers[layer - 1].variance
    assert found == pytest.approx(variance, rel=0.05)


def test_the_critical_point_of_tanh_is_that_of_xiao() -> None:
    """(s_w^2, s_b^2) = (1.05, 2.01e-5) of Xiao et al. 2018 has chi_1 = 1."""
    query = f"gain={1.05**0.5!r}&bias_std={2.01e-5**0.5!r}"
    found = stack(f"width=512&depth=5&activation=tanh&{query}").depth_scales
    assert found is not None
    assert found.chi_1 == pytest.approx(1.0, abs=1e-3)


def test_the_depth_scales_are_those_of_the_table() -> None:
    """tanh, s_w^2 = 2.5, s_b^2 = 0.05: q* 1.06396, c* 0.44680, chi_1 1.13352, xi_c 11.8."""
    query = f"gain={2.5**0.5!r}&bias_std={0.05**0.5!r}"
    found = stack(f"width=512&depth=5&activation=tanh&{query}").depth_scales
    assert found is not None
    assert found.variance == pytest.approx(1.06396, abs=1e-5)
    assert found.correlation == pytest.approx(0.44680, abs=1e-5)
    assert found.chi_1 == pytest.approx(1.13352, abs=1e-5)
    assert found.xi_correlation == pytest.approx(11.8, abs=0.05)
    assert found.trainable_depth == pytest.approx(6 * (found.xi_correlation or 0), rel=1e-5)


def test_batch_normalization_makes_gradients_of_relu_grow() -> None:
    """By pi / (pi - 1) in each layer (Yang et al. 2019)."""
    answer = stack("width=512&depth=20&activation=relu&normalization=batch&scheme=he_normal")
    gradients = [layer.gradient or 0.0 for layer in answer.layers[5:]]
    for before, after in pairwise(gradients):
        assert before / after == pytest.approx(math.pi / (math.pi - 1), rel=1e-3)
    assert answer.references[-1].title == "A Mean Field Theory of Batch Normalization"


def test_rms_normalization_keeps_relu_and_layer_normalization_does_not() -> None:
    """Layer normalization takes the mean away: E f'^2 / Var f = pi / (pi - 1)."""
    factors = []
    for kind in ("rms", "layer"):
        answer = stack(f"width=512&depth=10&activation=relu&normalization={kind}")
        first, second = answer.layers[3].gradient or 0.0, answer.layers[4].gradient or 1.0
        factors.append(first / second)
    assert factors == [
        pytest.approx(1.0, rel=1e-4),
        pytest.approx(math.pi / (math.pi - 1), rel=1e-4),
    ]


def test_a_pre_norm_stream_grows_linearly() -> None:
    """Each branch of variance 1 adds 1; scaled by 1 / sqrt(depth) all of them add 1."""
    layer = {"width": 64, "residual": "pre_norm", "normalization": "layer", "repeat": 1}
    one = {**layer, "position": "branch_last", "input_activation": "linear", "gain": 1}
    streams = [row.stream for row in network(layers=[one], repeat=12).layers]
    assert streams == [pytest.approx(2.0 + block) for block in range(12)]
    scaled = stack("width=64&depth=12&activation=gelu&residual=pre_norm&normalization=layer")
    assert scaled.layers[-1].stream == pytest.approx(2.0, rel=1e-4)


def test_a_residual_without_a_norm_doubles() -> None:
    """x + W x with gain 1: the variance doubles in each block, and so does the gradient's."""
    layer = {"width": 64, "residual": "norm_free", "position": "branch_last", "gain": 1}
    answer = network(layers=[{**layer, "input_activation": "linear"}], repeat=8)
    assert answer.layers[-1].stream == pytest.approx(2.0**8)
    assert answer.layers[0].gradient == pytest.approx(2.0**7)


def test_deep_norm_multiplies_the_stream() -> None:
    """Post-norm by the recommendation: (2 depth)^(1/4) x + f(x), which stays 1 and stable."""
    query = "width=64&depth=100&activation=relu&residual=post_norm&normalization=layer"
    deep_norm, plain = stack(query), stack(query + "&gain=1.5")
    assert deep_norm.verdict == "stable"
    assert deep_norm.layers[-1].stream == pytest.approx(1.0)
    # A branch keeps the share of the stream that the multiplier leaves: c falls less in a block.
    small = (deep_norm.layers[1].variance or 0) / 200**0.5
    assert small < 0.01 < (plain.layers[1].variance or 0)


def test_attention_averages_over_tokens() -> None:
    """v (rho + (1 - rho) / T), and then all tokens are alike (the output of each is the mean)."""
    layers = [{"shape": [64, 64], "role": f"attention_{role}"} for role in ("value", "output")]
    for rho, mixed in ((0.0, 1 / 16), (0.5, 0.5 + 0.5 / 16), (1.0, 1.0)):
        answer = network(layers=layers, tokens=16, token_correlation=rho)
        assert answer.layers[1].read == pytest.approx(mixed, rel=1e-5)
    alike = network(layers=layers, tokens=16).layers[1]
    assert (answer.layers[0].token_correlation, alike.correlation) == (1.0, 0.5)
    assert "mean over 16 tokens" in " ".join(answer.notes)


def test_query_and_key_change_nothing() -> None:
    """They stand beside the path: the stream is the same without them."""
    layers = [{"shape": [64, 64], "role": f"attention_{role}"} for role in ("value", "output")]
    beside = [{"shape": [64, 64], "role": f"attention_{role}"} for role in ("query", "key")]
    with_both = network(layers=[*beside, *layers], repeat=3)
    without = network(layers=layers, repeat=3)
    assert with_both.layers[-1].stream == without.layers[-1].stream
    assert [row.gradient for row in with_both.layers[:2]] == [None, None]


def test_a_fused_gate_is_like_two_layers() -> None:
    """Gate and up, apart or fused: the same stream and the same gradient on the way back."""
    down = {"shape": [64, 64], "role": "mlp_down"}
    gate, up = ({"shape": [64, 64], "role": f"mlp_{name}"} for name in ("gate", "up"))
    fused = {"shape": [128, 64], "role": "mlp_gate_up"}
    more = {"repeat": 4, "activation": "swiglu"}
    apart = network(layers=[gate, up, down], **more).layers
    together = network(layers=[fused, down], **more).layers
    assert apart[-1].stream == together[-1].stream
    assert apart[2].gradient == pytest.approx(together[1].gradient, rel=1e-4)


def test_swiglu_has_the_factor_of_the_table() -> None:
    """E f'^2 + E f^2 = 0.735258 backward, by E f^2 = 0.355776 forward."""
    chi = stack("width=64&depth=3&activation=swiglu").layers[0].chi_1
    assert chi == pytest.approx(0.735258 / 0.355776, rel=1e-5)


def test_widths_change_the_gradient_and_not_its_norm() -> None:
    """A layer from 100 to 400 units multiplies the variance of a gradient by 4."""
    layers = [{"shape": [100, 100]}, {"shape": [400, 100]}]
    answer = network(layers=[{**layer, "gain": 1, "scheme": "lecun_normal"} for layer in layers])
    assert answer.layers[0].gradient == pytest.approx(4.0)
    assert answer.backward.most == pytest.approx(1.0)


def test_an_embedding_begins_anew() -> None:
    """Its rows are the signal, whatever entered; a position embedding is added to them."""
    table = {"shape": [1000, 64], "role": "embedding", "std": 0.5}
    places = {"shape": [128, 64], "role": "position_embedding", "std": 0.5}
    layer = {"shape": [64, 64], "activation": "linear", "gain": 1, "scheme": "lecun_normal"}
    answer = network(layers=[table, places, layer], input_variance=7)
    assert answer.layers[2].variance == pytest.approx(0.5)


def test_a_convolution_counts_its_kernel() -> None:
    """fan_in = channels x kernel, and the answer says that simulations leave it out."""
    answer = stack("shape=64,64,3,3&depth=5&activation=relu&simulate=true")
    assert answer.layers[0].fan_in == 576
    assert answer.layers[-1].variance == pytest.approx(1.0, rel=1e-4)
    assert any("convolution" in note for note in answer.notes)
    assert answer.simulation is not None
    assert answer.simulation.networks == 0
    assert "dense layers alone" in (answer.simulation.note or "")


def test_the_band_of_relu_is_that_of_hanin_and_nica() -> None:
    """ln q is N(-b/2, b), b = 5 (l - 1) / n before layer l, and 2 / n to measure the layer."""
    answer = stack("width=64&depth=32&activation=relu&scheme=he_normal")
    low, high = answer.layers[-1].variance_band
    b = 5 * 32 / 64 + 2 / 64
    ends = [math.exp(-b / 2 + side * 1.959964 * b**0.5) for side in (-1, 1)]
    assert [low, high] == pytest.approx(ends, rel=1e-3)


def test_the_gain_that_would_keep_the_variance_is_told() -> None:
    """For He's ReLU sqrt(2); with biases of variance 0.19 a part of it, 0.9."""
    plain = stack("width=64&depth=3&activation=relu").layers[0]
    assert plain.keeping_gain == pytest.approx(2**0.5, rel=1e-5)
    biased = stack(f"width=64&depth=3&activation=relu&gain=1&bias_std={0.19**0.5!r}").layers[0]
    assert biased.keeping_gain == pytest.approx(0.9 * 2**0.5, rel=1e-5)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_the_series_is_the_integral(name: str) -> None:
    """E f(u1) f(u2) of both ways. The series ends at degree 64, which costs up to 1e-3 at q = 1.

    The two functions with jumps have infinite slope at c = 1, and their series converges slowly.
    """
    tolerance = 2e-2 if name in ("hardshrink", "thresholded_relu") else 1e-3
    second = moments(name, 1.0).second
    for correlation in (0.0, 0.5, 0.9, 0.99):
        exact = values_correlated(name, 1.0, correlation) / second
        assert product_ratio(name, 1.0, correlation, None) == pytest.approx(exact, abs=tolerance)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_every_activation_has_an_answer(name: str) -> None:
    """With numbers that JSON can carry, through 20 layers."""
    answer = stack(f"width=64&depth=20&activation={name}")
    assert answer.as_json()
    assert len(answer.layers) == 20


def test_a_sine_layer_multiplies_by_its_frequency() -> None:
    """SIREN: std sqrt(2 / n) / omega, so q' = 1 - e^(-2 q), whose fixed point is 0.7968.

    chi_1 is 1 + e^(-2 q) there, 1.203. Neither depends on omega (Sitzmann et al. 2020).
    """
    for omega in ("", "&omega=30", "&omega=7"):
        answer = stack(f"width=256&depth=30&activation=sin&scheme=siren{omega}")
        assert answer.forward.verdict == "stable"
        assert answer.layers[-1].variance == pytest.approx(0.796812, abs=1e-5)
        assert answer.layers[-1].chi_1 == pytest.approx(1 + math.exp(-2 * 0.796812), abs=1e-5)
    assert stack("width=256&depth=5&scheme=siren").layers[0].activation == "sin"


def test_a_siren_from_its_first_layer_to_its_head() -> None:
    """First: limit 1 / 2, so q = 2 (30 / 2)^2 / 3 = 150 for inputs of variance 1. Head: linear.

    The head multiplies by no frequency: 256 (2 / 256) / 900 / 2 of what a sine puts out.
    """
    layers = [
        {"shape": [256, 2], "scheme": "siren_first", "position": "first"},
        {"shape": [256, 256], "scheme": "siren", "repeat": 3},
        {"shape": [3, 256], "scheme": "siren", "position": "output"},
    ]
    for omega, first in ((30, 150.0), (20, 200.0 / 3)):
        answer = network(layers=layers, activation="sin", omega=omega)
        assert answer.verdict == "stable"
        assert answer.layers[0].variance == pytest.approx(first)
        assert answer.layers[1].variance == pytest.approx(1.0)
        assert answer.layers[-1].variance == pytest.approx(0.8 / omega**2, rel=0.1)
    assert network(layers=layers, activation="sin").layers[0].variance == pytest.approx(150.0)


def test_a_frequency_counts_with_any_weights() -> None:
    """omega x std, and omega x bias_std; the gain that keeps the variance is so much smaller."""
    plain = stack("width=64&depth=5&activation=sin&gain=1.2&bias_std=0.3").layers[-1]
    fast = stack("width=64&depth=5&activation=sin&gain=0.12&bias_std=0.03&omega=10").layers[-1]
    assert fast.variance == plain.variance
    assert fast.chi_1 == plain.chi_1
    assert (fast.keeping_gain or 0) * 10 == pytest.approx(plain.keeping_gain, rel=1e-4)


@pytest.mark.parametrize("omega", ["0", "-3", "1e31"])
def test_a_frequency_is_above_0(omega: str) -> None:
    """With a hint that works."""
    with pytest.raises(FaninError) as caught:
        stack(f"width=64&depth=5&activation=sin&gain=1&omega={omega}")
    assert caught.value.problems[0].field == "omega"
    assert "omega=30" in caught.value.problems[0].hint


PRE_NORM = {"residual": "pre_norm", "normalization": "layer", "activation": "gelu"}


def test_a_pre_norm_branch_has_one_norm() -> None:
    """ConvNeXt: depthwise convolution, norm, up, gelu, down; no norm but that of the branch."""
    layers = [
        {"shape": [96, 96], "position": "branch_first"},
        {"shape": [384, 96], "position": "hidden", "input_activation": "linear"},
        {"shape": [96, 384], "position": "branch_last"},
    ]
    answer = network(layers=layers, **PRE_NORM)
    assert [row.activation for row in answer.layers] == ["linear", "linear", "gelu"]
    assert not any("input_activation" in note for note in answer.notes)
    wide = [dict(layers[0], gain=3), layers[1], layers[2]]
    second = network(layers=wide, **PRE_NORM).layers[1]
    assert second.variance == pytest.approx(9.0)


@pytest.mark.parametrize("residual", ["none", "pre_norm", "post_norm", "branch_norm", "norm_free"])
@pytest.mark.parametrize("normalization", ["layer", "rms", "batch"])
def test_a_layer_reads_the_activation_that_it_says(residual: str, normalization: str) -> None:
    """`input_activation` is what the layer reads, in every block and behind every norm."""
    layers = [
        {"width": 32, "position": "branch_first", "input_activation": "tanh"},
        {"width": 32, "position": "hidden", "input_activation": "linear"},
        {"width": 32, "position": "hidden", "input_activation": "selu"},
        {"width": 32, "position": "branch_last", "input_activation": "relu"},
    ]
    body = {"residual": residual, "normalization": normalization, "activation": "gelu"}
    answer = network(layers=layers, **body)
    assert [row.activation for row in answer.layers] == ["tanh", "linear", "selu", "relu"]


@pytest.mark.parametrize("orthogonal", [False, True])
@pytest.mark.parametrize("name", ["relu", "tanh", "selu", "erf", "leaky_relu", "sin"])
def test_the_closed_bands_are_those_of_the_oracle(name: str, orthogonal: bool) -> None:
    """The spreads of 20 layers, forward and backward, whose errors stay small."""
    gain, scheme = ACTIVATIONS[name].gain, "orthogonal" if orthogonal else "normal"
    given = f"scheme=orthogonal&gain={gain!r}" if orthogonal else f"std={gain / 16!r}"
    query = f"width=256&depth=20&activation={name}&{given}"
    found = network_of(parse_stack_query(query.encode()), MAX_BYTES)
    steps = forward(found)
    returns = backward(found, steps)
    assert not draws_of(found, steps, returns).sampled, scheme
    one = step(name, 1.0, 256, gain**2, orthogonal=orthogonal)
    for place, oracle in enumerate(bands([one] * 20)[1:]):
        told = (steps[place].stream.spread, returns[place].spread)
        expected = (oracle.forward.variance, oracle.gradient.variance)
        assert told == pytest.approx(expected, rel=1e-4, abs=1e-9)
