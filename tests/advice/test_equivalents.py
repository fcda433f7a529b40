"""The lines of other frameworks: what they say, and that their numbers are the recommendation's."""

import math
import re
from itertools import product
from pathlib import Path

import pytest

from service.advice.comparison import requested_plan
from service.advice.context import context_of
from service.advice.decision import Decision
from service.advice.equivalents import FRAMEWORKS, RUN_WITH
from service.advice.equivalents.notation import (
    JAVASCRIPT,
    JULIA,
    PRECISION,
    PYTHON,
    RUST,
    Scale,
    spelled,
)
from service.advice.equivalents.target import Target, target_of
from service.advice.question import parse_question_query
from service.advice.rules import choose
from service.initializers.fans import Fans
from service.plan import Facts
from tests.advice.asking import MOST, asked, fetched
from tests.advice.line_numbers import Drawn, drawn_by

ROOT = Path(__file__).resolve().parent.parent.parent


def target_for(query: str) -> Target:
    """The target of the scheme that the query names, as if it were the recommendation."""
    question = parse_question_query(query.encode())
    context = context_of(question)
    plan = requested_plan(context, MOST)
    assert plan is not None
    return target_of(Decision(context, choose(context), plan, None, MOST))


LINES = [
    ("pytorch", "activation=relu", 'torch.nn.init.kaiming_normal_(w, nonlinearity="relu")'),
    ("pytorch", "activation=selu", 'torch.nn.init.kaiming_normal_(w, nonlinearity="linear")'),
    (
        "pytorch",
        "activation=leaky_relu&negative_slope=0.2",
        "torch.nn.init.kaiming_normal_(w, a=0.2)",
    ),
    ("pytorch", "activation=linear", "torch.nn.init.xavier_uniform_(w)"),
    ("pytorch", "activation=tanh", "torch.nn.init.xavier_uniform_(w, gain=1.5925374)"),
    ("pytorch", "activation=gelu", "torch.nn.init.normal_(w, std=1.5335304 / 3072**0.5)"),
    (
        "pytorch",
        "activation=gelu&distribution=uniform",
        "torch.nn.init.uniform_(w, -1.5335304 * (3 / 3072)**0.5, 1.5335304 * (3 / 3072)**0.5)",
    ),
    (
        "pytorch",
        "activation=relu&distribution=truncated_normal",
        "torch.nn.init.trunc_normal_(w, std=0.029007246, a=-0.058014492, b=0.058014492)",
    ),
    ("pytorch", "layer=embedding", "torch.nn.init.normal_(w)"),
    (
        "keras",
        "activation=relu",
        'keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")',
    ),
    (
        "keras",
        "activation=gelu",
        'keras.initializers.VarianceScaling(1.5335304**2, "fan_in", "untruncated_normal")',
    ),
    ("keras", "activation=linear", "keras.initializers.GlorotUniform()"),
    (
        "jax",
        "activation=relu",
        'jax.nn.initializers.variance_scaling(2.0, "fan_in", "normal")(key, shape)',
    ),
    (
        "jax",
        "activation=relu&distribution=truncated_normal",
        "jax.nn.initializers.he_normal()(key, shape)",
    ),
    ("flax", "activation=linear", "flax.linen.initializers.glorot_uniform()"),
    ("flux", "activation=relu", "Flux.kaiming_normal(dims...)"),
    ("flux", "activation=gelu", "Flux.kaiming_normal(dims...; gain = 1.5335304)"),
    (
        "burn",
        "activation=relu",
        "Initializer::KaimingNormal { gain: f64::sqrt(2.0), fan_out_only: false }",
    ),
    ("candle", "activation=relu", "candle_nn::init::DEFAULT_KAIMING_NORMAL"),
    (
        "candle",
        "activation=gelu",
        "candle_nn::Init::Randn { mean: 0.0, stdev: 1.5335304 / f64::sqrt(3072.0) }",
    ),
    ("mlx", "activation=relu", "mlx.nn.init.he_normal()(w, gain=2**0.5)"),
    ("mlx", "layer=embedding", "mlx.nn.init.normal()(w)"),
    (
        "tfjs",
        "activation=gelu",
        "tf.initializers.randomNormal({ stddev: 1.5335304 / Math.sqrt(3072) })",
    ),
    (
        "tfjs",
        "activation=tanh",
        "tf.initializers.varianceScaling"
        "({ scale: 1.5925374**2, mode: 'fanAvg', distribution: 'uniform' })",
    ),
]


