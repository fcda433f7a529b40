"""The recommendation as a line of each framework's own code, of the same std or limit.

Fanin's tests install none of the frameworks, so they run none of the lines. Those of PyTorch,
Keras, JAX, flax and MLX were run by hand. `w` is the tensor to fill; `key`, `shape` and `dims` are
the framework's own.
"""

from collections.abc import Callable
from dataclasses import dataclass

from service.advice.case import Case
from service.initializers.fans import Fans, fan_number
from service.initializers.framework_fans import framework_fans
from service.plan import Facts

Distribution = str


@dataclass(frozen=True, slots=True)
class Equivalent:
    """`code` is None where the framework cannot; `note` says why, or what to mind.

    `executed` says whether Fanin's tests run the line against that framework.
    """

    code: str | None
    executed: bool
    note: str


@dataclass(frozen=True, slots=True)
class Framework:
    """How a framework spells a draw.

    `lines` have the numbers themselves, which is right for any shape. `named` is shorter and
    counts the fans itself: it is used where `fans` names whose count it is, and that agrees.
    """

    lines: dict[Distribution, str]
    fans: str | None = None
    named: Callable[[Facts], str | None] | None = None
    note: str = ""
    missing: str = ""


def equivalents_of(case: Case) -> dict[str, Equivalent]:
    """A line for each framework."""
    return {name: _equivalent(case, framework) for name, framework in FRAMEWORKS.items()}


def _equivalent(case: Case, framework: Framework) -> Equivalent:
    facts = case.facts
    if framework.named is not None and framework.fans is not None and _agrees(case, framework.fans):
        named = framework.named(facts)
        if named is not None:
            return Equivalent(named, executed=False, note=framework.note)
    line = framework.lines.get(facts.distribution)
    if line is None:
        return Equivalent(None, executed=False, note=framework.missing)
    return Equivalent(line.format(**_numbers(facts)), executed=False, note=framework.note)


def _agrees(case: Case, framework: str) -> bool:
    """Whether the framework's own fans make the same n of this weight."""
    facts, theirs = case.facts, framework_fans(framework, case.situation.weight)
    if facts.mode is None or theirs is None:
        return False
    ours = Fans(facts.fan_in or 0, facts.fan_out or 0)
    n = fan_number(facts.mode, ours.fan_in, ours.fan_out)
    return fan_number(facts.mode, theirs.fan_in, theirs.fan_out) == n


def _numbers(facts: Facts) -> dict[str, str]:
    numbers = {
        "mean": facts.mean,
        "std": facts.std,
        "low": facts.low,
        "high": facts.high,
        "parent": facts.parent_std,
    }
    return {name: _spelled(number) for name, number in numbers.items() if number is not None}


def _spelled(number: float) -> str:
    """Ten digits, three more than float32 has, and a point, which Rust insists on."""
    text = f"{number:.10g}"
    return text if set(text) & set(".e") else text + ".0"


def _pytorch(facts: Facts) -> str | None:
    gain, kind = facts.gain or 1.0, facts.distribution
    if kind == "truncated_normal":
        return None
    if facts.mode == "fan_avg":
        return f"torch.nn.init.xavier_{kind}_(w, gain={_spelled(gain)})"
    # kaiming takes a slope and no gain: sqrt(2 / (1 + a^2)) is any gain up to sqrt(2).
    slope_squared = round(2.0 / (gain * gain) - 1.0, 12)
    if facts.mode != "fan_in" or slope_squared < 0:
        return None
    return f"torch.nn.init.kaiming_{kind}_(w, a={_spelled(slope_squared**0.5)})"


def _variance_scaling(normal: str, prefix: str) -> Callable[[Facts], str | None]:
    def named(facts: Facts) -> str | None:
        gain, kind = facts.gain or 1.0, facts.distribution
        word = normal if kind == "normal" else kind
        return f'{prefix}({_spelled(gain * gain)}, "{facts.mode}", "{word}")'

    return named


def _jax(facts: Facts) -> str | None:
    initializer = _variance_scaling("normal", "jax.nn.initializers.variance_scaling")(facts)
    return f"{initializer}(key, shape)"


def _flux(facts: Facts) -> str | None:
    families = {"fan_in": "kaiming", "fan_avg": "glorot"}
    if facts.distribution == "truncated_normal" or facts.mode not in families:
        return None
    gain = _spelled(facts.gain or 1.0)
    return f"Flux.{families[facts.mode]}_{facts.distribution}(dims...; gain = {gain})"


_KERAS = "keras.initializers."
_FLAX = "flax.linen.initializers."

