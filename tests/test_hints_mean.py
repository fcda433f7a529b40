"""A hint, followed to the letter, is accepted and gives what was meant."""

import re
from urllib.parse import parse_qsl

import numpy as np
import pytest

from service.errors import Problem
from service.fields import Spec, parse_words
from service.initializers.schemes import NUMBER_FIELDS, SCHEMES
from service.initializers.schemes.filters import Bank
from service.plan import plan
from tests.following import MOST_BYTES, Request, followed
from tests.test_hints import MORE, WORDS, default_form, of_query


def url_of(request: Request) -> str | None:
    """The canonical URL of an accepted request."""
    return plan(parse_words(request.fields), request.form, max_bytes=MOST_BYTES).url


def problems_of(query: str) -> tuple[Problem, ...]:
    """What a query is refused for."""
    error = of_query(f"{query}&seed=1&name=w").refusal()
    assert error is not None, query
    return error.problems


MEANT = [
    ("shape=8,4&scheme=torch.trunc_normal&a=-1", "write low", "low=-1"),
    ("shape=8,4&scheme=torch.trunc_normal&b=1", "write high", "high=1"),
    ("shape=8,4&scheme=uniform&b=1&low=0", "write high", "high=1&low=0"),
    ("shape=8,4&scheme=uniform&maxval=1&low=0", "write high", "high=1&low=0"),
    ("shape=8,4&scheme=flux.truncated_normal&lo=-1", "write low", "low=-1"),
    ("shape=8,4&scheme=torch.kaiming_uniform&a=1", "write negative_slope", "negative_slope=1"),
    (
        "shape=8,4&scheme=deepnorm&decoder_depth=100&variant=decoder",
        "write depth=100 and leave decoder_depth out",
        "depth=100&variant=decoder",
    ),
    ("shape=3,3&scheme=sobel", "write shape=1,1,3,3", "shape=1,1,3,3"),
    (
        "shape=3,3&scheme=literal&kernel=4,-5,4,-5,4,-5,4,-5,4",
        "write shape=1,1,3,3",
        "shape=1,1,3,3",
    ),
    ("shape=5,5&scheme=cross", "write shape=1,1,5,5", "shape=1,1,5,5"),
    ("shape=5,3&scheme=cross", "write shape=1,1,3,3", "shape=1,1,3,3"),
    ("shape=4,4&scheme=prewitt", "write shape=1,1,3,3", "shape=1,1,3,3"),
    (
        "shape=14,14,768&scheme=sinusoidal_positions&variant=grid",
        "write shape=196,768",
        "shape=196,768",
    ),
    ("shape=1,1,6,6&scheme=causal_mask", "write shape=6,6", "shape=6,6"),
    ("shape=12,1,1&scheme=alibi_slopes", "write shape=12", "shape=12"),
    ("shape=201,1,400&scheme=stft", "write layout=OIW", "layout=OIW"),
    ("shape=201,400&scheme=stft", "write shape=201,1,400", "shape=201,1,400&layout=OIW"),
    ("shape=512,256&scheme=sparse&sparsity=90", "write sparsity=0.9", "sparsity=0.9"),
    ("shape=8,4&scheme=sparse&sparsity=90", "write sparsity=0.75", "sparsity=0.75"),
    ("shape=510&scheme=keras.lstm.bias", "write shape=508", "shape=508"),
    ("shape=64,510&scheme=keras.lstm.kernel", "write shape=64,508", "shape=64,508"),
    ("shape=510,64&scheme=torch.lstm", "write shape=508,64", "shape=508,64"),
    ("shape=4,3&scheme=mlx.identity", "write shape=4,4", "shape=4,4"),
    ("shape=8,4&scheme=he_normal&std=0.02", "write scheme=normal", "scheme=normal"),
    ("shape=8,4&scheme=he_uniform&std=0.02", "write scheme=uniform", "scheme=uniform"),
    ("shape=8,4&std=0.02", "write scheme=normal", "scheme=normal"),
    ("shape=16,4,3,3&scheme=icnr&std=0.02", "write inner=normal", "inner=normal"),
    ("shape=8,4&scheme=normal&omega=30", "omega belongs to siren;", "scheme=siren"),
    (
        "shape=9,4&scheme=normal&variant=mae",
        "variant belongs to sinusoidal_positions;",
        "scheme=sinusoidal_positions",
    ),
]


@pytest.mark.parametrize(("query", "hint", "meant"), MEANT)
def test_the_first_way_gives_what_was_meant(query: str, hint: str, meant: str) -> None:
    """The changed request is planned, with the canonical URL of the request that was meant."""
    (problem,) = problems_of(query)
    assert problem.hint.startswith(hint)
    way = followed(problem, of_query(f"{query}&seed=1&name=w"))[0]
    right = dict(parse_qsl(f"{query}&seed=1&name=w"))
    right |= dict(parse_qsl(meant))
    left_out = {"decoder_depth"} | (set(right) - set(Spec.model_fields))
    assert url_of(way) == url_of(Request({f: v for f, v in right.items() if f not in left_out}))


