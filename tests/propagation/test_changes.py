"""The verdict, and that every change that is told makes the network stable."""

import random

import pytest

from service.initializers.activations import ACTIVATIONS
from service.propagation import Propagation
from service.propagation.verdict import LIMIT
from tests.propagation.asking import followed, followed_body, network, stack

NORMALIZATIONS = ("none", "none", "none", "layer", "rms", "batch")


def random_query(source: random.Random) -> str:
    """A stack with a gain from 0.1 to 16."""
    activation = source.choice(sorted(ACTIVATIONS))
    depth, width = source.choice((5, 20, 50, 100, 200)), source.choice((64, 256, 1024))
    gain, norm = round(10 ** source.uniform(-1, 1.2), 3), source.choice(NORMALIZATIONS)
    query = f"width={width}&depth={depth}&activation={activation}&gain={gain}"
    return query if norm == "none" else f"{query}&normalization={norm}"


@pytest.mark.parametrize("seed", range(40))
def test_a_change_that_is_followed_makes_a_stack_stable(seed: int) -> None:
    """Random stacks. A wrong gain always has a change, and none of the changes fails."""
    query = random_query(random.Random(seed))
    answer = stack(query)
    assert (answer.verdict == "stable") == (not answer.changes)
    for change in answer.changes:
        assert stack(followed(query, change)).verdict == "stable", (query, change)


@pytest.mark.parametrize("residual", ["pre_norm", "post_norm", "branch_norm", "norm_free"])
@pytest.mark.parametrize("normalization", ["none", "layer", "batch"])
def test_a_wrong_gain_in_blocks_has_a_change(residual: str, normalization: str) -> None:
    """A gain of 8 in 50 blocks of each kind: what is not stable has a change that works."""
    query = f"width=64&depth=50&activation=relu&gain=8&residual={residual}"
    query += f"&normalization={normalization}"
    answer = stack(query)
    assert bool(answer.changes) == (answer.verdict != "stable")
    for change in answer.changes:
        assert stack(followed(query, change)).verdict == "stable", change


@pytest.mark.parametrize("seed", range(8))
def test_a_change_of_a_list_makes_it_stable(seed: int) -> None:
    """A network of a first layer, hidden layers and a head, each with a wrong gain."""
    source = random.Random(seed)
    activation = source.choice(("relu", "tanh", "selu", "elu", "erf"))
    wide = {"activation": activation, "gain": round(source.uniform(2.5, 9), 3)}
    body = {
        "layers": [
            {"shape": [256, 784], "position": "first", **wide},
            {"shape": [256, 256], "repeat": 20, **wide},
            {"shape": [10, 256], "position": "output", "input_activation": activation},
        ]
    }
    answer = network(**body)
    assert answer.verdict == "exploding"
    assert answer.changes
    for change in answer.changes:
        assert network(**followed_body(body, change)).verdict == "stable", change


@pytest.mark.parametrize("given", [{"std": 0.3}, {"gain": 5, "scheme": "glorot_normal"}])
def test_a_change_overrides_what_stands_beside_the_list(given: dict[str, object]) -> None:
    """A Transformer whose scheme is a default of all layers: null in a layer leaves it out."""
    roles = {"attention_value": (64, 64), "attention_output": (64, 64), "mlp_up": (256, 64)}
    layers = [{"role": role, "shape": list(shape)} for role, shape in roles.items()]
    layers.append({"role": "mlp_down", "shape": [64, 256]})
    body = {"layers": layers, "repeat": 24, "activation": "gelu", **given}
    answer = network(**body)
    assert answer.verdict == "exploding"
    assert answer.changes
    for change in answer.changes:
        assert network(**followed_body(body, change)).verdict == "stable", change


def test_the_words_of_a_change_have_its_numbers() -> None:
    """The new gain and the old one, as in the steps."""
    change = stack("width=256&depth=30&activation=relu&gain=2.5").changes[0]
    assert change.what.startswith("Give every layer gain 1.41421 instead of gain 2.5.")
    assert change.steps[0].set == {"scheme": "variance_scaling", "mode": "fan_in", "gain": 1.41421}


def test_deep_tanh_is_sent_to_the_edge_of_chaos() -> None:
    """The gain that keeps the variance makes the gradient grow: the pair keeps both."""
    answer = stack("width=256&depth=80&activation=tanh&scheme=variance_scaling")
    assert (answer.forward.verdict, answer.backward.verdict) == ("stable", "exploding")
    edge = answer.changes[0].steps[0].set
    assert (edge["gain"], edge["bias_std"]) == (1.46741, 0.388542)


