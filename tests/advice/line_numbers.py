"""What a line of code draws, read from the line itself.

A line is evaluated with functions that return the numbers of the draw instead of drawing. One in
another language is first rewritten as Python. The frameworks themselves run in
tests/peers/test_equivalents.py.
"""

import math
import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from service.initializers.fans import Fans

CUT = 0.87962566103423978
"""The std of a standard normal that is cut at two standard deviations."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The numbers of a draw: mean and std of a normal, before any cut, or the ends of a uniform."""

    kind: str
    mean: float = 0.0
    std: float | None = None
    low: float | None = None
    high: float | None = None


def normal(mean: float = 0.0, std: float = 1.0) -> Drawn:
    return Drawn("normal", mean=mean, std=std)


def uniform(low: float, high: float) -> Drawn:
    return Drawn("uniform", mean=(low + high) / 2.0, low=low, high=high)


def truncated(mean: float, std: float, low: float, high: float) -> Drawn:
    """`low` and `high` are values."""
    return Drawn("truncated_normal", mean=mean, std=std, low=low, high=high)


def constant(value: float) -> Drawn:
    return Drawn("constant", mean=value)


def orthogonal(gain: float = 1.0) -> Drawn:
    return Drawn("orthogonal", std=gain)


def number_of(mode: str, fans: Fans) -> float:
    """The number that each framework divides by."""
    average = (fans.fan_in + fans.fan_out) / 2.0
    return {"fan_in": fans.fan_in, "fan_out": fans.fan_out, "fan_avg": average}[mode]


def by_std(kind: str, std: float) -> Drawn:
    """A draw of this std and mean 0; a cut one is cut at two standard deviations."""
    if kind == "uniform":
        return uniform(-std * math.sqrt(3.0), std * math.sqrt(3.0))
    if kind == "truncated_normal":
        parent = std / CUT
        return truncated(0.0, parent, -2.0 * parent, 2.0 * parent)
    return normal(0.0, std)


def _torch(fans: Fans) -> Any:
    gains = {"relu": math.sqrt(2.0), "linear": 1.0}

    def kaiming(kind: str) -> Any:
        def fill(w: Any, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "") -> Drawn:
            gain = gains.get(nonlinearity, math.sqrt(2.0 / (1.0 + a * a)))
            return by_std(kind, gain / math.sqrt(number_of(mode, fans)))

        return fill

    def xavier(kind: str) -> Any:
        return lambda w, gain=1.0: by_std(kind, gain / math.sqrt(number_of("fan_avg", fans)))

    init = SimpleNamespace(
        zeros_=lambda w: constant(0.0),
        ones_=lambda w: constant(1.0),
        constant_=lambda w, value: constant(value),
        normal_=lambda w, mean=0.0, std=1.0: normal(mean, std),
        uniform_=lambda w, low, high: uniform(low, high),
        trunc_normal_=lambda w, mean=0.0, std=1.0, a=-2.0, b=2.0: truncated(mean, std, a, b),
        orthogonal_=lambda w, gain=1.0: orthogonal(gain),
        eye_=lambda w: Drawn("identity", std=1.0),
        dirac_=lambda w, groups=1: Drawn("dirac", std=1.0),
        kaiming_normal_=kaiming("normal"),
        kaiming_uniform_=kaiming("uniform"),
        xavier_normal_=xavier("normal"),
        xavier_uniform_=xavier("uniform"),
    )
    return SimpleNamespace(nn=SimpleNamespace(init=init))


def _scaling(fans: Fans) -> Any:
    def made(scale: float, mode: str, distribution: str) -> Drawn:
        kind = "normal" if "untruncated" in distribution else distribution
        return by_std(kind, math.sqrt(scale / number_of(mode, fans)))

    return made


_CLASSIC = {"lecun": (1.0, "fan_in"), "glorot": (1.0, "fan_avg"), "he": (2.0, "fan_in")}


def _classic(fans: Fans) -> dict[str, Any]:
    """The functions of JAX and Keras, by the names of JAX. The normals are cut."""
    made: dict[str, Any] = {}
    for name, (scale, mode) in _CLASSIC.items():
        for suffix, kind in (("normal", "truncated_normal"), ("uniform", "uniform")):
            made[f"{name}_{suffix}"] = lambda s=scale, m=mode, k=kind: _scaling(fans)(s, m, k)
    return made


def _keras(fans: Fans) -> Any:
    named = {"".join(map(str.capitalize, name.split("_"))): f for name, f in _classic(fans).items()}
    initializers = SimpleNamespace(
        **named,
        Zeros=lambda: constant(0.0),
        Ones=lambda: constant(1.0),
        Constant=constant,
        RandomNormal=lambda mean=0.0, stddev=0.05: normal(mean, stddev),
        RandomUniform=uniform,
        TruncatedNormal=lambda mean=0.0, stddev=0.05: truncated(
            mean, stddev, mean - 2.0 * stddev, mean + 2.0 * stddev
        ),
        VarianceScaling=_scaling(fans),
        Orthogonal=orthogonal,
        Identity=lambda gain=1.0: Drawn("identity", std=gain),
    )
    return SimpleNamespace(initializers=initializers)


