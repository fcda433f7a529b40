"""Lines of burn and candle.

Source: crates/burn-core/src/module/initializer.rs, tracel-ai/burn@179b21b,
crates/burn-nn/src/modules/linear.rs, tracel-ai/burn@3bff8bd, and candle-nn/src/init.rs,
huggingface/candle@036cd1b.
"""

import math
from functools import partial

from service.advice.equivalents.lines import Framework, Line, constants, ends_of, exact
from service.advice.equivalents.notation import RUST
from service.advice.equivalents.target import Target
from service.initializers.fans import Fans, Weight
from service.initializers.framework_fans import framework_fans, preset_fans
from service.initializers.layers import LAYERS

_BIAS = "A layer draws its bias from the same initializer."
_SEED = "On the CPU candle takes no seed."


def _burn_fans(weight: Weight) -> Fans | None:
    """The fans that a layer of burn passes; None unless it has such a layer and passes both."""
    letters = LAYERS[weight.layer].letters.get("burn", "") if weight.layer else ""
    if len(letters) < 2 or sorted(letters) != sorted(weight.letters):
        return None
    fan_in, fan_out = preset_fans("burn", weight, weight.shape)
    return None if fan_in is None or fan_out is None else Fans(fan_in, fan_out)


def _distribution(target: Target) -> str:
    return (target.kind or "").capitalize()


def _burn_kaiming(target: Target) -> str | None:
    if target.mode not in ("fan_in", "fan_out"):
        return None
    only_out = "true" if target.mode == "fan_out" else "false"
    numbers = f"gain: {target.gain.text(RUST)}, fan_out_only: {only_out}"
    return f"Initializer::Kaiming{_distribution(target)} {{ {numbers} }}"


def _burn_xavier(target: Target) -> str | None:
    if target.mode != "fan_avg":
        return None
    return f"Initializer::Xavier{_distribution(target)} {{ gain: {target.gain.text(RUST)} }}"


def _burn_normal(target: Target) -> str:
    mean, std = exact(target, target.centre, RUST), target.std.text(RUST)
    return f"Initializer::Normal {{ mean: {mean}, std: {std} }}"


def _burn_normal_alone(target: Target) -> str | None:
    """For a layer that has no bias."""
    return _burn_normal(target) if target.weight.layer == "embedding" else None


def _burn_uniform(target: Target) -> str:
    low, high = ends_of(target, RUST)
    return f"Initializer::Uniform {{ min: {low}, max: {high} }}"


def _burn_orthogonal(target: Target) -> str | None:
    if not target.one_matrix("burn", 0):
        return None
    return f"Initializer::Orthogonal {{ gain: {target.gain.text(RUST)} }}"


BURN = Framework(
    {
        "constant": constants(
            "Initializer::Zeros",
            "Initializer::Ones",
            "Initializer::Constant { value: number }",
            RUST,
        ),
        "normal": (
            Line("kaiming", _burn_kaiming, counted=True, note=_BIAS),
            Line("xavier", _burn_xavier, counted=True, note=_BIAS),
            Line("normal_alone", _burn_normal_alone),
            Line("normal", _burn_normal, note=_BIAS),
        ),
        "uniform": (
            Line("kaiming", _burn_kaiming, counted=True, note=_BIAS),
            Line("xavier", _burn_xavier, counted=True, note=_BIAS),
            Line("uniform", _burn_uniform, note=_BIAS),
        ),
        "orthogonal": (
            Line(
                "orthogonal",
                _burn_orthogonal,
                note="Add with_bias(false): a layer draws its bias from the same initializer, and "
                "this one takes two axes or more.",
            ),
        ),
    },
    missing="Initializer of burn has nothing for these values: fetch weights_url.",
    fans=_burn_fans,
)


def _candle_kaiming(target: Target) -> str | None:
    if target.mode != "fan_in" or not target.has_gain(math.sqrt(2.0)):
        return None
    return f"candle_nn::init::DEFAULT_KAIMING_{(target.kind or '').upper()}"


def _candle_normal(target: Target) -> str:
    mean, std = exact(target, target.centre, RUST), target.std.text(RUST)
    return f"candle_nn::Init::Randn {{ mean: {mean}, stdev: {std} }}"


def _candle_uniform(target: Target) -> str:
    low, high = ends_of(target, RUST)
    return f"candle_nn::Init::Uniform {{ lo: {low}, up: {high} }}"


CANDLE = Framework(
    {
        "constant": constants(
            "candle_nn::Init::Const(0.0)",
            "candle_nn::Init::Const(1.0)",
            "candle_nn::Init::Const(number)",
            RUST,
        ),
        "normal": (
            Line("kaiming", _candle_kaiming, counted=True, note=_SEED),
            Line("normal", _candle_normal, note=_SEED),
        ),
        "uniform": (
            Line("kaiming", _candle_kaiming, counted=True, note=_SEED),
            Line("uniform", _candle_uniform, note=_SEED),
        ),
    },
    missing="candle_nn::Init has nothing for these values: fetch weights_url.",
    fans=partial(framework_fans, "candle"),
)
