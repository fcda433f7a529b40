"""What a scheme fills and needs, by its example and by asking the plan."""

from functools import cache

from service.errors import FaninError
from service.fields import parse_query
from service.fields.types import VARIANTS
from service.initializers.schemes import SCHEMES
from service.initializers.schemes.record import EXAMPLE
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
    "depth": ("5", "12"),
    "decoder_depth": ("7",),
    "layer_index": ("3",),
    "branches": ("3",),
    "branch_layers": ("3", "4"),
    "base_fan_in": ("48",),
    "inner": ("normal", "he_uniform"),
    "factor": ("2", "4", "3"),
    "sparsity": ("0.3", "0.7"),
    "omega": ("7",),
    "base": ("500",),
    "period": ("50",),
    "gates": ("ifgo", "ogfi", "rzn", "zrh", "rnz"),
    "dt_min": ("0.002",),
    "dt_max": ("0.2",),
    "dt_floor": ("0.01",),
    "r_min": ("0.3",),
    "r_max": ("0.95",),
    "max_phase": ("1.5",),
    "prior": ("0.2",),
    "classes": ("11",),
    "variant": VARIANTS,
    "kernel": ("1,2,1", "1,2,1,2", "1,0,-1,2,0,-2,1,0,-1"),
    "normalise": ("none", "sum", "l1", "l2"),
    "channels": ("each", "all"),
    "sigma": ("1.7",),
    "wavelength": ("3.5",),
    "aspect": ("0.8",),
    "phase": ("0.4",),
    "window": ("none", "hann", "hamming", "blackman", "bartlett"),
    "periodic": ("true", "false"),
    "scaling": ("none", "density", "spectrum"),
    "sample_rate": ("8000", "22050"),
    "low_frequency": ("60",),
    "high_frequency": ("3000",),
}
"""Values of each field that sets a number of a scheme."""


def accepted(query: str) -> bool:
    """Whether there is a plan for the request."""
    try:
        plan(parse_query(query.encode()), "raw", max_bytes=2**44)
    except FaninError:
        return False
    return True


def needed(name: str) -> str:
    """What the scheme's example has beside a shape, each field after an `&`."""
    items = SCHEMES[name].example.split("&")
    return "".join(f"&{item}" for item in items if not item.startswith("shape="))


@cache
def fills(name: str, shape: str) -> bool:
    """Whether the scheme fills a tensor of this shape."""
    return accepted(f"shape={shape}&seed=1&scheme={name}{needed(name)}")


def filled(shape: str) -> list[str]:
    """The schemes that fill a tensor of this shape."""
    return [name for name in SCHEMES if fills(name, shape)]


def _kind(name: str) -> tuple[object, ...]:
    """What tells presets apart: whether for a layer, number of axes, and draw."""
    scheme = SCHEMES[name]
    if scheme.preset is None:
        return (name,)
    tensor = plan(parse_query(smallest(name).encode()), "raw", max_bytes=2**40).tensor
    layered = scheme.preset.layer is not None
    return layered, len(tensor.spec.shape), type(tensor.law.draw)


@cache
def distinct() -> tuple[str, ...]:
    """All schemes that are no presets, and a preset of each kind, the first in the table.

    Presets of a kind differ in numbers alone, which tests/peers compares with the peers.
    """
    return tuple({_kind(name): name for name in reversed(SCHEMES)}.values())[::-1]


def smallest(name: str) -> str:
    """A request for the scheme: its example, or a small matrix if it has the usual one."""
    example = SCHEMES[name].example.replace(EXAMPLE, "shape=12,12")
    return f"{example}&scheme={name}&seed=1"