def test_gelu_without_a_norm_is_not_called_stable() -> None:
    """The theory of wide layers stays 1, but a = 1.144 amplifies the noise of finite width.

    In 200 networks of independent normal weights the median of the variance was 3.8e-7 in the last
    layer, and 95 of 100 gradients were from 0.51 to 1.46 in layer 49. The squared norms of the
    gradient in layer 1 had a mean of 2,173, which a median far below 1 shows to be that of a few.
    """
    answer = stack("width=256&depth=50&activation=gelu")
    assert (answer.verdict, answer.forward.verdict) == ("unstable", "unstable")
    assert answer.layers[-1].variance == pytest.approx(1.0, rel=1e-3)
    low, high = answer.layers[-1].stream_band
    assert (low or 1) < 1e-8
    assert (high or 0) > 1e3
    assert 1e-9 < (answer.layers[-1].stream_median or 0) < 1e-5
    assert answer.layers[48].stream_gradient_band == pytest.approx((0.51, 1.46), rel=0.1)
    assert 10 < (answer.forward.layer or 0) < 25
    assert 30 < (answer.backward.layer or 0) < 45
    assert "95 of 100 draws" in answer.summary
    assert "in the mean" not in answer.summary
    assert answer.changes[0].steps[0].set == {"normalization": "rms"}


def test_the_draws_of_gelu_are_those_of_its_tensors() -> None:
    """20 layers, sampled bands and four simulated networks: both directions are in their bands."""
    answer = stack("width=128&depth=20&activation=gelu&simulate=true&seed=2")
    for row in answer.layers:
        assert row.simulated is not None
        for found, (low, high) in (
            (row.simulated.stream, row.stream_band),
            (row.simulated.stream_gradient, row.stream_gradient_band),
        ):
            assert (low or 0) * (1 - 1e-5) <= (found or 0) <= (high or 0) * (1 + 1e-5)


def test_a_sampled_network_that_surely_explodes_is_called_so() -> None:
    """GELU with gain 2: all draws pass the bound, half of them about where the theory says."""
    answer = stack("width=512&depth=50&activation=gelu&gain=2")
    assert answer.verdict == "exploding"
    assert answer.summary.startswith("Exploding: In half of the draws of the weights the variance")
    first = next(row.number for row in answer.layers if (row.variance or 0) > LIMIT)
    assert abs((answer.forward.layer or 0) - first) <= 1


def discriminator() -> Propagation:
    """That of DCGAN, whose weights have std 0.02."""
    shapes = ([64, 3, 4, 4], [128, 64, 4, 4], [256, 128, 4, 4], [512, 256, 4, 4])
    layers: list[dict[str, object]] = [{"shape": shape} for shape in shapes]
    layers[0]["position"] = "first"
    layers.append({"shape": [1, 512, 4, 4], "position": "output"})
    return network(layers=layers, activation="leaky_relu", negative_slope=0.2, std=0.02)


def test_the_sentence_about_a_band_has_the_numbers_of_the_layer() -> None:
    """Also where it merely touches the bound."""
    answer = discriminator()
    layer = answer.forward.layer
    assert layer is not None
    low, high = answer.layers[layer - 1].stream_band
    assert low is not None
    assert high is not None
    assert low < 0.001 < high
    assert answer.summary == (
        f"Unstable: In layer {layer} of 5, the variance of the signal is from {low:.3g} to "
        f"{high:.3g} in 95 of 100 draws of the weights, which passes the bound 1/1,000."
    )


def test_a_table_of_small_rows_is_not_called_vanishing() -> None:
    """A tied table of width 2,048 has variance 1 / 2,048; the first norm scales its rows up."""
    width = 2048
    block = [
        {"role": "attention_value", "shape": [width, width]},
        {"role": "attention_output", "shape": [width, width]},
        {"role": "mlp_up", "shape": [4 * width, width]},
        {"role": "mlp_down", "shape": [width, 4 * width]},
    ]
    layers = [
        {"role": "tied_embedding", "shape": [50257, width]},
        *(layer for _ in range(3) for layer in block),
        {"role": "head", "shape": [50257, width]},
    ]
    answer = network(layers=layers, activation="gelu", depth=3)
    assert answer.verdict == "stable"
    assert answer.layers[0].variance == pytest.approx(1 / width)
    small = network(layers=[{"shape": [64, 64], "std": 0.001, "repeat": 2}], activation="relu")
    assert small.verdict == "vanishing"


