"""Schemes whose std depends on the depth: formulas, statistics, refusals, and what they are for."""

import math
import re
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from service.errors import FaninError
from service.initializers.schemes import Scheme, depth, find_scheme
from tests.following import Request
from tests.initializers.issued import Array, assert_std, law, refusal, url, values
from tests.test_hints import check, of_query

CLOSE = 4e-16
"""Two roundings of a float64: what two orders of the same operations may differ by."""


Formula = Callable[[mpmath.mpf, mpmath.mpf], mpmath.mpf]

m, sqrt, ln = mpmath.mpf, mpmath.sqrt, mpmath.log


def number(formula: Formula, outputs: int = 512, inputs: int = 256) -> float:
    """A formula of the papers for o outputs and i inputs, computed with 40 digits."""
    with mpmath.workdps(40):
        return float(formula(m(outputs), m(inputs)))


STDS = [
    ("gpt2_residual&depth=12", lambda o, i: m("0.02") / sqrt(2 * 12)),
    ("gpt2_residual&depth=48&std=0.01&branches=3", lambda o, i: m("0.01") / sqrt(3 * 48)),
    ("gpt2_residual&depth=64&branches=1", lambda o, i: m("0.02") / sqrt(64)),
    ("mamba_residual&depth=24", lambda o, i: 1 / sqrt(i) / sqrt(24) / sqrt(3)),
    ("mamba_residual&depth=24&branches=2", lambda o, i: 1 / sqrt(i) / sqrt(48) / sqrt(3)),
    ("wang_init&depth=12", lambda o, i: 2 / (12 * sqrt(o))),
    ("fixup&depth=16", lambda o, i: sqrt(2 / o) / sqrt(16)),
    ("fixup&depth=17&branch_layers=3", lambda o, i: sqrt(2 / o) * m(17) ** (m(-1) / 4)),
    ("fixup&depth=17&branch_layers=4", lambda o, i: sqrt(2 / o) * m(17) ** (m(-1) / 6)),
    ("fixup&depth=9&mode=fan_in", lambda o, i: sqrt(2 / i) / 3),
    ("fixup&depth=9&negative_slope=0.5", lambda o, i: sqrt(2 / (o * m("1.25"))) / 3),
    ("fixup&depth=9&gain=1", lambda o, i: sqrt(1 / o) / 3),
    ("fixup&depth=9&scale=4", lambda o, i: sqrt(4 / o) / 3),
    ("t_fixup&depth=6", lambda o, i: m("0.67") * m(6) ** (m(-1) / 4) * sqrt(2 / (i + o))),
    (
        "t_fixup&depth=6&variant=encoder",
        lambda o, i: m("0.67") * m(6) ** (m(-1) / 4) * sqrt(2 / (i + o)),
    ),
    ("t_fixup&depth=6&variant=decoder", lambda o, i: m(54) ** (m(-1) / 4) * sqrt(2 / (i + o))),
    ("t_fixup_embedding&depth=6&layer=embedding", lambda o, i: m(54) ** (m(-1) / 4) / sqrt(i)),
    ("deepnorm&depth=12", lambda o, i: m(96) ** (m(-1) / 4) * sqrt(2 / (i + o))),
    ("deepnorm&depth=12&variant=decoder", lambda o, i: m(96) ** (m(-1) / 4) * sqrt(2 / (i + o))),
    (
        "deepnorm&depth=12&decoder_depth=6",
        lambda o, i: m("0.87") * (m(12) ** 4 * 6) ** (m(-1) / 16) * sqrt(2 / (i + o)),
    ),
    (
        "deepnorm&depth=12&decoder_depth=6&variant=decoder",
        lambda o, i: m(72) ** (m(-1) / 4) * sqrt(2 / (i + o)),
    ),
    ("sub_ln&depth=12", lambda o, i: sqrt(ln(24)) * sqrt(2 / (i + o))),
    ("sub_ln&depth=12&decoder_depth=6", lambda o, i: sqrt(ln(18) * ln(24) / 3) * sqrt(2 / (i + o))),
    (
        "sub_ln&depth=12&decoder_depth=6&variant=decoder",
        lambda o, i: sqrt(ln(18)) * sqrt(2 / (i + o)),
    ),
]
"""Requests of a weight of 512 outputs and 256 inputs, and the std of the papers for o and i."""


@pytest.mark.parametrize(("query", "formula"), STDS)
def test_std_is_that_of_the_formula_and_of_the_values(query: str, formula: Formula) -> None:
    """The law to two roundings, and 131,072 values to five standard errors."""
    std = number(formula)
    asked = f"shape=512,256&scheme={query}"
    assert law(asked).std == pytest.approx(std, rel=CLOSE, abs=0)
    assert_std(values(asked), std)


