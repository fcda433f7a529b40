"""Layers that cannot read what the one before them gives are refused, and no others."""

from typing import Any

import pytest

from service.errors import ImpossibleError
from tests.propagation.asking import network, stack

Layers = list[dict[str, Any]]

UNFIT: list[Layers] = [
    [{"shape": [300, 100], "position": "first"}, {"shape": [10, 200]}],
    [{"shape": [64, 32]}, {"shape": [64, 60]}],
    [{"shape": [300, 100], "repeat": 2}],
    [{"shape": [32, 64], "layout": "IO"}, {"shape": [32, 64], "layout": "IO"}],
    [{"shape": [64, 64], "activation": "swiglu"}, {"shape": [64, 64], "activation": "swiglu"}, {}],
    [
        {"shape": [64, 64], "role": "attention_value"},
        {"shape": [64, 60], "role": "attention_output"},
    ],
    [{"shape": [256, 64], "role": "mlp_up"}, {"shape": [64, 200], "role": "mlp_down"}],
]
UNFIT[4][2] = {"shape": [64, 48], "activation": "swiglu"}


@pytest.mark.parametrize("layers", UNFIT, ids=range(len(UNFIT)))
def test_widths_that_cannot_fit_are_refused(layers: Layers) -> None:
    """With both numbers, and a hint that names both ways out."""
    with pytest.raises(ImpossibleError) as caught:
        network(layers=layers, activation="relu")
    [problem] = caught.value.problems
    assert caught.value.reason == "conflicting_fields"
    assert problem.field.startswith("layers[")
    assert problem.field.endswith("].shape")
    assert "inputs or" in problem.hint


def test_the_numbers_of_the_misfit_are_told() -> None:
    """And a network after the hint is answered."""
    first = {"shape": [300, 100], "position": "first"}
    with pytest.raises(ImpossibleError) as caught:
        network(layers=[first, {"shape": [10, 200]}], activation="relu")
    [problem] = caught.value.problems
    assert problem.message == "layer.2 reads 200 values, and layer.1 gives 300"
    assert problem.hint == "give layer.2 300 inputs or layer.1 200 outputs"
    assert network(layers=[first, {"shape": [10, 300]}], activation="relu").verdict == "stable"
    narrow = {"shape": [200, 100], "position": "first"}
    assert network(layers=[narrow, {"shape": [10, 200]}], activation="relu").verdict == "stable"


def test_a_stack_has_layers_that_fit() -> None:
    """A shape that is not square cannot follow itself."""
    with pytest.raises(ImpossibleError) as caught:
        stack("shape=300,100&depth=4&activation=relu")
    assert caught.value.problems[0].field == "shape"
    assert stack("shape=300,100&depth=1&activation=relu").verdict == "stable"


def of_block(**shapes: list[int]) -> Layers:
    """Layers of these roles."""
    return [{"role": role, "shape": shape} for role, shape in shapes.items()]


FIT: list[tuple[str, Layers]] = [
    ("swiglu", of_block(mlp_gate=[256, 64], mlp_up=[256, 64], mlp_down=[64, 256])),
    ("swiglu", of_block(mlp_gate_up=[512, 64], mlp_down=[64, 256])),
    ("gelu", of_block(attention_qkv=[192, 64], attention_output=[64, 64])),
    (
        "gelu",
        of_block(
            attention_query=[64, 64],
            attention_key=[16, 64],
            attention_value=[16, 64],
            attention_output=[64, 64],
        ),
    ),
    (
        "gelu",
        of_block(
            embedding=[1000, 64],
            position_embedding=[128, 64],
            mlp_up=[256, 64],
            mlp_down=[64, 256],
            router=[8, 64],
            head=[1000, 64],
        ),
    ),
    ("swiglu", [{"width": 64}, {"width": 64}]),
    ("relu", [{"shape": [64, 32, 3, 3]}, {"shape": [128, 64, 3, 3]}, {"shape": [10, 2048]}]),
    ("relu", [{"shape": [64, 32, 3, 3]}, {"shape": [128, 32, 3, 3], "groups": 2}]),
    ("relu", [{"shape": [64, 32], "layout": "OI"}, {"shape": [64, 16], "layout": "IO"}]),
    ("tanh", [{"shape": [256, 32]}, {"shape": [256, 64], "layer": "recurrent"}]),
]


@pytest.mark.parametrize(("activation", "layers"), FIT, ids=range(len(FIT)))
def test_widths_that_fit_are_answered(activation: str, layers: Layers) -> None:
    """Gated units, heads, tables, groups, a flattened image: without a note about widths."""
    answer = network(layers=layers, activation=activation)
    assert not any("do not fit" in note for note in answer.notes)


def test_what_cannot_be_known_is_noted() -> None:
    """A concatenation may stand between convolutions."""
    answer = network(
        layers=[{"shape": [64, 32, 3, 3]}, {"shape": [64, 96, 3, 3]}], activation="relu"
    )
    [note] = [note for note in answer.notes if "do not fit" in note]
    assert "layer.2 reads 96 channels, and layer.1 gives 64" in note
