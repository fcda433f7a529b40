"""Constants of residual branches and classifiers: values, refusals, and the words for them."""

import math

import mpmath
import numpy as np
import pytest

from service.errors import FaninError
from service.initializers.schemes import find_scheme
from tests.initializers.issued import law, refusal, url, values
from tests.test_hints import check, of_query


@pytest.mark.parametrize("name", ["rezero", "skipinit", "lora_b"])
@pytest.mark.parametrize("shape", ["1", "512,8", "scalar", "0"])
def test_zero_is_plus_zero(name: str, shape: str) -> None:
    """In any shape; it takes no seed."""
    drawn = values(f"shape={shape}&scheme={name}")
    assert not drawn.any()
    assert not np.signbit(drawn).any()
    assert "seed" not in url(f"shape={shape}&scheme={name}")


@pytest.mark.parametrize(
    ("depth", "value"),
    [(1, 0.1), (12, 0.1), (18, 0.1), (19, 1e-5), (24, 1e-5), (25, 1e-6), (48, 1e-6)],
)
def test_layer_scale_follows_the_depth(depth: int, value: float) -> None:
    """.1 up to 18 blocks, 1e-5 up to 24, 1e-6 beyond: cait_XS24 to cait_M48 among them."""
    assert np.unique(values(f"shape=384&scheme=layer_scale&depth={depth}")).tolist() == [value]


def test_layer_scale_takes_a_value() -> None:
    """Any, 0 and negative ones too."""
    for value in (1e-4, 0.0, -1.0):
        assert set(values(f"shape=3&scheme=layer_scale&value={value}")) == {value}


@pytest.mark.parametrize("prior", [0.01, 0.1, 0.5, 0.9, 1e-10])
def test_a_sigmoid_of_the_prior_bias_is_the_prior(prior: float) -> None:
    """-ln((1 - p) / p) to the last bit of 50 digits."""
    drawn = values(f"shape=4&scheme=prior_bias&prior={prior!r}")
    with mpmath.workdps(50):
        p = mpmath.mpf(prior)
        assert set(drawn) == {float(-mpmath.log((1 - p) / p))}
    assert 1 / (1 + math.exp(-drawn[0])) == pytest.approx(prior, rel=1e-12)


def test_the_default_prior_is_that_of_focal_loss() -> None:
    """-4.59512, as in RetinaNet."""
    assert law("shape=720&scheme=prior_bias").mean == pytest.approx(-4.59511985013459, abs=1e-14)
    assert url("shape=720&scheme=prior_bias&prior=0.01") == url("shape=720&scheme=prior_bias")


@pytest.mark.parametrize("classes", [1, 2, 10, 1000, 21843])
def test_the_class_prior_is_the_log_of_the_classes(classes: int) -> None:
    """-ln K; a sigmoid is 1 / (K + 1) there, and one class gives +0."""
    drawn = values(f"shape=7&scheme=class_prior_bias&classes={classes}")
    with mpmath.workdps(50):
        assert set(drawn) == {float(-mpmath.log(classes))}
    assert 1 / (1 + math.exp(-drawn[0])) == pytest.approx(1 / (classes + 1), rel=1e-12)
    assert np.signbit(drawn).all() == (classes > 1)


REFUSED = [
    ("layer_scale", "scheme_needs", "depth"),
    ("layer_scale&depth=12&value=1", "conflicting_fields", "depth"),
    ("prior_bias&prior=0", "out_of_range", "prior"),
    ("prior_bias&prior=1", "out_of_range", "prior"),
    ("prior_bias&prior=-0.1", "out_of_range", "prior"),
    ("prior_bias&classes=10", "scheme_field", "classes"),
    ("class_prior_bias", "scheme_needs", "classes"),
    ("rezero&value=1", "scheme_field", "value"),
    ("skipinit&depth=3", "scheme_field", "depth"),
    ("lora_b&gain=1", "scheme_field", "gain"),
]


@pytest.mark.parametrize(("query", "reason", "field"), REFUSED)
def test_a_refusal_names_the_field_and_its_hint_works(query: str, reason: str, field: str) -> None:
    """Following the hint leads to an answer, or on to another refusal."""
    found, problem = refusal(f"shape=8&scheme={query}")
    assert (found, problem.field) == (reason, field)
    assert check(of_query(f"shape=8&scheme={query}")) is not None


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("ReZero", "rezero"),
        ("SkipInit", "skipinit"),
        ("LayerScale", "layer_scale"),
        ("layer_scale_init_value", "layer_scale"),
        ("zero_gamma", "zeros"),
        ("zero_init_residual", "zeros"),
        ("zero_module", "zeros"),
        ("zero_head", "zeros"),
        ("focal", "prior_bias"),
        ("prior_prob", "prior_bias"),
        ("nlhb", "class_prior_bias"),
        ("ZerO_Init_on_matrix", "zero_hadamard"),
    ],
)
def test_spellings_of_authors_lead_here(word: str, meant: str) -> None:
    """Names of papers, functions and options."""
    with pytest.raises(FaninError) as refused:
        find_scheme(word)
    assert refused.value.problems[0].hint == f"write {meant}"