def test_a_std_that_is_three_percent_off_is_seen() -> None:
    """Negative control: five standard errors of 131,072 values are one percent."""
    drawn = values("shape=512,256&scheme=gpt2_residual&depth=12")
    for wrong in (0.97, 1.03):
        with pytest.raises(AssertionError):
            assert_std(drawn, wrong * 0.02 / math.sqrt(24))


CUT_AT_3 = 0.9865783
"""The std of a normal cut at three std, in its own std (tables of the truncated normal)."""

CUT = [
    ("olmo_megatron&depth=12", lambda o, i: m("0.02") / sqrt(24)),
    ("olmo_megatron&depth=12&branches=1&std=1", lambda o, i: 1 / sqrt(12)),
    ("olmo_mitchell", lambda o, i: 1 / sqrt(i)),
    ("olmo_mitchell&layer_index=0", lambda o, i: 1 / sqrt(2 * i)),
    ("olmo_mitchell&layer_index=31", lambda o, i: 1 / sqrt(2 * i * 32)),
    ("olmo_mitchell&layer_index=3&fan_in=100", lambda o, i: 1 / sqrt(2 * 100 * 4)),
    ("olmo_mitchell&layout=EO", lambda o, i: 1 / sqrt(i)),
    ("olmo_mitchell&layer=embedding&layout=OE", lambda o, i: 1 / sqrt(o)),
]


@pytest.mark.parametrize(("query", "formula"), CUT)
def test_olmo_cuts_at_three_std_of_the_parent(query: str, formula: Formula) -> None:
    """As trunc_normal_(std=std, a=-3 std, b=3 std) does."""
    parent = number(formula)
    found = law(f"shape=512,256&scheme={query}")
    assert found.parent_std == pytest.approx(parent, rel=CLOSE, abs=0)
    assert found.limit == pytest.approx(3 * parent, rel=CLOSE, abs=0)
    drawn = values(f"shape=512,256&scheme={query}")
    assert np.abs(drawn).max() <= 3 * parent
    assert_std(drawn, parent * CUT_AT_3)


def test_olmo_takes_another_cut() -> None:
    """`init_cutoff_factor` is `bounds`; std_kind=corrected divides by the ratio of the cut."""
    narrow = law("shape=512,256&scheme=olmo_mitchell&bounds=2")
    assert narrow.limit == pytest.approx(2 / 16, rel=CLOSE)
    exact = law("shape=512,256&scheme=olmo_megatron&depth=12&std_kind=corrected")
    assert exact.std == pytest.approx(0.02 / math.sqrt(24), rel=CLOSE)


def test_the_first_layer_has_the_index_0() -> None:
    """With it the std is 1 / sqrt(2 d), without it 1 / sqrt(d): the index is not dropped."""
    assert "layer_index=0" in url("shape=512,256&scheme=olmo_mitchell&layer_index=0")


def test_fixup_counts_the_kernel_as_its_authors_do() -> None:
    """sqrt(2 / (O k k)) L^-0.5: shape[0] times the product of shape[2:]."""
    found = law("shape=64,32,3,3&scheme=fixup&depth=8")
    assert found.std == pytest.approx(math.sqrt(2 / (64 * 9)) * 8**-0.5, rel=CLOSE)


@pytest.mark.parametrize("name", ["fixup", "t_fixup", "deepnorm", "sub_ln"])
def test_the_gain_that_is_told_can_be_asked_for(name: str) -> None:
    """`gain` and `scale` set the base's gain, and the factor comes on top, once."""
    asked = f"shape=512,256&scheme={name}&depth=9"
    told = law(asked).gain
    assert url(f"{asked}&gain={told!r}") == url(asked)
    assert law(f"{asked}&scale=4").gain == 2.0
    assert url(f"{asked}&scale=4") == url(f"{asked}&gain=2")
    plain, doubled = law(asked).std, law(f"{asked}&scale=4").std
    assert plain is not None
    assert told is not None
    assert doubled == pytest.approx(plain * 2 / told, rel=CLOSE)


@pytest.mark.parametrize("name", ["fixup", "t_fixup", "deepnorm", "sub_ln"])
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_both_distributions_have_the_same_std(name: str, distribution: str) -> None:
    """A uniform of limit sqrt(3) std."""
    asked = f"shape=512,256&scheme={name}&depth=9&distribution={distribution}"
    found, other = law(asked), law(f"shape=512,256&scheme={name}&depth=9")
    assert found.std == pytest.approx(other.std, rel=CLOSE)
    assert found.distribution == distribution