FRAMEWORKS: dict[str, Framework] = {
    "pytorch": Framework(
        {
            "constant": "torch.nn.init.constant_(w, {mean})",
            "normal": "torch.nn.init.normal_(w, {mean}, {std})",
            "uniform": "torch.nn.init.uniform_(w, {low}, {high})",
            "truncated_normal": "torch.nn.init.trunc_normal_(w, {mean}, {parent}, {low}, {high})",
        },
        fans="torch",
        named=_pytorch,
    ),
    "keras": Framework(
        {
            "constant": _KERAS + "Constant({mean})",
            "normal": _KERAS + "RandomNormal({mean}, {std})",
            "uniform": _KERAS + "RandomUniform({low}, {high})",
            "truncated_normal": _KERAS + "TruncatedNormal({mean}, {parent})",
        },
        fans="keras",
        named=_variance_scaling("untruncated_normal", _KERAS + "VarianceScaling"),
        note="Keras's own HeNormal, GlorotNormal and LecunNormal are truncated.",
    ),
    "jax": Framework(
        {
            "constant": "jax.numpy.full(shape, {mean})",
            "normal": "{std} * jax.random.normal(key, shape)",
            "uniform": "jax.random.uniform(key, shape, minval={low}, maxval={high})",
            "truncated_normal": "{parent} * jax.random.truncated_normal(key, -2.0, 2.0, shape)",
        },
        fans="flax",
        named=_jax,
        note="JAX's own he_normal, glorot_normal and lecun_normal are truncated.",
    ),
    "flax": Framework(
        {
            "constant": _FLAX + "constant({mean})",
            "normal": _FLAX + "normal({std})",
            "uniform": (
                "lambda key, shape, dtype=jax.numpy.float32: "
                "jax.random.uniform(key, shape, dtype, {low}, {high})"
            ),
            "truncated_normal": _FLAX + "truncated_normal({parent}, lower=-2.0, upper=2.0)",
        },
        fans="flax",
        named=_variance_scaling("normal", _FLAX + "variance_scaling"),
        note="For a layer's kernel_init; flax's own uniform(scale) begins at 0.",
    ),
    "flux": Framework(
        {
            "constant": "fill(Float32({mean}), dims...)",
            "normal": "Float32({std}) .* randn(Float32, dims...)",
            "uniform": "Float32({high}) .* (2 .* rand(Float32, dims...) .- 1)",
            "truncated_normal": (
                "Flux.truncated_normal(dims...; mean = {mean}, std = {parent}, lo = {low}, "
                "hi = {high})"
            ),
        },
        fans="flux",
        named=_flux,
    ),
    "burn": Framework(
        {
            "constant": "Initializer::Constant {{ value: {mean} }}",
            "normal": "Initializer::Normal {{ mean: {mean}, std: {std} }}",
            "uniform": "Initializer::Uniform {{ min: {low}, max: {high} }}",
        },
        note="For a layer's with_initializer; its default is U(-1/sqrt(n), 1/sqrt(n)).",
        missing="burn has no truncated normal: fetch weights_url.",
    ),
    "candle": Framework(
        {
            "constant": "candle_nn::Init::Const({mean})",
            "normal": "candle_nn::Init::Randn {{ mean: {mean}, stdev: {std} }}",
            "uniform": "candle_nn::Init::Uniform {{ lo: {low}, up: {high} }}",
        },
        note="For VarBuilder's get_with_hints; on the CPU candle takes no seed.",
        missing="candle has no truncated normal: fetch weights_url.",
    ),
    "mlx": Framework(
        {
            "constant": "mlx.nn.init.constant({mean})(w)",
            "normal": "mlx.nn.init.normal({mean}, {std})(w)",
            "uniform": "mlx.nn.init.uniform({low}, {high})(w)",
            "truncated_normal": "{parent} * mlx.core.random.truncated_normal(-2.0, 2.0, w.shape)",
        },
    ),
    "tfjs": Framework(
        {
            "constant": "tf.initializers.constant({{value: {mean}}})",
            "normal": "tf.initializers.randomNormal({{mean: {mean}, stddev: {std}}})",
            "uniform": "tf.initializers.randomUniform({{minval: {low}, maxval: {high}}})",
            "truncated_normal": (
                "tf.initializers.truncatedNormal({{mean: {mean}, stddev: {parent}}})"
            ),
        },
        note="tfjs's own heNormal and its like are truncated without correction: 0.88 of the std.",
    ),
    "onnx": Framework(
        {},
        missing="ONNX stores tensors and draws none: fetch weights_url, and store that.",
    ),
}
"""Every framework that has a line."""
