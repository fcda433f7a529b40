"""ICNR: a convolution before a sub-pixel shuffle whose upsampling is nearest-neighbour at first."""

from dataclasses import replace
from math import prod

from service.errors import ImpossibleError, Problem
from service.initializers.references import AITKEN_2017
from service.initializers.schemes.record import Law, Numbers, Request, Scheme
from service.stream.draws import Repeated

PASSED_ON = (
    *("fan_in", "fan_out", "mode", "distribution", "gain", "gain_rule", "scale", "mean", "std"),
    *("std_kind", "low", "high", "bounds", "value"),
)
"""The fields that the common schemes in `inner` take. Other fields are passed on as well."""


def sub_kernel(shape: tuple[int, ...], letters: str, numbers: Numbers) -> tuple[int, ...]:
    """The shape with the outputs divided by factor^k, k the number of kernel axes.

    Raises ImpossibleError: `scheme_axes` unless there is one O axis and a kernel,
    `impossible_parts` unless factor^k divides the outputs.
    """
    times = copies(letters, numbers)
    if times is None or letters.count("O") != 1:
        message = "icnr fills convolutions with one O axis, before a sub-pixel shuffle"
        hint = "write four extents, such as shape=256,64,3,3, or use scheme=he_normal"
        raise ImpossibleError("scheme_axes", Problem("layout", message, hint))
    axis = letters.index("O")
    if shape[axis] % times != 0:
        message = f"{times} copies of each filter do not divide {shape[axis]} outputs"
        near = (shape[axis] // times + 1) * times
        fitting = (*shape[:axis], near, *shape[axis + 1 :])
        hint = f"write shape={','.join(map(str, fitting))}, or factor=1"
        raise ImpossibleError("impossible_parts", Problem("factor", message, hint))
    return (*shape[:axis], shape[axis] // times, *shape[axis + 1 :])


def copies(letters: str, numbers: Numbers) -> int | None:
    """factor^k, the pixels that replace one; None without a kernel axis."""
    kernel_axes = sum(letter in "DHW" for letter in letters)
    return prod([numbers.factor or 1] * kernel_axes) if kernel_axes else None


def _law(request: Request) -> Law:
    """Output c r^k + j, or j C + c for the other shuffle, is filter c of the smaller tensor."""
    inner, letters = request.inner, request.weight.letters
    assert inner is not None  # the default of `inner` is a scheme
    if isinstance(inner.draw, Repeated):
        message = "icnr repeats the filters of the scheme inner, which must not be icnr itself"
        raise ImpossibleError("scheme_field", Problem("inner", message, "write inner=he_normal"))
    times = copies(letters, request.numbers) or 1
    draw = Repeated(
        draw=inner.draw,
        times=times,
        consecutive=request.numbers.variant == "crd",
        outputs=max(request.weight.count("O") // times, 1),
        inner=max(request.weight.count("IDHW"), 1),
    )
    return replace(inner, draw=draw)


SCHEMES = (
    Scheme(
        name="icnr",
        summary=(
            "The weight of a convolution before a sub-pixel shuffle. The filters of all pixels "
            "that replace one pixel are equal, so the picture begins without a checkerboard."
        ),
        formula="w[o] = v[o // r^k], v of scheme `inner` with O / r^k outputs; dcr: v[o mod O/r^k]",
        distribution="normal",
        fields=("inner", "factor", "variant", *PASSED_ON),
        law=_law,
        aliases=("subpixel_conv",),
        defaults=Numbers(inner="he_normal", factor=2, variant="crd"),
        references=(AITKEN_2017,),
        draft=1,
        variants=("crd", "dcr"),
        sub_kernel=sub_kernel,
        example="shape=256,64,3,3",
    ),
)
