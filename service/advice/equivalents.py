"""The recommendation as one line of code for each framework, with the same std or limit.

Fanin's tests install no framework and run none of the lines. Those of PyTorch, Keras, JAX, flax and
MLX were run by hand. In a line `w` is the tensor to fill; `key`, `shape` and `dims` are what the
framework itself calls so.
"""

from collections.abc import Callable
from dataclasses import dataclass

from service.advice.decision import Decision
from service.initializers.fans import Fans, fan_number
from service.initializers.framework_fans import framework_fans
from service.plan import Facts

Distribution = str


@dataclass(frozen=True, slots=True)
class Equivalent:
    """One line of a framework's code.

    `code` is None if the framework cannot do it. `note` says why, or what to watch for. `executed`
    says whether Fanin's tests run the line: they run none.
    """

    code: str | None
    note: str
    executed: bool = False


@dataclass(frozen=True, slots=True)
class Framework:
    """How a framework writes a draw.

    `lines` contain the numbers themselves and are right for any shape. `named` makes a shorter
    line, in which the framework counts the fans. It is used if the fans of the framework `fans`
    give the same n. `note` is said beside a line, `missing` instead of one.
    """

    lines: dict[Distribution, str]
    fans: str | None = None
    named: Callable[[Facts], str | None] | None = None
    note: str = ""
    missing: str = ""


def equivalents_of(decision: Decision) -> dict[str, Equivalent]:
    """A line for each framework."""
    return {name: _equivalent(decision, framework) for name, framework in FRAMEWORKS.items()}


def _equivalent(decision: Decision, framework: Framework) -> Equivalent:
    facts = decision.facts
    if framework.named and framework.fans and _same_number(decision, framework.fans):
        named = framework.named(facts)
        if named is not None:
            return Equivalent(named, framework.note)
    line = framework.lines.get(facts.distribution)
    if line is None:
        return Equivalent(None, framework.missing)
    return Equivalent(line.format(**_numbers(facts)), framework.note)


def _same_number(decision: Decision, framework: str) -> bool:
    """Whether the framework's own fans give the same n for this weight."""
    facts, theirs = decision.facts, framework_fans(framework, decision.context.weight)
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
    """The number with ten digits: float32 needs nine. Rust needs a point in a float."""
    text = f"{number:.10g}"
    return text if set(text) & set(".e") else text + ".0"


def _pytorch(facts: Facts) -> str | None:
    gain, kind = facts.gain or 1.0, facts.distribution
    if kind == "truncated_normal":
        return None
    if facts.mode == "fan_avg":
        return f"torch.nn.init.xavier_{kind}_(w, gain={_spelled(gain)})"
    # kaiming takes a slope a and no gain. sqrt(2 / (1 + a^2)) reaches any gain up to sqrt(2).
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
        note="tfjs's own heNormal is truncated without correction and has 0.88 of the std.",
    ),
    "onnx": Framework(
        {},
        missing="ONNX stores tensors and draws none: fetch weights_url and store the tensor.",
    ),
}
"""Every framework, in the order of the answer."""