def test_one_layer_is_the_base() -> None:
    """Fixup with depth 1 is He with fan_out, to the bit."""
    one = values("shape=64,48&scheme=fixup&depth=1")
    assert np.array_equal(one, values("shape=64,48&scheme=he_normal&mode=fan_out"))
    assert not np.array_equal(one, values("shape=64,48&scheme=fixup&depth=2"))


def test_a_side_matters_only_where_there_are_two() -> None:
    """`variant` leaves the canonical URL of a model that is only one of them."""
    alone = url("shape=64,64&scheme=deepnorm&depth=9")
    assert url("shape=64,64&scheme=deepnorm&depth=9&variant=decoder") == alone
    both = "shape=64,64&scheme=deepnorm&depth=9&decoder_depth=9"
    assert url(f"{both}&variant=decoder") != url(both)


LAYOUTS = ["gpt2_residual&depth=12", "fixup&depth=16", "deepnorm&depth=12", "wang_init&depth=12"]


@pytest.mark.parametrize(
    "query", [*LAYOUTS, "olmo_mitchell&layer_index=2", "mamba_residual&depth=4"]
)
def test_a_layout_permutes_the_values(query: str) -> None:
    """[64,48,3,3] as OIHW and [3,3,48,64] as HWIO hold the same kernel."""
    torch = values(f"shape=64,48,3,3&scheme={query}")
    keras = values(f"shape=3,3,48,64&layout=HWIO&scheme={query}")
    assert np.array_equal(torch.transpose(2, 3, 1, 0), keras)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("query", [*LAYOUTS, "olmo_mitchell&layer_index=2", "sub_ln&depth=4"])
def test_a_slice_is_a_part_of_the_whole(query: str, dtype: str) -> None:
    """In every dtype, and the std belongs to the whole."""
    asked = f"shape=64,48&scheme={query}&dtype={dtype}"
    assert np.array_equal(values(asked)[5:9, 7:], values(f"{asked}&slice=5:9,7:"))


@pytest.mark.parametrize("query", LAYOUTS)
def test_an_empty_tensor_is_served(query: str) -> None:
    """It has no elements."""
    assert values(f"shape=0,8&scheme={query}").size == 0


def test_parts_of_different_heights_have_fans_of_their_own() -> None:
    """The output weight's fan_out is that of its block."""
    parts = values("shape=96,64&scheme=wang_init&depth=2&parts=64,32")
    assert_std(parts[:64], 1 / 8)
    assert_std(parts[64:], 1 / math.sqrt(32))


REFUSED = [
    ("gpt2_residual", "scheme_needs", "depth"),
    ("gpt2_residual&depth=3&std=0", "not_positive", "std"),
    ("gpt2_residual&depth=3&std=-1", "not_positive", "std"),
    ("mamba_residual", "scheme_needs", "depth"),
    ("olmo_megatron", "scheme_needs", "depth"),
    ("wang_init", "scheme_needs", "depth"),
    ("fixup", "scheme_needs", "depth"),
    ("fixup&depth=4&branch_layers=1", "out_of_range", "branch_layers"),
    ("fixup&depth=4&gain=-1", "not_positive", "gain"),
    ("t_fixup", "scheme_needs", "depth"),
    ("t_fixup&depth=6&variant=interleaved", "unknown_word", "variant"),
    ("t_fixup&depth=6&decoder_depth=6", "scheme_field", "decoder_depth"),
    ("t_fixup_embedding&depth=6", "scheme_axes", "layer"),
    ("t_fixup_embedding&depth=6&layout=OI", "scheme_axes", "layer"),
    ("t_fixup_embedding&layer=embedding", "scheme_needs", "depth"),
    ("deepnorm", "scheme_needs", "depth"),
    ("deepnorm&decoder_depth=6", "scheme_needs", "depth"),
    ("sub_ln", "scheme_needs", "depth"),
    ("he_normal&depth=6", "scheme_field", "depth"),
    ("gpt2_residual&depth=6&layer_index=1", "scheme_field", "layer_index"),
    ("gpt2_residual&depth=6&fan_in=9", "scheme_field", "fan_in"),
    ("olmo_mitchell&depth=6", "scheme_field", "depth"),
]


@pytest.mark.parametrize(("query", "reason", "field"), REFUSED)
def test_a_refusal_names_the_field_and_its_hint_works(query: str, reason: str, field: str) -> None:
    """Following the hint leads to an answer, or on to another refusal."""
    asked = f"shape=64,48&scheme={query}"
    if reason == "unknown_word":
        with pytest.raises(FaninError):
            law(asked)
        return
    found, problem = refusal(asked)
    assert (found, problem.field) == (reason, field)
    assert check(of_query(f"{asked}&seed=1")) is not None