@pytest.mark.parametrize(("framework", "query", "line"), LINES)
def test_a_line_is_what_people_write(framework: str, query: str, line: str) -> None:
    """A gain of 1 and a mean of 0 are left out; other gains and the fans can be read."""
    assert asked(f"shape=768,3072&{query}").equivalents[framework].code == line


@pytest.mark.parametrize(
    ("framework", "line"),
    [
        ("pytorch", "torch.nn.init.normal_(w, std=1.5335304 / (3072 * 2 * 24)**0.5)"),
        (
            "keras",
            "keras.initializers.VarianceScaling"
            '(1.5335304**2 / (2 * 24), "fan_in", "untruncated_normal")',
        ),
        ("flux", "Flux.kaiming_normal(dims...; gain = 1.5335304 / sqrt(2 * 24))"),
        (
            "burn",
            "Initializer::KaimingNormal "
            "{ gain: 1.5335304 / f64::sqrt(2.0 * 24.0), fan_out_only: false }",
        ),
    ],
)
def test_the_number_of_branches_can_be_read(framework: str, line: str) -> None:
    """The gain of a residual scaling is written as that of the activation, and 2 x depth."""
    query = "shape=768,3072&input_activation=gelu&residual=pre_norm&position=branch_last&depth=24"
    assert asked(query).equivalents[framework].code == line


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("shape=64&scheme=zeros", "torch.nn.init.zeros_(w)"),
        ("shape=64&layer=scale&scheme=ones", "torch.nn.init.ones_(w)"),
        ("shape=8,4&scheme=constant&value=0.3", "torch.nn.init.constant_(w, 0.3)"),
        ("shape=8,4&scheme=normal&std=0.02", "torch.nn.init.normal_(w, std=0.02)"),
        (
            "shape=8,4&scheme=normal&std=0.02&mean=0.5",
            "torch.nn.init.normal_(w, mean=0.5, std=0.02)",
        ),
        ("shape=8,4&scheme=orthogonal", "torch.nn.init.orthogonal_(w)"),
        ("shape=8,4,3,3&scheme=orthogonal&gain=1.5", "torch.nn.init.orthogonal_(w, gain=1.5)"),
        (
            "shape=8,4&scheme=orthogonal&parts=2&gain=1.5",
            "for part in w.chunk(2): torch.nn.init.orthogonal_(part, gain=1.5)",
        ),
        ("shape=8,4&scheme=identity", "torch.nn.init.eye_(w)"),
        ("shape=8,4,3,3&scheme=dirac&groups=2", "torch.nn.init.dirac_(w, groups=2)"),
        ("shape=8,512&scheme=lora_a", "torch.nn.init.uniform_(w, -1 / 512**0.5, 1 / 512**0.5)"),
        (
            "shape=8,4&scheme=variance_scaling&mode=fan_out&gain=1.4142135623730951",
            'torch.nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu")',
        ),
    ],
)
def test_pytorch_has_a_function_for_it(query: str, line: str) -> None:
    """Constants, matrices and numbers that no fan gives."""
    written = FRAMEWORKS["pytorch"].line(target_for(query))
    assert written is not None
    assert written[1] == line


def test_every_framework_has_a_line_or_a_reason() -> None:
    """Ten frameworks. Without a line the note says what to do instead."""
    equivalents = asked("shape=64,64&activation=relu").equivalents
    assert list(equivalents) == (
        ["pytorch", "keras", "jax", "flax", "flux", "burn", "candle", "mlx", "tfjs", "onnx"]
    )
    assert [name for name, each in equivalents.items() if each.code is None] == ["onnx"]
    assert all("fetch weights_url" in each.missing for each in FRAMEWORKS.values())


def test_a_line_names_the_release_only_if_a_test_ran_it() -> None:
    """Of ONNX there is no line, so nothing ran."""
    equivalents = asked("shape=64,64&activation=relu").equivalents
    assert {name for name, each in equivalents.items() if each.run_with} == set(RUN_WITH)
    assert equivalents["keras"].run_with == RUN_WITH["keras"]
    truncated = asked("shape=64,64&activation=relu&distribution=truncated_normal").equivalents
    assert (truncated["burn"].code, truncated["burn"].run_with) == (None, None)


