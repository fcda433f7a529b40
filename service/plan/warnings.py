"""The table of warnings: a request that is answered but was probably meant otherwise.

Warnings depend on the spelling of the request, so they are found before the spec is normalised.
The canonical URL describes less of the layer and has warnings of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

from service.fields import Spec
from service.initializers.auto import resolve_auto
from service.initializers.fans import MODES
from service.initializers.framework_fans import framework_fans, unseen
from service.initializers.gains import gain_of
from service.initializers.layers import DEFAULT_FRAMEWORK, FRAMEWORKS
from service.initializers.layouts import kernel_axes
from service.initializers.likely_layout import described, likely_layout
from service.initializers.schemes import AUTO, Law, Scheme
from service.initializers.schemes.record import INPUTS
from service.plan.laws import activation_of, numbers_of, std_with_letters, weight_of
from service.plan.rounded import SAME_STD, is_fine, rounded
from service.plan.tensor import Tensor
from service.stream.draws import Sparse

GAIN_IGNORES_ACTIVATION = "gain_ignores_activation"

_SAME_GAIN = 0.01
"""Relative difference of gains that is ignored. ReLU6's exact gain and He's differ by 4e-9."""


_MUCH = 0.01
"""The relative change by rounding, and the share of zeros, from which there is a warning."""

_MUCH_OF_STD = 0.1
"""The shift of the mean, in std, from which there is a warning even if the mean is large."""


@dataclass(frozen=True, slots=True)
class PlanWarning:
    """`code` is stable. `message` says what may be wrong and what to do about it."""

    code: str
    message: str


def warnings_of(tensor: Tensor) -> tuple[PlanWarning, ...]:
    """The warnings of a request, without those about its name. `tensor.spec` is as requested."""
    found = ((code, warn(tensor)) for code, warn in _TABLE.items())
    return tuple(PlanWarning(code, message) for code, message in found if message is not None)


def name_warnings(uses_words: bool, name: str) -> tuple[PlanWarning, ...]:
    """The warning for random values without a name."""
    return (NAME_MISSING,) if uses_words and not name else ()


NAME_MISSING = PlanWarning(
    "name_missing",
    "without a name, all tensors with this seed and shape have equal values: "
    "add name=layer1.weight",
)


def _suspicious_layout(tensor: Tensor) -> str | None:
    spec, letters = tensor.spec, tensor.placement.letters
    if letters is None or tensor.law.draw.all_equal:
        return None
    likely = likely_layout(letters, spec.shape, tensor.placement.layer)
    if likely is None:
        return None
    shape = ",".join(map(str, spec.shape))
    requested = f"{shape} read as {letters} has {described(letters, spec.shape)}"
    if tensor.law.mode is not None and tensor.law.std is not None:
        requested += f", with std {tensor.law.std:.6g}"
    others = (_read_as(spec, each) for each in likely.letters)
    layouts = " or ".join(f"layout={each}" for each in likely.letters)
    return f"{requested}; {'; '.join(others)}: if that is meant, write {layouts}"


def _read_as(spec: Spec, letters: str) -> str:
    """The kernel, the channels and the std of the weight with these letters."""
    layer = spec.layer if kernel_axes(letters) else None
    std = std_with_letters(spec.model_copy(update={"layer": layer}), letters)
    text = f"as {letters} it has {described(letters, spec.shape)}"
    return text if std is None else f"{text}, with std {std:.6g}"


def _layer_guessed(tensor: Tensor) -> str | None:
    spec, placement = tensor.spec, tensor.placement
    if spec.layer is not None or spec.layout is not None or placement.layer is None:
        return None
    if tensor.scheme.preset is not None:
        return None
    if len(spec.shape) == 2 and (len(set(spec.shape)) == 1 or not _counts_a_fan(tensor)):
        return None
    axes = "one axis is" if len(spec.shape) == 1 else f"{len(spec.shape)} axes are"
    return (
        f"{axes} taken for a {placement.layer} in {DEFAULT_FRAMEWORK}'s layout "
        f"{placement.letters}: give layer or layout if it is something else"
    )


def _counts_a_fan(tensor: Tensor) -> bool:
    """Whether a fan that sets the std is counted from the shape."""
    spec, mode = tensor.spec, tensor.law.mode
    return mode is not None and any(getattr(spec, fan) is None for fan in MODES[mode])


def _fans_differ_from_framework(tensor: Tensor) -> str | None:
    """Compare the fans that the mode uses and that the request does not give."""
    spec, mode = tensor.spec, tensor.law.mode
    framework = DEFAULT_FRAMEWORK if spec.layout is None else spec.layout
    if framework not in FRAMEWORKS or mode is None or tensor.scheme.preset is not None:
        return None
    weight = weight_of(spec, tensor.placement)
    theirs = framework_fans(framework, weight)
    if theirs is None:
        return None
    differing = [
        (fan, getattr(theirs, fan), _fans_of_blocks(tensor, fan))
        for fan in MODES[mode]
        if getattr(spec, fan) is None
        and any(getattr(theirs, fan) != getattr(block.law, fan) for block in tensor.blocks)
    ]
    if not differing:
        return None
    counted = " and ".join(f"{fan} {number}" for fan, number, _ in differing)
    here = " and ".join(f"{fan} {number}" for fan, _, number in differing)
    return (
        f"{framework} itself counts {counted}, and Fanin counts {here}: {framework} uses only the "
        f"shape, which does not show {' and '.join(unseen(weight)) or 'what the axes are'}"
    )


def _fans_of_blocks(tensor: Tensor, fan: str) -> str:
    """The fan of each block, joined by commas."""
    return ",".join(str(getattr(block.law, fan)) for block in tensor.blocks)


def _gain_ignores_activation(tensor: Tensor) -> str | None:
    spec, law, scheme = tensor.spec, tensor.law, tensor.scheme
    has_activation = spec.activation is not None or spec.negative_slope is not None
    if not has_activation or law.gain is None or not _has_own_gain(spec, scheme):
        return None
    activation = activation_of(spec)
    slope = activation.slope if spec.negative_slope is None else spec.negative_slope
    exact = gain_of(activation, "exact", slope or 0.0)
    usual = _family(resolve_auto("dense", activation.name)) == _family(scheme.name)
    if usual or abs(exact - law.gain) <= _SAME_GAIN * law.gain:
        return None
    text = (
        f"{scheme.name} has gain {law.gain:.6g} for every activation; the gain that "
        f"keeps the variance through {activation.name} is {exact:.6g}"
    )
    if activation.pytorch_gain is not None:
        text += f", and torch's calculate_gain has {activation.pytorch_gain:.6g}"
    return f"{text}: give gain={exact:.6g}, or scheme=variance_scaling"


def _has_own_gain(spec: Spec, scheme: Scheme) -> bool:
    """Whether the gain is the scheme's own: the request has none, and no activation determines it.

    Presets are left out: the request names them for the framework's own gain. So are index
    functions, whose values are wanted as they are.
    """
    if spec.scheme == AUTO or spec.gain is not None or spec.scale is not None:
        return False
    if scheme.preset is not None or scheme.access == "index":
        return False
    return scheme.gain is not None and scheme.gain != "activation"


def _family(scheme: str) -> str:
    """A scheme's name without its distribution."""
    return scheme.removesuffix("_uniform").removesuffix("_normal")