def test_the_summary_has_the_numbers_of_the_layers() -> None:
    """Batch normalization: the squared norm behind the norm, 1 at the last layer."""
    answer = stack("width=128&depth=100&activation=relu&normalization=batch")
    norms = [row.stream_gradient or 0 for row in answer.layers]
    assert (max(norms), norms[-1]) == (answer.backward.most, 1.0)
    assert "reaches 2.98e16." in answer.summary
    assert max(norms) == pytest.approx(2.98e16, rel=2e-3)


def test_changes_do_not_restate_each_other() -> None:
    """The gain that keeps the variance of ReLU is the recommended one, which is said once."""
    first, second = stack("width=64&depth=50&activation=relu&gain=2").changes
    assert first.what.startswith("Give every layer gain 1.41421")
    assert second.steps[0].set == {"normalization": "rms"}


def test_a_change_of_all_layers_names_none() -> None:
    """One gain or one std of all layers is told of every layer."""
    kept, recommended = discriminator().changes
    assert recommended.what.endswith("instead of std 0.02 in every layer.")
    assert ". 1 more layer changes too: see the steps." in kept.what


def test_a_change_keeps_the_frequency_of_sine_layers() -> None:
    """It belongs to the network. The recommendation knows of none, so it is no change here."""
    query = "width=256&depth=50&activation=sin&scheme=siren"
    answer = stack(query)
    assert answer.verdict == "exploding"
    assert [change.steps[0].set["omega"] for change in answer.changes] == [30.0]
    assert stack(followed(query, answer.changes[0])).verdict == "stable"


def test_a_vanished_signal_has_no_gain_that_would_keep_it() -> None:
    """A gain of 33,554,400 is no advice."""
    rows = stack("width=64&depth=50&activation=relu&scheme=glorot_normal").layers
    assert rows[3].keeping_gain == pytest.approx(4.0)
    assert rows[-1].keeping_gain is None
    assert all((row.keeping_gain or 0) <= LIMIT for row in rows)


def test_inputs_that_are_not_standardised_are_noticed() -> None:
    """ReLU carries their size through all layers."""
    answer = stack("width=256&depth=10&activation=relu&input_variance=65025")
    assert answer.verdict == "exploding"
    assert answer.changes[0].what.startswith("Standardise the inputs: divide them by")
    assert answer.changes[0].steps[0].set == {"input_variance": 1.0}


@pytest.mark.parametrize(
    ("query", "word", "layer"),
    [
        ("activation=relu&scheme=glorot_normal", "vanishing", 10),
        ("activation=relu&gain=2", "exploding", 10),
        ("activation=relu&gain=1e18", "exploding", 1),
        ("activation=relu&std=1e-18", "vanishing", 1),
    ],
)
def test_the_layer_is_where_the_bound_is_passed(query: str, word: str, layer: int) -> None:
    """2^10 is the first power of 2 beyond the limit of 1,000, up and down."""
    assert 2**9 < LIMIT < 2**10
    answer = stack(f"width=256&depth=40&{query}")
    assert (answer.forward.verdict, answer.forward.layer) == (word, layer)
    assert f"layer {layer} of 40" in answer.summary
    assert answer.summary.startswith(word.capitalize())


def test_numbers_in_sentences_are_written_as_people_write_them() -> None:
    """With commas up to a million, and an exponent without a plus beyond."""
    assert (
        "reaches 3,040."
        in stack("width=256&depth=50&activation=tanh&scheme=variance_scaling").summary
    )
    assert "reaches 1.13e15." in stack("width=256&depth=50&activation=relu&gain=2").summary
    assert stack("width=256&depth=5&activation=relu").summary == (
        "Stable through 5 layers: the variance of the signal stays at 1 and the squared norm of "
        "the gradient stays at 1."
    )
    assert stack("width=512&depth=10&activation=tanh").summary.endswith("stays between 1 and 4.36.")


def test_a_head_and_a_zero_branch_may_have_any_size() -> None:
    """They start small on purpose: neither the head nor the inside of a branch is judged."""
    relu = {"shape": [64, 64], "activation": "relu"}
    head = {"shape": [10, 64], "position": "output", "scheme": "zeros", "input_activation": "relu"}
    assert network(layers=[{**relu, "repeat": 10}, head]).verdict == "stable"
    branch = {"residual": "pre_norm", "normalization": "layer", "activation": "relu", "width": 64}
    first = {**branch, "position": "branch_first", "std": 1e-9}
    last = {**branch, "position": "branch_last", "scheme": "zeros"}
    assert network(layers=[first, last], repeat=10).verdict == "stable"