def test_the_releases_are_the_pinned_ones() -> None:
    """Those that tests/peers installs and runs."""
    pins = "".join(
        (ROOT / file).read_text(encoding="utf-8")
        for file in ("requirements-peers.txt", "checks/peers-torch.txt", "checks/peers-mlx.txt")
    )
    found = dict(re.findall(r"^(\w+)(?:\[\w+\])?==([\d.]+)", pins, re.MULTILINE))
    packages = (ROOT / "tests/peers/tfjs/package.json").read_text(encoding="utf-8")
    found |= dict(re.findall(r'"(@tensorflow/tfjs)": "([\d.]+)"', packages))
    assert dict(release.split(" ") for release in RUN_WITH.values()) == {
        package: found[package]
        for package in ("torch", "keras", "jax", "flax", "mlx", "@tensorflow/tfjs")
    }


SHAPES = (
    "shape=24,10",
    "shape=24,10&layout=IO",
    "shape=24,10&parts=3",
    "shape=16,6,3,3",
    "shape=16,6,3,3&groups=4",
    "shape=16,1,3,3&layer=depthwise_conv2d",
    "shape=16,6,3,3&layer=conv_transpose2d&stride=2",
    "shape=16,6,5&layer=conv1d",
    "shape=24,10&layer=recurrent",
    "shape=50,12&layer=embedding",
    "shape=24&fan_in=7",
    "shape=24&layer=scale",
    "shape=5,24,10&layout=EOI",
)
INPUTS = (
    *("linear", "relu", "relu6", "tanh", "sigmoid", "gelu", "selu", "softplus", "swiglu"),
    *("leaky_relu", "leaky_relu&negative_slope=0.3", "leaky_relu&negative_slope=0"),
    *("prelu", "rrelu"),
)
PLACES = (
    "&residual=pre_norm&position=branch_last&depth=12",
    "&residual=post_norm&depth=7",
    "&position=first",
    "&position=output",
    "&normalization=batch",
)
DISTRIBUTIONS = ("normal", "uniform", "truncated_normal")

QUESTIONS = [
    f"{shape}&activation={name}{more}"
    for shape, name, more in (
        *product(SHAPES, INPUTS, ("",)),
        *product(("shape=24,10",), INPUTS, PLACES),
        *product(
            ("shape=16,6,3,3", "shape=24,10&parts=3"),
            INPUTS,
            (f"&distribution={word}" for word in DISTRIBUTIONS),
        ),
    )
]


def relative(found: float | None, told: float | None) -> float:
    """The relative error of a number; infinite if one of the two is missing."""
    if found is None or told is None:
        return math.inf
    return abs(found - told) / (abs(told) or 1.0)


def errors(drawn: Drawn, facts: Facts) -> list[float]:
    """The relative errors of the numbers of a draw. That of a mean is in units of the std."""
    if drawn.kind == "constant":
        return [relative(drawn.mean, facts.mean)]
    if drawn.kind in ("orthogonal", "identity", "dirac"):
        return [relative(drawn.std, facts.gain)]
    if drawn.kind == "uniform":
        return [relative(drawn.low, facts.low), relative(drawn.high, facts.high)]
    std = facts.std if drawn.kind == "normal" else facts.parent_std
    found = [relative(drawn.std, std)]
    if drawn.kind == "normal":
        return [*found, abs(drawn.mean - (facts.mean or 0.0)) / (std or 1.0)]
    return [*found, relative(drawn.low, facts.low), relative(drawn.high, facts.high)]


MOST_ERROR = 1.5e-7
"""A number is written within 5e-8. A squared gain, or a mean and an end together, have two."""

KINDS = {"identity": "identity", "dirac": "dirac"}


def check(framework: str, code: str, query: str, facts: Facts) -> None:
    """A line draws what the facts say, with the fans that the framework counts."""
    weight = context_of(parse_question_query(query.encode())).weight
    fans = FRAMEWORKS[framework].fans(weight) or Fans(0.0, 0.0)
    drawn = drawn_by(framework, code, fans)
    assert drawn.kind == KINDS.get(facts.scheme, facts.distribution), (query, code)
    assert max(errors(drawn, facts)) <= MOST_ERROR, (query, code)


@pytest.mark.parametrize("query", QUESTIONS)
def test_every_number_of_a_line_is_the_recommended_one(query: str) -> None:
    """Mean, std and ends of what the lines draw, and no slope but the user's own."""
    slopes = {"leaky_relu": 0.01, "prelu": 0.25, "rrelu": (1 / 8 + 1 / 3) / 2}
    answer = asked(query)
    facts = fetched(answer.weights_url).facts
    for framework, line in answer.equivalents.items():
        if line.code is None:
            continue
        check(framework, line.code, query, facts)
        for slope in re.findall(r"kaiming_\w+\(w, a=([^,)]+)", line.code):
            name, _, given = query.partition("activation=")[2].partition("&negative_slope=")
            told = float(given.partition("&")[0]) if given else slopes[name.partition("&")[0]]
            assert relative(float(slope), told) <= PRECISION


