"""Lines of TensorFlow.js. Source: tfjs-layers/src/initializers.ts, release 4.22.0.

Where it is given a 0 it takes its default. A normal of its variance scaling is cut and has 0.88 of
the std, so only its uniform one is written.
"""

from functools import partial

from service.advice.equivalents.lines import (
    Framework,
    Line,
    classic,
    constants,
    ends_of,
    gain_of,
    mean_of,
    parent_of,
    truncated_at_two,
)
from service.advice.equivalents.notation import JAVASCRIPT
from service.advice.equivalents.target import Target
from service.initializers.framework_fans import framework_fans

_OF = "tf.initializers."
_MODES = {"fan_in": "fanIn", "fan_out": "fanOut", "fan_avg": "fanAvg"}
_NAMES = {"lecun": "leCun", "glorot": "glorot", "he": "he"}


def _made(function: str, **named: str | None) -> str:
    """A call with an object of options, of which None is left out."""
    given = ", ".join(f"{name}: {text}" for name, text in named.items() if text is not None)
    return f"{_OF}{function}({{ {given} }})" if given else f"{_OF}{function}({{}})"


def _classic(target: Target) -> str | None:
    name = classic(target)
    return None if name is None else _made(f"{_NAMES[name]}Uniform")


def _scaling(target: Target) -> str | None:
    if target.mode not in _MODES:
        return None
    scale, mode = target.gain.square(JAVASCRIPT), f"'{_MODES[target.mode]}'"
    return _made("varianceScaling", scale=scale, mode=mode, distribution="'uniform'")


def _normal(target: Target) -> str:
    mean, std = mean_of(target, JAVASCRIPT), target.std.text(JAVASCRIPT)
    return _made("randomNormal", mean=mean, stddev=std)


def _uniform(target: Target) -> str | None:
    low, high = ends_of(target, JAVASCRIPT)
    return None if "0" in (low, high) else _made("randomUniform", minval=low, maxval=high)


def _truncated(target: Target) -> str | None:
    if not truncated_at_two(target):
        return None
    mean, std = mean_of(target, JAVASCRIPT), parent_of(target, JAVASCRIPT)
    return _made("truncatedNormal", mean=mean, stddev=std)


def _orthogonal(target: Target) -> str | None:
    if not target.one_matrix("tfjs", -1):
        return None
    return _made("orthogonal", gain=gain_of(target, JAVASCRIPT))


def _identity(target: Target) -> str | None:
    """TensorFlow.js takes square matrices."""
    if target.parts > 1 or len(set(target.weight.shape)) > 1:
        return None
    return _made("identity", gain=gain_of(target, JAVASCRIPT))


TFJS = Framework(
    {
        "constant": constants(
            f"{_OF}zeros()", f"{_OF}ones()", f"{_OF}constant({{ value: number }})", JAVASCRIPT
        ),
        "normal": (Line("normal", _normal),),
        "uniform": (
            Line("classic_uniform", _classic, counted=True),
            Line("scaling_uniform", _scaling, counted=True),
            Line("uniform", _uniform),
        ),
        "truncated_normal": (
            Line(
                "truncated_normal",
                _truncated,
                note="stddev is that of the normal before it is cut at two standard deviations.",
            ),
        ),
        "orthogonal": (Line("orthogonal", _orthogonal),),
        "identity": (Line("identity", _identity),),
    },
    missing="tf.initializers has nothing for these values: fetch weights_url.",
    fans=partial(framework_fans, "tfjs"),
)
