"""The simulation agrees with the theory, draws the tensors of the URLs, and has limits."""

import math
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from service.chunks import TensorBody
from service.errors import ImpossibleError
from service.fields import parse_query
from service.plan import plan
from service.propagation import parse_network_json, parse_stack_query, propagate
from service.propagation.network import network_of
from service.propagation.simulation import (
    MOST_DEPTH,
    MOST_NETWORKS,
    MOST_SECONDS,
    MOST_WIDTH,
    networks_within_limits,
    simulate,
)
from service.propagation.simulation import _Normed as Normed
from tests.propagation.asking import MAX_BYTES, network, stack

STACKS = [
    "width=256&depth=30&activation=relu",
    "width=256&depth=30&activation=relu&gain=2",
    "width=256&depth=30&activation=tanh&gain=1.5925",
    "width=256&depth=30&activation=tanh",
    "width=256&depth=30&activation=selu",
    "width=256&depth=10&activation=gelu",
    "width=256&depth=30&activation=elu&scheme=glorot_uniform",
    "width=256&depth=30&activation=erf&scheme=orthogonal&gain=1.2",
    "width=1024&depth=3&activation=swiglu",
    "width=256&depth=20&activation=softsign&bias_std=0.3&gain=2",
    "width=256&depth=20&activation=gelu&normalization=rms",
    "width=256&depth=20&activation=relu&normalization=layer",
    "width=256&depth=20&activation=gelu&normalization=layer&input_activation=gelu",
    "width=256&depth=12&activation=gelu&normalization=layer&residual=pre_norm",
    "width=256&depth=12&activation=swiglu&normalization=rms&residual=pre_norm",
    "width=256&depth=12&activation=relu&normalization=layer&residual=post_norm",
    "width=256&depth=12&activation=relu&residual=norm_free",
    "width=256&depth=12&activation=relu&normalization=batch&residual=pre_norm",
    "width=256&depth=10&activation=sin&scheme=siren",
    "width=256&depth=10&activation=sin&scheme=siren_first&omega=200",
    "width=256&depth=10&activation=sin&gain=0.3&omega=5&bias_std=0.02",
]


@pytest.mark.parametrize("query", STACKS)
def test_it_agrees_with_the_theory(query: str) -> None:
    """Variances and gradients are in their 95 % bands, and correlations near theirs.

    A band has 95 of 100 draws, and the numbers of a draw hang together: one of four networks whose
    variances, or gradients, are outside leaves 0.875. The correlation of 32 inputs at width 256
    differs by a few hundredths between draws.
    """
    answer = stack(f"{query}&simulate=true&seed=1")
    assert answer.simulation is not None
    assert answer.simulation.networks >= 1
    assert (answer.simulation.within_band or 0) >= 0.87
    for layer in answer.layers:
        assert layer.simulated is not None
        if layer.variance and layer.correlation is not None:
            assert layer.simulated.correlation == pytest.approx(layer.correlation, abs=0.12)


def test_a_wrong_theory_would_be_noticed() -> None:
    """Negative control: after 30 layers gain 1.6 is not in the band of gain sqrt(2)."""
    told = stack("width=256&depth=30&activation=relu").layers[-1]
    found = stack("width=256&depth=30&activation=relu&gain=1.6&simulate=true").layers[-1]
    assert told.variance_band[1] is not None
    assert found.simulated is not None
    assert (found.simulated.variance or 0) > told.variance_band[1]


def test_the_same_question_has_the_same_answer() -> None:
    """To the byte; another seed gives other networks."""
    query = b"width=64&depth=10&activation=tanh&simulate=true&seed=7"
    first, second, other = (
        propagate(parse_stack_query(asked), max_bytes=MAX_BYTES).as_json()
        for asked in (query, query, query.replace(b"seed=7", b"seed=8"))
    )
    assert first == second
    assert first != other


def test_a_weight_is_the_tensor_of_its_url() -> None:
    """The layer's output is that of NumPy with the bytes of /v1 under the layer's name and seed."""
    answer = network(
        layers=[{"shape": [32, 16], "name": "fc1", "scheme": "lecun_normal", "position": "first"}],
        seed=5,
        simulate=True,
        input_correlation=0,
    )

    def drawn(query: str) -> npt.NDArray[np.float64]:
        planned = plan(parse_query(query.encode()), "raw", max_bytes=MAX_BYTES)
        values = b"".join(bytes(chunk) for chunk in TensorBody(planned).chunks())
        return np.frombuffer(values, "<f4").reshape(planned.spec.shape).astype(np.float64)

    squares = []
    for seed in range(5, 5 + MOST_NETWORKS):
        weight = drawn(f"shape=32,16&scheme=lecun_normal&name=fc1&seed={seed}")
        inputs = drawn(f"shape=33,16&scheme=normal&name=input&seed={seed}")[:-1]
        inputs /= np.sqrt(np.mean(inputs**2, axis=1, keepdims=True))
        squares.append(float(np.mean((inputs @ weight.T) ** 2)))
    [layer] = answer.layers
    url = "/v1/weights.npy?shape=32,16&scheme=lecun_normal&seed=5&name=fc1"
    assert layer.weights_url == url
    assert layer.simulated is not None
    expected = math.exp(sum(map(math.log, squares)) / len(squares))
    assert layer.simulated.variance == pytest.approx(expected, rel=1e-5)