@pytest.mark.parametrize("scheme", ["truncated_normal", "torch.trunc_normal", "trunc_normal_"])
def test_a_and_b_of_a_truncated_normal_are_its_bounds(scheme: str) -> None:
    """torch's trunc_normal_ has a and b, and no slope."""
    hints = {each.field: each.hint for each in problems_of(f"shape=8,4&scheme={scheme}&a=-2&b=2")}
    assert (hints["a"], hints["b"]) == ("write low", "write high")


def test_bounds_in_standard_deviations_are_kept() -> None:
    """timm's trunc_normal_tf_ has a and b in units of the std, which is the field bounds."""
    for problem in problems_of("shape=8,4&scheme=timm.trunc_normal_tf&a=-1&b=3"):
        assert problem.hint.endswith("add bounds=-1,3")


@pytest.mark.parametrize("scheme", ["normal", "zeros", "glorot_normal"])
def test_a_scheme_without_bounds_and_slope_takes_no_a(scheme: str) -> None:
    """No hint leads to a field that would change nothing."""
    for word in ("a", "b"):
        (problem,) = problems_of(f"shape=8,4&scheme={scheme}&{word}=1")
        assert problem.hint.startswith(f"leave {word} out")


@pytest.mark.parametrize("name", list(SCHEMES))
def test_a_missing_field_is_shown_with_a_value_that_works(name: str) -> None:
    """Each scheme's own example without its other fields is refused with a hint to copy."""
    words = dict(parse_qsl(SCHEMES[name].example))
    own = set(NUMBER_FIELDS) - {"fan_in", "fan_out"}
    request = Request({f: v for f, v in words.items() if f not in own} | {"scheme": name})
    error = request.refusal()
    for _ in range(2):
        if error is None:
            return
        assert error.reason == "scheme_needs"
        request = followed(error.problems[0], request)[0]
        error = request.refusal()
    assert error is None


def test_no_hint_has_dots_for_a_value() -> None:
    """Somebody who copies `depth=...` gets a second refusal."""
    requests = [Request(words, default_form(words)) for words in WORDS] + list(map(of_query, MORE))
    for request in requests:
        error = request.refusal()
        for problem in error.problems if error else ():
            assert "=..." not in problem.hint


@pytest.mark.parametrize("scheme", ["zeros", "normal", "he_uniform", "torch.conv2d", "sobel"])
def test_a_field_leads_to_at_most_three_schemes(scheme: str) -> None:
    """Whoever reads a hint does not want the inventory."""
    for field in set(NUMBER_FIELDS) - set(SCHEMES[scheme].fields):
        (example,) = Spec.model_fields[field].examples or []
        (problem,) = problems_of(f"shape=8,4,3,3&scheme={scheme}&{field}={example}")
        named = re.findall(r"scheme=([\w.]+)|(?<=to )([\w., ]+?)(?: and others)?;", problem.hint)
        schemes = [word for pair in named for words in pair for word in words.split(", ") if word]
        assert 1 <= len(schemes) <= 3, problem.hint
        assert set(schemes) <= set(SCHEMES)


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("scheme=s4d_log_decay&variant=legs", "write lin or real, or leave variant out"),
        ("scheme=s4d_log_decay&variant=inv", "write lin or real, or leave variant out"),
        ("scheme=he_normal&variant=legs", "leave variant out"),
    ],
)
def test_an_unknown_variant_leads_to_those_of_the_scheme(query: str, hint: str) -> None:
    """Another scheme's variants cannot be meant."""
    assert problems_of(f"shape=8,4&{query}")[0].hint == hint


NEAR = [
    ("Linear", "write torch.linear or keras.dense"),
    ("Conv2D", "write torch.conv2d or keras.conv2d"),
    ("lstm", "write torch.lstm or keras.lstm.kernel"),
    ("vit_pos_embed", "write truncated_normal or sinusoidal_positions"),
    ("flax.linen.Dense", "write flax.dense"),
    ("nn.Linear", "write torch.linear"),
]


@pytest.mark.parametrize(("word", "hint"), NEAR)
def test_a_layers_name_leads_to_pytorch_and_keras(word: str, hint: str) -> None:
    """Unless the word names another framework."""
    assert problems_of(f"shape=8,4&scheme={word}")[0].hint == hint


