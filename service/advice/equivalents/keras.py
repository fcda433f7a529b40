"""Lines of Keras. Source: keras/src/initializers, release 3.15.1."""

from functools import partial

from service.advice.equivalents.lines import (
    CLASSIC,
    Framework,
    Line,
    call,
    classic,
    constants,
    ends_of,
    gain_of,
    last_is_output,
    mean_of,
    parent_of,
    scaling,
    truncated_at_two,
)
from service.advice.equivalents.notation import PYTHON
from service.advice.equivalents.target import Target
from service.initializers.framework_fans import framework_fans

_OF = "keras.initializers."


def _classic(target: Target) -> str | None:
    name = classic(target)
    if name is None or not target.cut_at_two:
        return None
    kind = "Uniform" if target.kind == "uniform" else "Normal"
    return f"{_OF}{name.capitalize()}{kind}()"


def _normal(target: Target) -> str:
    std = target.std.text(PYTHON)
    return call(f"{_OF}RandomNormal", mean=mean_of(target), stddev=std)


def _uniform(target: Target) -> str:
    return call(f"{_OF}RandomUniform", *ends_of(target))


def _truncated(target: Target) -> str | None:
    if not truncated_at_two(target):
        return None
    return call(f"{_OF}TruncatedNormal", mean=mean_of(target), stddev=parent_of(target))


def _identity(target: Target) -> str | None:
    return call(f"{_OF}Identity", gain=gain_of(target)) if target.parts == 1 else None


_scaling = partial(scaling, f"{_OF}VarianceScaling", "untruncated_normal")

KERAS = Framework(
    {
        "constant": constants(f"{_OF}Zeros()", f"{_OF}Ones()", f"{_OF}Constant(number)"),
        "normal": (
            *(
                Line(
                    f"scaling_{name}",
                    _scaling(named=name),
                    counted=True,
                    note=f"{name.capitalize()}Normal of Keras has this std too, but is truncated.",
                )
                for name in CLASSIC
            ),
            Line("scaling_normal", _scaling(), counted=True),
            Line("normal", _normal),
        ),
        "uniform": (
            Line("classic_uniform", _classic, counted=True),
            Line("scaling_uniform", _scaling(), counted=True),
            Line("uniform", _uniform),
        ),
        "truncated_normal": (
            Line("classic_truncated", _classic, counted=True),
            Line("scaling_truncated", _scaling(), counted=True),
            Line(
                "truncated_normal",
                _truncated,
                note="stddev is that of the normal before it is cut at two standard deviations.",
            ),
        ),
        "orthogonal": (Line("orthogonal", last_is_output("keras", f"{_OF}Orthogonal", "gain")),),
        "identity": (Line("identity", _identity),),
    },
    missing="keras.initializers has nothing for these values: fetch weights_url.",
    fans=partial(framework_fans, "keras"),
)
