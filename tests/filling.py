"""What a scheme fills and cannot do without, found by asking the plan, so that no test lists it."""

from functools import cache
from itertools import combinations

from service.errors import FaninError
from service.fields import parse_query
from service.initializers.schemes import SCHEMES
from service.plan import plan

VALUES = {
    "fan_in": ("7", "13.5"),
    "fan_out": ("7", "0.75"),
    "mode": ("fan_in", "fan_out", "fan_avg", "fan_geo_avg"),
    "distribution": ("normal", "uniform", "truncated_normal"),
    "gain": ("0.5",),
    "gain_rule": ("exact", "backward"),
    "scale": ("0.3",),
    "mean": ("0.5",),
    "std": ("0.02",),
    "std_kind": ("corrected", "parent"),
    "low": ("-0.3",),
    "high": ("0.4",),
    "bounds": ("1.5", "-1,3"),
    "value": ("0.3",),
}
"""Values of each field that sets a number of a scheme."""

_NEEDED = {field: values[0] for field, values in VALUES.items()} | {
    **{"mean": "0.25", "std": "0.1", "low": "-0.1", "high": "0.3", "value": "0.5"},
}
"""A value of each field where a scheme needs it; none of VALUES where that can be avoided."""


def accepted(query: str) -> bool:
    """Whether there is a plan for the request."""
    try:
        plan(parse_query(query.encode()), "raw", max_bytes=2**44)
    except FaninError:
        return False
    return True


SHAPES = ("12,12", "12", "12,4,3", "12,4,3,12", "12,4,3,3,12")
"""One of each number of axes that a layer has, two axes first."""


@cache
def needed(name: str) -> str:
    """The fewest of the scheme's fields, with values, without which it is refused everywhere."""
    listed = SCHEMES[name].fields
    for count in range(len(listed) + 1):
        for fields in combinations(listed, count):
            added = "".join(f"&{field}={_NEEDED[field]}" for field in fields)
            if any(accepted(f"shape={shape}&seed=1&scheme={name}{added}") for shape in SHAPES):
                return added
    raise AssertionError(f"{name}: no request of {SHAPES} is accepted; add a shape that it fills")


@cache
def fills(name: str, shape: str) -> bool:
    """Whether the scheme fills a tensor of this shape."""
    return accepted(f"shape={shape}&seed=1&scheme={name}{needed(name)}")


def filled(shape: str) -> list[str]:
    """The schemes that fill a tensor of this shape."""
    return [name for name in SCHEMES if fills(name, shape)]


def smallest(name: str) -> str:
    """A request for the scheme: the first of SHAPES that it fills, and what it needs."""
    shape = next(shape for shape in SHAPES if fills(name, shape))
    return f"shape={shape}&scheme={name}&seed=1{needed(name)}"