@pytest.mark.parametrize("word", ["s4d_kernel", "he_norml", "linaer", "gausian", "sinus"])
def test_the_nearest_schemes_are_those_without_a_framework_first(word: str) -> None:
    """Then come PyTorch's and Keras's layers, and no others."""
    nearest = problems_of(f"shape=8,4&scheme={word}")[0].hint.removeprefix("the nearest are ")
    prefixes = [name.partition(".")[0] if "." in name else "" for name in nearest.split(", ")]
    assert prefixes[0] == ""
    assert prefixes == sorted(prefixes, key=bool)
    assert set(prefixes) <= {"", "torch", "keras"}


def test_a_long_word_is_cut_with_a_mark() -> None:
    """40 characters are quoted, and a word of 40 has no mark."""
    assert problems_of("shape=8,4&scheme=" + "x" * 41)[0].message.startswith(f"{'x' * 40!r}... ")
    assert problems_of("shape=8,4&scheme=" + "x" * 40)[0].message.startswith(f"{'x' * 40!r} ")


FUSED = [
    (name, gates)
    for name in SCHEMES
    for word, gates in (("lstm", 4), ("gru", 3))
    if re.search(rf"\.{word}(_cell)?(\.|$)", name)
    and not name.startswith(("burn.", "flax."))
    and name not in ("keras.gru.bias", "mlx.gru.bhn")
]


@pytest.mark.parametrize(("name", "gates"), FUSED)
def test_fused_gates_divide_the_outputs(name: str, gates: int) -> None:
    """Weight and bias of a layer agree about which numbers of outputs it has.

    Burn and Flax have a tensor for each gate. Keras's GRU bias has an axis for its two rows.
    """
    bias = ".bias" in name
    for outputs in (gates * 8, gates * 8 + 1):
        columns_last = name.startswith(("keras.", "tfjs."))
        shape = str(outputs) if bias else f"{outputs},5"
        shape = f"5,{outputs}" if columns_last and not bias else shape
        error = of_query(f"shape={shape}&scheme={name}&seed=1").refusal()
        assert (None if error is None else error.reason) == (
            None if outputs % gates == 0 else "impossible_parts"
        )


FAULTY = [name for name, scheme in SCHEMES.items() if scheme.fault is not None]


@pytest.mark.parametrize("name", FAULTY)
def test_a_known_fault_is_told_with_what_ends_its_warning(name: str) -> None:
    """docs/warnings.md promises a field, or a scheme that does not have the fault."""
    fault = SCHEMES[name].fault or ""
    named = re.search(r"(?:give|add|use) (?:scheme=)?([\w.]+)", fault)
    assert named is not None, fault
    assert named[1] in Spec.model_fields or named[1] in SCHEMES


FACTS = [
    ("forget_gate_bias", "bias_ih and bias_hh"),
    ("chrono_bias", "bias_ih and bias_hh"),
    ("fixup", "scheme=zeros. A bottleneck has branch_layers=3"),
    ("deepnorm", "scheme=glorot_normal"),
    ("deepnorm", "alpha"),
    ("sinusoidal_positions", "class token"),
    ("mamba_a_log", "D is scheme=ones"),
    ("delta_orthogonal", "(k - 1) // 2"),
    ("cross", "white patch"),
    ("gabor", "phase=1.5707963267948966"),
]


@pytest.mark.parametrize(("name", "told"), FACTS)
def test_a_summary_says_what_a_correct_model_needs(name: str, told: str) -> None:
    """Not the page about drafts alone."""
    assert told in SCHEMES[name].summary


def test_the_recipe_for_an_x_finds_an_x() -> None:
    """As the summary of cross says: 20 on an X, 0 on white; cross itself cannot tell them apart."""
    kernel = re.search(r"kernel=([-0-9,]+)", SCHEMES["cross"].summary)
    assert kernel is not None
    values = np.array([float(each) for each in kernel[1].split(",")]).reshape(3, 3)
    x = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
    assert (values * x).sum() == 20
    assert values.sum() == 0
    assert (x * x).sum() == (x * np.ones((3, 3))).sum()


@pytest.mark.parametrize("side", [3, 5, 7])
def test_a_gabor_filter_ignores_brightness_at_the_phase_that_its_summary_names(side: int) -> None:
    """The values add up to 0 but for rounding; with phase 0 and 3 x 3 they do not."""
    turned = Bank(side * side, 8, side, 2.0, 4.0, 0.5, 1.5707963267948966).values()
    assert np.abs(turned.reshape(8, -1).sum(1)).max() < 1e-12
    assert np.abs(Bank(9, 8, 3, 2.0, 4.0, 0.5, 0.0).values().reshape(8, -1).mean(1)).min() > 0.3


def test_no_summary_has_an_ellipsis_or_one_kernel_axes() -> None:
    """Patterns of sentences that had to be read twice."""
    for scheme in SCHEMES.values():
        assert "..." not in scheme.summary.replace("-2, ...", ""), scheme.name
        assert "1 kernel axes" not in scheme.summary
        assert "by default, " not in scheme.summary
