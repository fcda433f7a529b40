"""The expressions of recipe files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.models.expressions import Expression, ExpressionError, Value

NAMES: dict[str, Value] = {
    "n": 12,
    "std": 0.02,
    "kind": "relu",
    "sizes": (64, 128, 256),
    "gated": True,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3 * n", 36),
        ("-n + 20", 8),
        ("(n + 3) // 2", 7),
        ("n % 5", 2),
        ("-7 // 2", -4),
        ("min(n, 5, 7)", 5),
        ("max(n, 5)", 12),
        ("n == 12", 1),
        ("n != 12", 0),
        ("n < 12", 0),
        ("n >= 12", 1),
        ("gated", 1),
        ("gated + 1", 2),
        ("not gated", 0),
        ("n > 3 and n < 9", 0),
        ("n > 30 or n < 13", 1),
        ("kind == 'relu'", 1),
        ("kind != 'gelu'", 1),
        ("sizes[n // 6]", 256),
        ("len(sizes)", 3),
        ("std", 0.02),
        ("std == 0.02", 1),
        ("9223372036854775807", 2**63 - 1),
        ("divisor(n, 5)", 4),
        ("divisor(64, n)", 8),
        ("divisor(n, 100)", 12),
        ("divisor(97, 96)", 1),
    ],
)
def test_values(text: str, value: Value) -> None:
    assert Expression(text).value(NAMES) == value


@pytest.mark.parametrize(
    "text",
    [
        "n ** 2",
        "n / 2",
        "n << 3",
        "n.real",
        "n()",
        "abs(n)",
        "min(n)",
        "max(sizes)",
        "min(n, 5, key=n)",
        "divisor(n)",
        "divisor(n, 5, 7)",
        "[n]",
        "(n, n)",
        "lambda: n",
        "n if gated else 3",
        "1 < n < 5",
        "n is 3",
        "n in sizes",
        "True",
        "None",
        "9223372036854775808",
        "sizes[0:2]",
        "sizes[0][0]",
        "n := 3",
        "__import__('os')",
        "",
        "3 +",
        "a\nb",
        "(" * 500 + "n" + ")" * 500,
        "f'{n}'",
        "*n",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        Expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "missing",
        "n // 0",
        "n % 0",
        "sizes[3]",
        "sizes[0 - 1]",
        "n[0]",
        "len(n)",
        "std + 1",
        "kind + 1",
        "sizes + 1",
        "4611686018427387904 * 2",
        "0 - 9223372036854775807 - 1",
        "divisor(0, 3)",
        "divisor(0 - 4, 3)",
        "divisor(n, 0)",
        "divisor(std, 3)",
        "divisor(100000001, 3)",
    ],
)
def test_values_that_do_not_exist(text: str) -> None:
    with pytest.raises(ExpressionError):
        Expression(text).integer(NAMES)


def test_the_names_that_a_value_depends_on() -> None:
    assert Expression("max(n, sizes[m]) + len(kind)").names == {"n", "sizes", "m", "kind"}
    assert Expression("divisor(n, m)").names == {"n", "m"}


@given(st.integers(1, 5000), st.integers(1, 6000))
def test_a_divisor_is_the_largest_that_is_small_enough(whole: int, most: int) -> None:
    expected = max(each for each in range(1, min(whole, most) + 1) if whole % each == 0)
    assert Expression("divisor(whole, most)").value({"whole": whole, "most": most}) == expected


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 9))
def test_arithmetic_is_that_of_python(a: int, b: int, c: int) -> None:
    names: dict[str, Value] = {"a": a, "b": b, "c": c}
    for text in ("a + b * c", "(a - b) // c", "a % c - b", "max(a, b) * min(b, c)"):
        expected = eval(text, {"max": max, "min": min}, dict(names))
        assert Expression(text).integer(names) == expected
