"""Names that differ in their numbers are collapsed, and nothing is lost or added."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.models.numbered_names import (
    MOST_NUMBERS,
    MOST_RUNS,
    NumberedName,
    boxes,
    pattern_of,
    short_boxes,
    written,
)


@pytest.mark.parametrize(
    ("name", "pattern", "numbers"),
    [
        ("h.3.attn.c_attn.weight", "h.*.attn.c_attn.weight", (3,)),
        ("layers.3.mlp.experts.17.w1.weight", "layers.*.mlp.experts.*.w1.weight", (3, 17)),
        ("blocks/0/fc2/kernel", "blocks/*/fc2/kernel", (0,)),
        ("0.weight", "*.weight", (0,)),
        ("fc1.weight", "fc*.weight", (1,)),
        ("conv2_1.weight", "conv*_1.weight", (2,)),
        ("layer1.0.conv1.weight", "layer1.*.conv1.weight", (0,)),
        ("h.007.w", "h.007.w", ()),
        ("h.1234567890.w", "h.1234567890.w", ()),
        ("wte.weight", "wte.weight", ()),
        ("0.1.2.3.4.5", "*.*.*.*.4.5", (0, 1, 2, 3)),
    ],
)
def test_which_numbers_of_a_name_count(name: str, pattern: str, numbers: tuple[int, ...]) -> None:
    parts = NumberedName.of(name)
    assert (pattern_of(parts.texts), parts.numbers) == (pattern, numbers)
    assert parts.depth == (numbers[0] if numbers else None)


@given(st.text(alphabet="ab.0129/", max_size=30))
def test_the_parts_of_a_name_make_it_again(name: str) -> None:
    parts = NumberedName.of(name)
    assert len(parts.numbers) <= MOST_NUMBERS
    assert written(parts.texts, tuple((number,) for number in parts.numbers)) == name


@given(st.integers(0, 3).flatmap(lambda n: st.sets(st.tuples(*[st.integers(0, 5)] * n))))
def test_boxes_have_each_of_the_numbers_once(every: set[tuple[int, ...]]) -> None:
    found = [numbers for box in boxes(every) for numbers in product(*box)]
    assert sorted(found) == sorted(every)


def test_a_grid_is_one_box() -> None:
    grid = product((0, 1, 2), (5, 6), (9,))
    assert boxes(grid) == (((0, 1, 2), (5, 6), (9,)),)
    assert written(("h.", ".e.", ".f.", ""), ((0, 1, 2), (5, 7), (9,))) == "h.{0..2}.e.{5,7}.f.9"


def test_one_pair_of_braces_has_few_ranges() -> None:
    even = tuple(range(0, 100, 2))
    parts = list(short_boxes((even,)))
    assert [number for (numbers,) in parts for number in numbers] == list(even)
    assert all(len(re.findall(r"\d+", written(("", ""), box))) <= MOST_RUNS for box in parts)