def test_a_transposed_layout_is_the_same_network() -> None:
    """IO is OI transposed (numbers do not depend on the layout), so the outputs are equal."""
    answers = []
    for layout, shape in (("OI", [48, 32]), ("IO", [32, 48])):
        layer = {"shape": shape, "layout": layout, "scheme": "lecun_normal", "name": "a"}
        answers.append(network(layers=[layer], simulate=True, seed=3).layers[0].simulated)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("kind", ["layer", "rms", "batch", "group"])
def test_the_gradient_of_a_norm_is_that_of_differences(kind: str) -> None:
    """Central differences of step 1e-6 in float64: 1e-8 of the slope."""
    source = np.random.default_rng(1)
    signal, gradient = source.normal(size=(2, 6, 5))

    def loss(values: npt.NDArray[np.float64]) -> float:
        return float(np.sum(gradient * Normed(values, kind).output))

    found = Normed(signal, kind).backward(gradient)
    assert found == pytest.approx(differences(loss, signal), abs=1e-7)


def differences(
    function: Callable[[npt.NDArray[np.float64]], float], at: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The gradient by central differences."""
    found = np.empty_like(at)
    for index in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[index] = 1e-6
        found[index] = (function(at + step) - function(at - step)) / 2e-6
    return found


def test_a_network_that_overflows_says_so() -> None:
    """float64 cannot hold the variance: null, in JSON that is strict."""
    answer = stack("width=64&depth=60&activation=relu_squared&gain=9&simulate=true")
    last = answer.layers[-1]
    assert last.variance is None
    assert last.simulated is not None
    assert last.simulated.variance is None
    assert b"NaN" not in answer.as_json()
    assert answer.verdict == "exploding"


def test_dead_networks_are_simulated_too() -> None:
    """Weights of 0: all variances are 0."""
    answer = stack("width=64&depth=5&activation=relu&scheme=zeros&simulate=true")
    assert [layer.simulated and layer.simulated.variance for layer in answer.layers] == [0.0] * 5


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        (f"width={MOST_WIDTH + 1}&depth=2&activation=relu", f"width={MOST_WIDTH}&depth=2"),
        (f"width=64&depth={MOST_DEPTH + 1}&activation=relu", f"width=64&depth={MOST_DEPTH}"),
        ("width=1024&depth=100&activation=relu&scheme=orthogonal", "width=256&depth=20"),
    ],
)
def test_a_network_over_a_limit_is_refused(query: str, hint: str) -> None:
    """Before anything is drawn; either way that the hint names is open."""
    with pytest.raises(ImpossibleError) as caught:
        stack(f"{query}&simulate=true")
    assert caught.value.reason == "simulation_too_large"
    assert "simulate=false" in caught.value.problems[0].hint
    assert stack(f"{query}&simulate=false").simulation is None
    smaller = stack(f"{hint}&activation=relu&simulate=true")
    assert smaller.simulation is not None
    assert smaller.simulation.networks >= 1


def test_the_largest_plain_network_is_within_the_limits() -> None:
    """1,024 wide and 200 deep."""
    inquiry = parse_stack_query(f"width={MOST_WIDTH}&depth={MOST_DEPTH}&activation=relu".encode())
    assert networks_within_limits(network_of(inquiry, MAX_BYTES)) == 1


@pytest.mark.slow
def test_the_largest_network_takes_the_time_that_is_told() -> None:
    """Processor time of all threads. Twice the limit is allowed for a slower or busy machine."""
    inquiry = parse_stack_query(f"width={MOST_WIDTH}&depth={MOST_DEPTH}&activation=gelu".encode())
    built = network_of(inquiry, MAX_BYTES)
    started = time.process_time()
    assert len(simulate(built).networks) == 1
    assert time.process_time() - started < 2 * MOST_SECONDS


@pytest.mark.parametrize(
    ("layers", "note"),
    [
        ([{"shape": [8, 8, 3, 3]}], "dense layers alone"),
        (
            [{"shape": [32, 64], "position": "branch_last", "residual": "pre_norm"}],
            "adds 32 values to a stream of 64",
        ),
        ([{"shape": [100, 32], "role": "embedding"}, {"shape": [32, 32]}], "embedding.1 is none"),
        (
            [{"shape": [32, 32], "role": f"attention_{part}"} for part in ("value", "output")],
            "attention",
        ),
    ],
)
def test_what_is_not_simulated_is_said(layers: list[object], note: str) -> None:
    """The theory is answered all the same."""
    answer = network(layers=layers, simulate=True)
    assert answer.simulation is not None
    assert answer.simulation.networks == 0
    assert note in (answer.simulation.note or "")
    assert answer.layers[-1].variance is not None


def test_a_body_is_simulated_as_a_query_is() -> None:
    """The same stack in both forms."""
    body = b'{"width": 64, "depth": 6, "activation": "tanh", "simulate": true, "seed": 3}'
    posted = propagate(parse_network_json(body), max_bytes=MAX_BYTES)
    assert posted == stack("width=64&depth=6&activation=tanh&simulate=true&seed=3")