def _multiplier_assumed(tensor: Tensor) -> str | None:
    spec = tensor.spec
    weight = weight_of(spec, tensor.placement)
    assumed = weight.depthwise and "E" not in weight.letters and spec.groups is None
    if not assumed or tensor.law.mode is None or spec.fan_out is not None:
        return None
    outputs = weight.count("O")
    return (
        f"the letters {weight.letters} do not show how many of the {outputs} outputs belong to one "
        f"input. One was assumed, so fan_out is "
        f"{_fans_of_blocks(tensor, 'fan_out')}: give groups={outputs}, or the "
        "number of inputs as groups"
    )


def _std_is_parents(tensor: Tensor) -> str | None:
    """A preset is left out: the request names it for the framework's own std."""
    spec, law = tensor.spec, tensor.law
    if tensor.scheme.preset is not None:
        return None
    cut = law.distribution == "truncated_normal" and spec.low is not None
    if not cut or spec.std_kind == "parent" or law.std is None or law.parent_std is None:
        return None
    if abs(law.parent_std - law.std) <= SAME_STD * law.parent_std:
        return None
    return (
        f"with low and high, std {law.parent_std:.6g} is that of the normal before truncation; "
        f"the values have std {law.std:.6g}: give bounds instead of low and high to set the "
        "std of the values, or std_kind=parent if this is meant"
    )


