"""Our fans of known layers beside PyTorch's and Keras's."""

from collections.abc import Callable
from math import prod

import pytest

from service.initializers.fans import Weight, fans_of
from tests.initializers.fan_rows import ROWS, Row

every_row = pytest.mark.parametrize("row", ROWS, ids=[row.label for row in ROWS])


def fans_by_row(row: Row, written: tuple[str, tuple[int, ...]]) -> tuple[float, float]:
    """Our fans of a row's weight as one framework stores it."""
    letters, shape = written
    by_letter = row.layer.startswith("depthwise") and "E" in letters
    groups = None if by_letter else row.groups
    fans = fans_of(Weight(letters, shape, row.layer, groups, row.parts, row.stride))
    assert fans is not None
    return fans.fan_in, fans.fan_out


def pytorchs_rule(shape: tuple[int, ...]) -> tuple[int, int]:
    """torch.nn.init._calculate_fan_in_and_fan_out: channels are the axes 1 and 0."""
    return shape[1] * prod(shape[2:]), shape[0] * prod(shape[2:])


def kerass_rule(shape: tuple[int, ...]) -> tuple[int, int]:
    """keras.initializers' compute_fans: channels are the last axis but one, and the last."""
    return shape[-2] * prod(shape[:-2]), shape[-1] * prod(shape[:-2])


def test_there_are_rows_of_every_kind() -> None:
    """Agreement and each reason to disagree are shown, in 20 rows or more."""
    assert len(ROWS) >= 20
    assert len({row.label for row in ROWS}) == len(ROWS)
    assert sum(not row.torch_differs for row in ROWS) >= 8
    assert {row.layer for row in ROWS} >= {
        "dense", "conv2d", "depthwise_conv2d", "conv_transpose2d", "embedding", "recurrent",
    }  # fmt: skip


@every_row
def test_our_fans_are_the_rows_however_the_weight_is_written(row: Row) -> None:
    """The letters of either framework give the literal fans."""
    for written in (row.torch, row.keras):
        assert written is None or fans_by_row(row, written) == row.ours


@every_row
@pytest.mark.parametrize("peer", ["torch", "keras"])
def test_the_peers_answer_is_the_rows_and_differs_only_with_a_reason(row: Row, peer: str) -> None:
    """Its documented rule gives the literal; it equals ours exactly where no reason stands."""
    written = {"torch": row.torch, "keras": row.keras}[peer]
    says = {"torch": row.torch_says, "keras": row.keras_says}[peer]
    reason = {"torch": row.torch_differs, "keras": row.keras_differs}[peer]
    rule: Callable[..., tuple[int, int]] = {"torch": pytorchs_rule, "keras": kerass_rule}[peer]
    if written is None:
        assert (says, reason) == (None, "")
    else:
        assert rule(written[1]) == says
        assert (says == row.ours) == (reason == "")