SCHEME_QUERIES = [
    "shape=8,4&scheme=constant&value=0.3",
    "shape=8,4&scheme=normal&std=0.0123456789&mean=0.5",
    "shape=8,4&scheme=uniform&low=-0.1&high=0.2",
    "shape=8,4&scheme=uniform&low=0&high=0.3",
    "shape=8,4&scheme=uniform&low=1000&high=1000.001",
    "shape=8,4&scheme=truncated_normal&std=0.02&bounds=-1,3",
    "shape=8,4&scheme=truncated_normal&std=0.02&mean=0.1",
    "shape=8,4&scheme=truncated_normal&std=0.02&std_kind=parent",
    "shape=8,4&scheme=orthogonal&gain=1.7",
    "shape=8,4&scheme=orthogonal&parts=2",
    "shape=8,4,3,3&scheme=orthogonal",
    "shape=8,8&scheme=identity&gain=0.5",
    "shape=8,8&scheme=identity",
    "shape=8,4,3,3&scheme=dirac&groups=2",
    "shape=8,4&scheme=variance_scaling&mode=fan_out&gain=1.3",
    "shape=8,4&scheme=variance_scaling&mode=fan_geo_avg&gain=1.3",
    "shape=8,512&scheme=lora_a",
    "shape=8,512&scheme=deepnorm&depth=12",
    "shape=8,512&scheme=siren&activation=sin",
    "shape=8,512&scheme=gpt2_residual&depth=12",
]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("query", SCHEME_QUERIES)
def test_schemes_that_may_be_recommended_are_written_too(framework: str, query: str) -> None:
    """Numbers of any kind, as close as those of today's recommendations."""
    target = target_for(query)
    written = FRAMEWORKS[framework].line(target)
    if written is not None:
        check(framework, written[1], query, target.facts)


NO_LINE = [
    "shape=256,64,3,3&scheme=icnr",  # values that repeat
    "shape=32&scheme=forget_gate_bias&layer=bias&parts=4",  # a block of its own for the gate
    "shape=8,8&scheme=causal_mask",
    "shape=8,4,3,3&scheme=sobel",
    "shape=8,4,3,3&scheme=delta_orthogonal",
    "shape=8,4&scheme=sparse&sparsity=0.5",
    "shape=12,4&scheme=identity&parts=3",
]


@pytest.mark.parametrize("query", NO_LINE)
def test_what_no_framework_draws_has_no_line(query: str) -> None:
    """Its std alone would not say what it is."""
    target = target_for(query)
    assert [name for name, each in FRAMEWORKS.items() if each.line(target) is not None] == []


def test_a_matrix_that_the_framework_makes_otherwise_has_no_line() -> None:
    """A transposed convolution has its outputs in the middle of Keras's axes, not at their end."""
    target = target_for("shape=8,4,3,3&scheme=orthogonal&layer=conv_transpose2d")
    assert FRAMEWORKS["keras"].line(target) is None
    assert FRAMEWORKS["jax"].line(target) is not None
    assert FRAMEWORKS["pytorch"].line(target) is None


def test_a_note_is_beside_the_lines_that_need_it() -> None:
    """An embedding has no bias, 0 needs no seed, and only a name that Keras has too misleads."""
    dense, table = asked("shape=64,32&activation=gelu"), asked("shape=64,32&layer=embedding")
    assert dense.equivalents["burn"].note == "A layer draws its bias from the same initializer."
    assert table.equivalents["burn"].note == ""
    assert "no seed" in dense.equivalents["candle"].note
    assert asked("shape=64").equivalents["candle"].note == ""
    assert dense.equivalents["keras"].note == dense.equivalents["jax"].note == ""
    relu = asked("shape=64,32&activation=relu").equivalents
    assert relu["keras"].note == "HeNormal of Keras has this std too, but is truncated."
    assert relu["flax"].note == "he_normal of JAX has this std too, but is truncated."
    assert relu["pytorch"].note == ""


def test_tensorflow_js_is_not_given_a_zero() -> None:
    """It would take its default bound instead."""
    target = target_for("shape=8,4&scheme=uniform&low=0&high=0.3")
    assert FRAMEWORKS["tfjs"].line(target) is None
    assert FRAMEWORKS["keras"].line(target) is not None


