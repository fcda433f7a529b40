"""A law in words: the numbers that a reader expects, and which of several laws come first."""

import pytest

from service.audit.checkpoint.law_text import listed, parameters
from service.audit.laws.candidates import Candidate, bias_candidates, candidates_of, fitted
from service.audit.laws.readings import Reading

DENSE = Reading("dense", "OI")


def law_of(name: str, shape: tuple[int, ...] = (300, 784)) -> Candidate:
    """The law of a scheme for a dense weight."""
    (law,) = (each for each in candidates_of(shape, (DENSE,)) if name in each.names)
    return law


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("torch.linear", "uniform ±0.03571, std 0.02062"),
        ("he_normal", "normal std 0.05051"),
        (
            "lecun_normal&distribution=truncated_normal",
            "truncated normal std 0.03571, cut at ±0.08",
        ),
        ("orthogonal", "orthogonal std 0.03571"),
    ],
)
def test_the_numbers_of_a_law(name: str, told: str) -> None:
    """The limit of a uniform, which is sqrt 3 times its std, and where a normal is cut."""
    assert parameters(law_of(name)).startswith(told)


def test_a_mean_is_told() -> None:
    """That of scales is 1. The ends of a uniform tell its mean."""
    told = {parameters(law) for law in bias_candidates((512,), ())}
    assert "normal mean 1, std 0.02" in told
    assert not any(text.startswith("uniform mean") for text in told)


def laws(count: int) -> list[Candidate]:
    """Normal laws with stds of 1 to `count`."""
    found = [fitted("normal", float(std)) for std in range(1, count + 1)]
    return [law for law in found if law is not None]


def test_laws_with_well_known_names_are_first() -> None:
    """Whatever place they were found in. The others are counted by their distribution."""
    known = [law_of("he_normal"), law_of("torch.linear")]
    told = listed([law_of("olmo_mitchell"), *laws(3), *known], 2, 5)
    assert [text.partition(" (")[0] for text in told] == [
        "normal std 1",
        "normal std 2",
        "normal std 3",
        "normal std 0.05051",
        "uniform ±0.03571, std 0.02062",
        "1 more truncated normal",
    ]
    assert listed([*laws(5), known[1], known[1]], 2, 4)[-1] == "1 more normal, 2 more uniform"


def test_one_law_has_more_names() -> None:
    """Several have one each."""
    assert listed([law_of("torch.linear")], 2, 4)[0].count(",") == 3