class Arithmetic:
    """A draw with which the line computes: a number times it, and a number added to it."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn

    def __rmul__(self, factor: float) -> "Arithmetic":
        was = self.drawn
        std = None if was.std is None else was.std * factor
        low, high = (None if end is None else end * factor for end in (was.low, was.high))
        return Arithmetic(Drawn(was.kind, was.mean * factor, std, low, high))

    def __sub__(self, term: float) -> "Arithmetic":
        return -term + self

    def __radd__(self, term: float) -> "Arithmetic":
        was = self.drawn
        low, high = (None if end is None else end + term for end in (was.low, was.high))
        return Arithmetic(Drawn(was.kind, was.mean + term, was.std, low, high))


def _initializer(make: Any) -> Any:
    """An initializer of JAX, which is called with key and shape."""
    return lambda *numbers, **named: lambda key, shape: Arithmetic(make(*numbers, **named))


def _initializers(fans: Fans) -> dict[str, Any]:
    return {
        **_classic(fans),
        "zeros_init": lambda: constant(0.0),
        "ones_init": lambda: constant(1.0),
        "constant": constant,
        "normal": lambda std: normal(0.0, std),
        "truncated_normal": lambda std, lower=-2.0, upper=2.0: truncated(
            0.0, std, lower * std, upper * std
        ),
        "variance_scaling": _scaling(fans),
        "orthogonal": lambda scale=1.0: orthogonal(scale),
    }


def _jax(fans: Fans) -> Any:
    made = {name: _initializer(make) for name, make in _initializers(fans).items()}
    return SimpleNamespace(
        nn=SimpleNamespace(initializers=SimpleNamespace(**made)),
        numpy=SimpleNamespace(
            float32=None,
            zeros=lambda shape: constant(0.0),
            ones=lambda shape: constant(1.0),
            full=lambda shape, value: constant(value),
            eye=lambda *shape: Arithmetic(Drawn("identity", std=1.0)),
        ),
        random=SimpleNamespace(
            normal=lambda key, shape: Arithmetic(normal()),
            uniform=lambda key, shape, dtype=None, minval=0.0, maxval=1.0: uniform(minval, maxval),
        ),
    )


def _flax(fans: Fans) -> Any:
    initializers = SimpleNamespace(**_initializers(fans))
    return SimpleNamespace(linen=SimpleNamespace(initializers=initializers))


def _mlx(fans: Fans) -> Any:
    def he(kind: str) -> Any:
        def fill(w: Any, mode: str = "fan_in", gain: float = 1.0) -> Drawn:
            return by_std(kind, gain / math.sqrt(number_of(mode, fans)))

        return lambda: fill

    def glorot(kind: str) -> Any:
        return lambda: (
            lambda w, gain=1.0: by_std(kind, gain / math.sqrt(number_of("fan_avg", fans)))
        )

    init = SimpleNamespace(
        constant=lambda value: lambda w: constant(value),
        normal=lambda mean=0.0, std=1.0: lambda w: normal(mean, std),
        uniform=lambda low, high: lambda w: uniform(low, high),
        orthogonal=lambda gain=1.0: lambda w: orthogonal(gain),
        he_normal=he("normal"),
        he_uniform=he("uniform"),
        glorot_normal=glorot("normal"),
        glorot_uniform=glorot("uniform"),
    )
    core = SimpleNamespace(
        zeros_like=lambda w: constant(0.0),
        ones_like=lambda w: constant(1.0),
        eye=lambda *shape: Arithmetic(Drawn("identity", std=1.0)),
        random=SimpleNamespace(
            truncated_normal=lambda low, high, shape: Arithmetic(truncated(0.0, 1.0, low, high))
        ),
    )
    return SimpleNamespace(nn=SimpleNamespace(init=init), core=core)


class _Tensor:
    """The tensor `w`, of which a line takes the shape."""

    shape = (2, 2)


def _flux(fans: Fans) -> dict[str, Any]:
    def scaled(kind: str, mode: str, usual: float) -> Any:
        n = math.sqrt(number_of(mode, fans))
        return lambda dims, gain=usual: by_std(kind, gain / n)

    return {
        "Flux": SimpleNamespace(
            kaiming_normal=scaled("normal", "fan_in", math.sqrt(2.0)),
            kaiming_uniform=scaled("uniform", "fan_in", math.sqrt(2.0)),
            glorot_normal=scaled("normal", "fan_avg", 1.0),
            glorot_uniform=scaled("uniform", "fan_avg", 1.0),
            truncated_normal=lambda dims, mean=0.0, std=1.0, lo=-2.0, hi=2.0: truncated(
                mean, std, lo, hi
            ),
            orthogonal=lambda dims, gain=1.0: orthogonal(gain),
            identity_init=lambda dims, gain=1.0: Drawn("identity", std=gain),
        ),
        "Float32": float,
        "zeros": lambda dtype, dims: constant(0.0),
        "ones": lambda dtype, dims: constant(1.0),
        "fill": lambda value, dims: constant(value),
        "randn": lambda dtype, dims: Arithmetic(normal()),
        "rand": lambda dtype, dims: Arithmetic(uniform(0.0, 1.0)),
        "dims": None,
        "sqrt": math.sqrt,
    }


def _burn(fans: Fans) -> Any:
    def kaiming(kind: str) -> Any:
        return lambda gain, fan_out_only: by_std(
            kind, gain / math.sqrt(number_of("fan_out" if fan_out_only else "fan_in", fans))
        )

    def xavier(kind: str) -> Any:
        return lambda gain: by_std(kind, gain / math.sqrt(number_of("fan_avg", fans)))

    return SimpleNamespace(
        Zeros=constant(0.0),
        Ones=constant(1.0),
        Constant=constant,
        Normal=normal,
        Uniform=lambda min, max: uniform(min, max),
        KaimingNormal=kaiming("normal"),
        KaimingUniform=kaiming("uniform"),
        XavierNormal=xavier("normal"),
        XavierUniform=xavier("uniform"),
        Orthogonal=orthogonal,
    )


def _candle(fans: Fans) -> Any:
    std = math.sqrt(2.0 / fans.fan_in) if fans.fan_in else 0.0
    return SimpleNamespace(
        init=SimpleNamespace(
            DEFAULT_KAIMING_NORMAL=by_std("normal", std),
            DEFAULT_KAIMING_UNIFORM=by_std("uniform", std),
        ),
        Init=SimpleNamespace(
            Const=constant,
            Randn=lambda mean, stdev: normal(mean, stdev),
            Uniform=lambda lo, up: uniform(lo, up),
        ),
    )


def _tfjs(fans: Fans) -> Any:
    """A number that is 0 means the default."""
    modes = {"fanIn": "fan_in", "fanOut": "fan_out", "fanAvg": "fan_avg"}
    known = _classic(fans)
    initializers = SimpleNamespace(
        zeros=lambda: constant(0.0),
        ones=lambda: constant(1.0),
        constant=constant,
        randomNormal=lambda mean=0.0, stddev=0.05: normal(mean, stddev or 0.05),
        randomUniform=lambda minval, maxval: uniform(minval or -0.05, maxval or 0.05),
        truncatedNormal=lambda mean=0.0, stddev=0.05: truncated(
            mean, stddev, mean - 2.0 * stddev, mean + 2.0 * stddev
        ),
        leCunUniform=known["lecun_uniform"],
        glorotUniform=known["glorot_uniform"],
        heUniform=known["he_uniform"],
        varianceScaling=lambda scale, mode, distribution: _scaling(fans)(
            scale, modes[mode], distribution
        ),
        orthogonal=orthogonal,
        identity=lambda gain=1.0: Drawn("identity", std=gain),
    )
    return SimpleNamespace(initializers=initializers)


_TO_PYTHON: dict[str, tuple[tuple[str, str], ...]] = {
    "flux": ((r"; ", ", "), (r"\.\.\.", ""), (r" \.([-+*])", r" \1")),
    "burn": ((r"::", "."), (r" \{ ", "("), (r" \}", ")"), (r"(\w+): ", r"\1=")),
    "candle": ((r"::", "."), (r" \{ ", "("), (r" \}", ")"), (r"(\w+): ", r"\1=")),
    "tfjs": ((r"\(\{ ?", "("), (r" ?\}\)", ")"), (r"(\w+): ", r"\1=")),
}
"""What is replaced in a line of another language, so that it is Python."""


def drawn_by(framework: str, code: str, fans: Fans) -> Drawn:
    """What a line draws in a framework that counts these fans for the weight."""
    for pattern, replacement in _TO_PYTHON.get(framework, ()):
        code = re.sub(pattern, replacement, code)
    known = {
        "torch": _torch(fans),
        "keras": _keras(fans),
        "jax": _jax(fans),
        "flax": _flax(fans),
        "mlx": _mlx(fans),
        "tf": _tfjs(fans),
        "Initializer": _burn(fans),
        "candle_nn": _candle(fans),
        **_flux(fans),
        **{"f64": math, "Math": math, "true": True, "false": False},
        **{"w": _Tensor(), "key": None, "shape": (2, 2), "part": None},
    }
    loop = re.fullmatch(r"for part in w\.chunk\(\d+\): (.*)", code)
    value = eval(loop[1] if loop else code, known)
    if callable(value):
        value = value(None, (2, 2))
    found = value.drawn if isinstance(value, Arithmetic) else value
    assert isinstance(found, Drawn), code
    return found
