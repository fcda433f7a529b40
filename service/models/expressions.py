"""The expressions of recipe files: integer arithmetic over names.

    3 * n_embd                  integers, names, + - * // %
    kv_heads == heads           comparisons give 1 or 0; `and`, `or`, `not` too
    max(1, width // 4)          min and max
    divisor(width, heads)       the largest divisor of the first that is at most the second
    hidden_sizes[stage - 1]     a member of a list, counted from 0; len(hidden_sizes)
    multiplier == 0.25          a fraction is only compared, for example with a value of the config

Python's parser reads the text, and this module computes the result itself. There is no power, no
attribute and no other call. Integers stay below 2^63 in magnitude.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from functools import cached_property
from math import isqrt

Value = int | float | str | tuple[int, ...]
"""An integer, a list of integers, or a number or a word that is only passed on or compared."""

Names = Mapping[str, Value]

MOST_INTEGER = 2**63 - 1

MOST_DIVIDED = 10**8
"""The largest number whose divisors are looked for. It takes 10,000 trials, about 1 ms."""

_FUNCTIONS = frozenset({"min", "max", "len", "divisor"})

_Evaluate = Callable[[Names], Value]

_ARITHMETIC: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[int, int], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_EQUALITIES: dict[type[ast.cmpop], Callable[[Value, Value], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class ExpressionError(ValueError):
    """The text is no expression, or it has no value for these names.

    The message has the text, for the author of a recipe. `why` is the reason without it, for those
    who do not know the recipe.
    """

    def __init__(self, text: str, why: str) -> None:
        self.why = why
        super().__init__(f"{text!r}: {why}")


class Expression:
    """An expression that was read and can be evaluated many times."""

    def __init__(self, text: str) -> None:
        """Raises ExpressionError if `text` is not in the language."""
        try:
            tree = ast.parse(text, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise ExpressionError(text, "this is no expression") from None
        self.text = text
        self._tree = tree.body
        self._evaluate = _compiled(tree.body, text)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that the value depends on."""
        nodes = (node for node in ast.walk(self._tree) if isinstance(node, ast.Name))
        return frozenset(node.id for node in nodes) - _FUNCTIONS

    def value(self, names: Names) -> Value:
        """The value for these names.

        Raises ExpressionError for an unknown name, a division by 0, an index outside a list, a
        value of a wrong kind, and a result of 2^63 or more.
        """
        try:
            return self._evaluate(names)
        except KeyError as error:
            raise ExpressionError(self.text, f"there is no {error.args[0]}") from None
        except ZeroDivisionError:
            raise ExpressionError(self.text, "a number is divided by 0") from None
        except IndexError:
            raise ExpressionError(self.text, "a list has too few numbers") from None

    def integer(self, names: Names) -> int:
        """The value, which is an integer. Raises ExpressionError."""
        return _integer(self.value(names), self.text)


def _compiled(node: ast.expr, text: str) -> _Evaluate:
    match node:
        case ast.Constant(value=bool()) | ast.Constant(value=None):
            raise ExpressionError(text, "write 1 and 0")
        case ast.Constant(value=int() as number) if number <= MOST_INTEGER:
            return lambda names: number
        case ast.Constant(value=float() as fraction):
            return lambda names: fraction
        case ast.Constant(value=str() as word):
            return lambda names: word
        case ast.Name(id=name):
            return lambda names: names[name]
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
            return _arithmetic(_ARITHMETIC[type(sign)], left, right, text)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _arithmetic(operator.sub, ast.Constant(0), operand, text)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            denied = _integers(operand, text)
            return lambda names: int(not denied(names))
        case ast.BoolOp(op=ast.And(), values=values):
            parts = [_integers(value, text) for value in values]
            return lambda names: int(all(part(names) for part in parts))
        case ast.BoolOp(op=ast.Or(), values=values):
            parts = [_integers(value, text) for value in values]
            return lambda names: int(any(part(names) for part in parts))
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return _comparison(sign, left, right, text)
        case ast.Call(func=ast.Name(id="min" | "max" as name), args=[_, _, *_], keywords=[]):
            parts = [_integers(each, text) for each in node.args]
            pick = min if name == "min" else max
            return lambda names: pick(part(names) for part in parts)
        case ast.Call(func=ast.Name(id="divisor"), args=[divided, most], keywords=[]):
            whole, limit = _integers(divided, text), _integers(most, text)
            return lambda names: _divisor(whole(names), limit(names), text)
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)], keywords=[]):
            return lambda names: len(_list(names[name], text))
        case ast.Subscript(value=ast.Name(id=name), slice=index):
            place = _integers(index, text)
            return lambda names: _member(_list(names[name], text), place(names))
    raise ExpressionError(text, f"{ast.unparse(node)!r} is not part of the language")


def _arithmetic(
    compute: Callable[[int, int], int], left: ast.expr, right: ast.expr, text: str
) -> _Evaluate:
    first, second = _integers(left, text), _integers(right, text)

    def evaluate(names: Names) -> int:
        result = compute(first(names), second(names))
        if abs(result) > MOST_INTEGER:
            raise ExpressionError(text, "a number is 2^63 or more")
        return result

    return evaluate


def _comparison(sign: ast.cmpop, left: ast.expr, right: ast.expr, text: str) -> _Evaluate:
    equal = _EQUALITIES.get(type(sign))
    if equal is not None:
        these, those = _compiled(left, text), _compiled(right, text)
        return lambda names: int(equal(these(names), those(names)))
    compare = _COMPARISONS.get(type(sign))
    if compare is None:
        raise ExpressionError(text, "such a comparison is not part of the language")
    first, second = _integers(left, text), _integers(right, text)
    return lambda names: int(compare(first(names), second(names)))


def _divisor(whole: int, most: int, text: str) -> int:
    """The largest divisor of `whole` that is at most `most`."""
    if not 0 < whole <= MOST_DIVIDED or most < 1:
        raise ExpressionError(text, f"no divisor of {whole} up to {most} can be found")
    root = isqrt(whole)
    # Of two factors one is at most the root. The larger factor is found by its cofactor.
    for cofactor in range(-(-whole // most), root + 1):
        if whole % cofactor == 0:
            return whole // cofactor
    return next(each for each in range(min(most, root), 0, -1) if whole % each == 0)


def _integers(node: ast.expr, text: str) -> Callable[[Names], int]:
    evaluate = _compiled(node, text)
    return lambda names: _integer(evaluate(names), text)


def _integer(value: Value, text: str) -> int:
    if not isinstance(value, int):
        raise ExpressionError(text, "an integer is needed")
    return int(value)


def _list(value: Value, text: str) -> tuple[int, ...]:
    if not isinstance(value, tuple):
        raise ExpressionError(text, "a list is needed")
    return value


def _member(values: tuple[int, ...], place: int) -> int:
    if place < 0:
        raise IndexError
    return values[place]