def _rounded(tensor: Tensor) -> str | None:
    """The message for the first block whose values rounding changes much."""
    if tensor.empty:
        return None
    messages = (_rounded_law(block.law, tensor.spec.dtype) for block in tensor.blocks)
    return next((message for message in messages if message is not None), None)


def _rounded_law(asked: Law, dtype: str) -> str | None:
    """The message if rounding changes std, mean or the share of zeros by 1 % or more.

    Zeros that the law has before rounding do not count.
    """
    if asked.std is None or is_fine(asked, dtype):
        return None
    told, mean = rounded(asked, dtype), asked.mean or 0.0
    size, shift = max(abs(mean), asked.std), abs(told.mean - mean)
    moved = shift > 0 and (shift >= _MUCH * size or shift >= _MUCH_OF_STD * asked.std > 0)
    wider = "" if dtype == "float64" else ": use a wider dtype"
    changed = abs(told.std - asked.std) >= _MUCH * asked.std and asked.std > 0
    if asked.std > 0 and told.distinct == 1:
        every = "every value is" if told.lowest == told.highest else "all but very few values are"
        return f"in {dtype} {every} {told.mean:.6g}{wider}"
    if asked.std > 0 and told.zeros > _MUCH + _own_zeros(asked):
        return (
            f"in {dtype} {100 * told.zeros:.3g} % of the values round to 0, and the std of all "
            f"values is {told.std:.6g}{wider}"
        )
    if changed or moved:
        return (
            f"in {dtype} the values have mean {told.mean:.6g} and std {told.std:.6g}, not "
            f"{mean:.6g} and {asked.std:.6g}{wider}"
        )
    return None


def _own_zeros(law: Law) -> float:
    """The share of values that are 0 before they are rounded."""
    if isinstance(law.draw, Sparse):
        return law.draw.zeros / law.draw.length
    return next((share for value, share in law.levels or () if value == 0), 0.0)


def _framework_fault(tensor: Tensor) -> str | None:
    """The known fault of a framework's initializer, if the request makes its preset repeat it."""
    spec, scheme = tensor.spec, tensor.scheme
    weight = weight_of(spec, tensor.placement)
    if scheme.fault is None or not scheme.repeats_fault(weight, numbers_of(spec)):
        return None
    return scheme.fault.replace(INPUTS, str(weight.count("I")))


_TABLE: dict[str, Callable[[Tensor], str | None]] = {
    "suspicious_layout": _suspicious_layout,
    "layer_guessed": _layer_guessed,
    "fans_differ_from_framework": _fans_differ_from_framework,
    GAIN_IGNORES_ACTIVATION: _gain_ignores_activation,
    "multiplier_assumed": _multiplier_assumed,
    "std_is_parents": _std_is_parents,
    "rounded": _rounded,
    "framework_fault": _framework_fault,
}
"""The function of each code: the message for a tensor, or None without a warning."""

WARNINGS: tuple[str, ...] = (*_TABLE, NAME_MISSING.code)
"""The codes of all warnings."""