def test_a_framework_that_counts_other_fans_is_given_the_number() -> None:
    """PyTorch's fan_in of a strided transposed convolution is another: so no kaiming_normal_."""
    query = "shape=32,64,4,4&layer=conv_transpose2d&stride=2&activation=relu"
    code = asked(query).equivalents["pytorch"].code
    assert code == "torch.nn.init.normal_(w, std=(2 / 128)**0.5)"


def test_every_counted_line_can_be_written() -> None:
    """A framework without a fan rule would never write one."""
    weight = context_of(parse_question_query(b"shape=8,4")).weight
    for framework in FRAMEWORKS.values():
        counted = any(line.counted for lines in framework.lines.values() for line in lines)
        assert counted == (framework.fans(weight) is not None)


@pytest.mark.parametrize(
    ("framework", "code"),
    [
        ("pytorch", "torch.nn.init.normal_(w, std=1.5335 / 10**0.5)"),
        ("pytorch", "torch.nn.init.normal_(w, std=1.5335304 / 24**0.5)"),
        ("pytorch", 'torch.nn.init.kaiming_normal_(w, nonlinearity="relu")'),
        ("keras", "keras.initializers.HeNormal()"),
        ("burn", "Initializer::Normal { mean: 0.0, std: 1.5335 / f64::sqrt(10.0) }"),
    ],
)
def test_a_wrong_line_would_be_found(framework: str, code: str) -> None:
    """Negative control: fewer digits, another fan, another gain, another distribution."""
    query = "shape=24,10&activation=gelu"
    facts = fetched(asked(query).weights_url).facts
    with pytest.raises(AssertionError):
        check(framework, code, query, facts)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (3.0, "3"),
        (1536.0, "1536"),
        (0.02, "0.02"),
        (math.sqrt(2.0), "1.4142136"),
        (1e-5, "1e-05"),
        (-0.25, "-0.25"),
        (1.0 + 1e-9, "1"),
        (2.0**70, "1.1805916e+21"),
    ],
)
def test_a_number_has_the_fewest_digits(number: float, text: str) -> None:
    """Within 5e-8 of it."""
    assert spelled(number) == text


@pytest.mark.parametrize(
    ("scale", "texts"),
    [
        (Scale(1.0, 1, (96.0,)), ["1 / 96**0.5", "1.0 / f64::sqrt(96.0)"]),
        (Scale(math.sqrt(2.0), 1, (96.0,)), ["(2 / 96)**0.5", "f64::sqrt(2.0 / 96.0)"]),
        (Scale(1.7, 1, (96.0,)), ["1.7 / 96**0.5", "1.7 / f64::sqrt(96.0)"]),
        (
            Scale(1.7, 2, (64.0, 32.0), (2, 12)),
            [
                "1.7 * (2 / ((64 + 32) * 2 * 12))**0.5",
                "1.7 * f64::sqrt(2.0 / ((64.0 + 32.0) * 2.0 * 12.0))",
            ],
        ),
        (Scale(0.02, branches=(2, 12)), ["0.02 / (2 * 12)**0.5", "0.02 / f64::sqrt(2.0 * 12.0)"]),
        (Scale(0.02), ["0.02", "0.02"]),
        (Scale(math.sqrt(2.0)), ["2**0.5", "f64::sqrt(2.0)"]),
        (Scale(1e-170), ["1e-170", "1e-170"]),
        (Scale(1e170), ["1e+170", "1e+170"]),
    ],
)
def test_a_scale_shows_what_it_is_made_of(scale: Scale, texts: list[str]) -> None:
    """The same number in each language, with the gain in front or its square under the root."""
    assert [scale.text(PYTHON), scale.text(RUST)] == texts
    assert scale.text(JAVASCRIPT).count("(") == scale.text(JAVASCRIPT).count(")")
    assert eval(texts[0]) == pytest.approx(scale.value, rel=PRECISION)
    assert eval(scale.text(JULIA), {"sqrt": math.sqrt}) == pytest.approx(scale.value, rel=PRECISION)


def test_the_scale_of_a_variance_scaling_is_a_square() -> None:
    """A short one is written out, any other as the square of the gain."""
    assert Scale(math.sqrt(2.0)).square(PYTHON) == "2.0"
    assert Scale(math.sqrt(0.5)).square(PYTHON) == "0.5"
    assert Scale(1.7).square(PYTHON) == "2.89"
    assert Scale(1.5335304).square(PYTHON) == "1.5335304**2"
    assert Scale(1.5335304, branches=(2, 24)).square(PYTHON) == "1.5335304**2 / (2 * 24)"