def test_an_accepted_request_has_no_refusal_to_follow() -> None:
    """Negative control of the check above."""
    words = {"shape": "64,48", "scheme": "fixup", "depth": "4", "seed": "1"}
    assert check(Request(words)) is None


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("T-Fixup", "t_fixup"),
        ("DeepNet", "deepnorm"),
        ("SubLN", "sub_ln"),
        ("GPT2", "gpt2_residual"),
        ("scaled_init_method_normal", "gpt2_residual"),
        ("mitchell", "olmo_mitchell"),
        ("full_megatron", "olmo_megatron or gpt2_residual"),
        ("wang_init_method", "wang_init"),
        ("WangInit", "wang_init"),
        ("zero_residual", "zeros"),
    ],
)
def test_spellings_of_authors_lead_here(word: str, meant: str) -> None:
    """Names of papers, functions and options."""
    with pytest.raises(FaninError) as refused:
        find_scheme(word)
    assert refused.value.problems[0].hint == f"write {meant}"


@pytest.mark.parametrize("record", depth.SCHEMES, ids=lambda record: record.name)
def test_a_record_names_the_code_that_it_was_compared_with(record: Scheme) -> None:
    """A repository, a commit and a file."""
    assert record.source is not None
    assert re.match(r"[\w-]+/[\w-]+@[0-9a-f]{7}, \S+\.py", record.source)


WIDTH, BLOCKS, BRANCHES, SAMPLES = 128, 32, 2, 64


def residual_variance(scheme: str) -> float:
    """The variance of the stream of a pre-norm network behind its last block.

    Each of 64 branches adds W u, u being the stream divided by its root mean square. The stream
    begins with variance 1.
    """
    stream: Array = np.random.default_rng(7).standard_normal((SAMPLES, WIDTH))
    stream /= np.sqrt(np.mean(stream**2, axis=1, keepdims=True))
    for branch in range(BLOCKS * BRANCHES):
        unit = stream / np.sqrt(np.mean(stream**2, axis=1, keepdims=True))
        weight = values(f"shape={WIDTH},{WIDTH}&scheme={scheme}", name=f"branch{branch}")
        stream = stream + unit @ weight.T
    return float(np.mean(stream**2))


def test_gpt2_residual_keeps_the_stream_and_a_plain_normal_does_not() -> None:
    """Branches of std 1/sqrt(width) add variance 1 each: 65 in all, and 2 if they are scaled.

    The variance that a branch adds has a relative std of sqrt(2 / width) for one sample, 0.13.
    Over 64 branches 0.016 remains, and samples share the weights, so they do not help. The
    tolerance is five times that, doubled for the products of branch and stream.
    """
    std = f"{1 / math.sqrt(WIDTH)!r}"
    kept = residual_variance(f"gpt2_residual&depth={BLOCKS}&std={std}")
    grown = residual_variance(f"normal&std={std}")
    assert kept == pytest.approx(2.0, rel=0.16)
    assert grown == pytest.approx(1.0 + BLOCKS * BRANCHES, rel=0.16)


def post_norm_update(scheme: str, alpha: float) -> float:
    """How much the output of a post-norm network moves if every weight moves by 1 % of its std.

    Each of 64 branches is W2 W1, each block x -> norm(alpha x + W2 W1 x).
    """
    source: Array = np.random.default_rng(7).standard_normal((SAMPLES, WIDTH))
    noise = np.random.default_rng(8)
    plain = moved = source / np.sqrt(np.mean(source**2, axis=1, keepdims=True))
    for branch in range(BLOCKS * BRANCHES):
        pair = [
            values(f"shape={WIDTH},{WIDTH}&scheme={scheme}", name=f"branch{branch}.{each}")
            for each in (1, 2)
        ]
        step = [0.01 / math.sqrt(WIDTH) * noise.standard_normal(pair[0].shape) for _ in pair]
        plain = alpha * plain + plain @ pair[0].T @ pair[1].T
        moved = alpha * moved + moved @ (pair[0] + step[0]).T @ (pair[1] + step[1]).T
        plain = plain / np.sqrt(np.mean(plain**2, axis=1, keepdims=True))
        moved = moved / np.sqrt(np.mean(moved**2, axis=1, keepdims=True))
    return float(np.mean((plain - moved) ** 2))


def test_deepnorm_bounds_the_update_of_a_deep_network() -> None:
    """With alpha and beta the same steps move the output several times less than without."""
    alpha = (2.0 * BLOCKS) ** 0.25
    bounded = post_norm_update(f"deepnorm&depth={BLOCKS}", alpha)
    plain = post_norm_update("glorot_normal", 1.0)
    assert bounded < plain / 4
