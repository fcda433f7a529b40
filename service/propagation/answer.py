"""The answer of /propagate, and how it is made."""

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from service.advice.decision import planned
from service.initializers import references as papers
from service.initializers.references import Reference
from service.initializers.schemes import AUTO
from service.mean_field.maps import scales
from service.propagation.changes import Change, changes_of
from service.propagation.draws import Draws, LayerDraws, Range, draws_of
from service.propagation.fitting import misfits, refuse_misfits
from service.propagation.network import Network, Node, network_of
from service.propagation.question import Inquiry, Stack
from service.propagation.simulation import INPUTS, Simulated, Simulation, simulate
from service.propagation.theory import Return, Step, backward, forward
from service.propagation.verdict import LIMIT, Judgement, Verdict, Word, verdict_of
from service.wire.json_text import json_bytes

DIGITS = 6
"""Significant digits of every number, so that an answer is the same on every machine."""

_SHOWN = 1e-6

Band = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Side:
    """The verdict about the variances or about the gradients, and what they range from and to.

    `layer` is where a bound is passed first, from 1; None if none is. `least` and `most` are of the
    theory of wide layers. Where errors of finite width grow they are of the medians.
    """

    verdict: Word
    layer: int | None
    least: float | None
    most: float | None


@dataclass(frozen=True, slots=True)
class DepthScales:
    """What a deep stack of the network's most frequent layer tends to, and how fast.

    `variance` is the fixed point q*, `variance_slope` dV/dq there, `correlation` the one that two
    inputs end at. `xi_variance`, `xi_correlation` and `xi_gradient` are the layers in which a
    deviation, or the gradient, changes by a factor e. `trainable_depth` is 6 xi_correlation. A
    number that does not apply is None.
    """

    layer: str
    variance: float | None
    variance_slope: float | None
    chi_1: float | None
    correlation: float | None
    xi_variance: float | None
    xi_correlation: float | None
    xi_gradient: float | None
    trainable_depth: float | None


@dataclass(frozen=True, slots=True)
class LayerAnswer:
    """A layer: the theory's numbers, and the simulation's beside them.

    `activation` is what the layer reads. `read` is the mean square of what its weights multiply.
    `variance` is that of its output, before a norm or a sum. `gradient` is the variance of the
    gradient with respect to this output, relative to the gradient at the network's end. `stream`
    is the variance of what the next layer gets, behind a norm or a sum, and `stream_gradient` the
    squared norm of the gradient with respect to it, relative to that at the last layer before the
    head. The verdict is about these two. They are None within a branch and beside the path. A band
    holds 95 of 100 draws of the network, and half of them are below the median. `chi_1` is
    s_w^2 E f'^2. `keeping_gain` is the gain with which its output has variance 1. A number is None
    if it does not apply or if float64 cannot hold it. A band is also None if a draw may have any
    size. `weights_url` fetches the weights, under the layer's name.
    """

    number: int
    layer: int
    name: str
    activation: str
    scheme: str
    fan_in: float
    fan_out: float
    std: float | None
    bias_std: float | None
    gain: float | None
    keeping_gain: float | None
    read: float | None
    variance: float | None
    variance_band: Band
    stream: float | None
    stream_band: Band
    stream_median: float | None
    correlation: float | None
    token_correlation: float | None
    gradient: float | None
    gradient_band: Band
    stream_gradient: float | None
    stream_gradient_band: Band
    stream_gradient_median: float | None
    chi_1: float | None
    simulated: Simulated | None
    weights_url: str


@dataclass(frozen=True, slots=True)
class SimulationAnswer:
    """How the networks were simulated.

    Each has its own seed, the first that of the question. `simulated` of a layer is the geometric
    mean over the networks. `within_band` is the share of all variances and gradients that are in
    their bands, about 0.95 if the theory holds. `note` says why there is no simulation.
    """

    networks: int
    inputs: int
    within_band: float | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Propagation:
    """What becomes of variances, correlations and gradients in a network.

    `summary` is the verdict in a sentence. `changes` are edits of the question after which the
    verdict is stable. `notes` say what the theory leaves out here.
    """

    verdict: Word
    summary: str
    forward: Side
    backward: Side
    changes: tuple[Change, ...]
    depth_scales: DepthScales | None
    simulation: SimulationAnswer | None
    notes: tuple[str, ...]
    references: tuple[Reference, ...]
    layers: tuple[LayerAnswer, ...]

    def as_dict(self) -> dict[str, Any]:
        """The answer as JSON can carry it."""
        return asdict(self)

    def as_json(self) -> bytes:
        """The answer as indented JSON in UTF-8."""
        return json_bytes(self.as_dict())


def propagate(inquiry: Inquiry, *, max_bytes: int) -> Propagation:
    """What becomes of variances, correlations and gradients in the inquiry's network.

    It takes up to a few seconds. `max_bytes` bounds the values of each tensor. Raises
    ImpossibleError for a network that cannot be, or whose simulation would be too large.
    """
    network = network_of(inquiry, max_bytes)
    refuse_misfits(network)
    steps = forward(network)
    returns = backward(network, steps)
    draws = draws_of(network, steps, returns)
    verdict = verdict_of(steps, returns, draws)
    simulation = simulate(network) if inquiry.stack.simulate else None
    layers = _layers(network, steps, returns, draws, simulation, max_bytes)
    return Propagation(
        verdict=verdict.word,
        summary=_summary(verdict, network),
        forward=_side(verdict.forward),
        backward=_side(verdict.backward),
        changes=() if verdict.stable else changes_of(network, max_bytes),
        depth_scales=_depth_scales(network),
        simulation=_simulation(simulation, layers),
        notes=tuple(_notes(network, draws)),
        references=_references(network),
        layers=layers,
    )


def title_of(inquiry: Inquiry) -> str:
    """What the network is, for the head of a picture."""
    stack, count = inquiry.stack, inquiry.layer_count
    named = f"{stack.name}: " if stack.name else ""
    first = inquiry.entries[0]
    layers = f"{count} layers of {'x'.join(map(str, first.shape))}" if inquiry.plain else count
    blocks = "" if stack.residual in (None, "none") else f", {stack.residual}"
    none = stack.normalization in (None, "none")
    norm = "" if none else f", {stack.normalization} normalization"
    scheme = "" if stack.scheme == AUTO else f", {stack.scheme}"
    return f"{named}{layers}, {stack.activation or 'linear'}{scheme}{norm}{blocks}"


def rounded(number: float | None) -> float | None:
    """The number with DIGITS significant digits; None if it is not finite."""
    if number is None or not math.isfinite(number):
        return None
    return float(f"{number:.{DIGITS}g}")


def _share(number: float) -> float | None:
    """A correlation with DIGITS decimals: below that it is rounding."""
    return round(number, DIGITS) + 0.0 if math.isfinite(number) else None


def _band(found: Range | None) -> Band:
    return (None, None) if found is None else (rounded(found.low), rounded(found.high))


def _median(found: Range | None) -> float | None:
    return None if found is None else rounded(found.median)


def _layers(
    network: Network,
    steps: tuple[Step, ...],
    returns: tuple[Return, ...],
    draws: Draws,
    simulation: Simulation | None,
    max_bytes: int,
) -> tuple[LayerAnswer, ...]:
    rows = []
    for index, (step, back) in enumerate(zip(steps, returns, strict=True)):
        runs = () if simulation is None else tuple(run[index] for run in simulation.networks)
        rows.append(_layer(index + 1, step, back, draws.layers[index], network, runs, max_bytes))
    return tuple(rows)


def _layer(
    number: int,
    step: Step,
    back: Return,
    drawn: LayerDraws,
    network: Network,
    runs: tuple[Simulated, ...],
    max_bytes: int,
) -> LayerAnswer:
    node, weights, after = step.node, step.node.weights, step.after
    hidden = step.within or node.beside
    return LayerAnswer(
        number=number,
        layer=node.entry,
        name=node.name,
        activation=node.activation,
        scheme=weights.scheme,
        fan_in=weights.fan_in,
        fan_out=weights.fan_out,
        std=rounded(weights.std),
        bias_std=rounded(weights.bias_std),
        gain=rounded(weights.gain),
        keeping_gain=rounded(_keeping_gain(step)),
        read=rounded(step.read),
        variance=rounded(after.variance),
        variance_band=_band(drawn.output),
        stream=None if hidden else rounded(step.stream.variance),
        stream_band=(None, None) if hidden else _band(drawn.stream),
        stream_median=None if hidden else _median(drawn.stream),
        correlation=_share(after.correlation),
        token_correlation=_share(after.tokens) if network.attends else None,
        gradient=rounded(back.gradient),
        gradient_band=_band(drawn.gradient),
        stream_gradient=rounded(back.norm),
        stream_gradient_band=_band(drawn.norm),
        stream_gradient_median=_median(drawn.norm),
        chi_1=rounded(step.chi) if step.found is not None else None,
        simulated=_mean(runs) if runs else None,
        weights_url=_url(node, network.inquiry.stack, max_bytes),
    )


def _url(node: Node, stack: Stack, max_bytes: int) -> str:
    """The URL of a layer's weights. In a simulation the seed is 0 unless it was given."""
    seed = 0 if stack.simulate and stack.seed is None else stack.seed
    spec = node.weights.spec.model_copy(update={"name": node.name, "seed": seed})
    return planned(spec, max_bytes).url


def _keeping_gain(step: Step) -> float | None:
    """The gain with which the output has variance 1.

    None if the biases alone make more, and where the signal has vanished or exploded before.
    """
    left = 1.0 - step.node.weights.bias_variance
    if left <= 0 or not LIMIT**-2 <= step.read <= LIMIT**2:
        return None
    return math.sqrt(left / step.read) / step.node.weights.frequency


def _mean(runs: tuple[Simulated, ...]) -> Simulated:
    """The geometric means of the variances over the networks, and the mean correlation."""
    correlations = [run.correlation for run in runs if run.correlation is not None]
    return Simulated(
        variance=_geometric([run.variance for run in runs]),
        stream=_geometric([run.stream for run in runs]),
        gradient=_geometric([run.gradient for run in runs]),
        stream_gradient=_geometric([run.stream_gradient for run in runs]),
        correlation=_share(sum(correlations) / len(correlations)) if correlations else None,
    )


def _geometric(numbers: list[float | None]) -> float | None:
    found = [number for number in numbers if number is not None]
    if len(found) < len(numbers):
        return None
    if not all(found):
        return 0.0
    return rounded(math.exp(sum(map(math.log, found)) / len(found)))


def _simulation(
    simulation: Simulation | None, layers: tuple[LayerAnswer, ...]
) -> SimulationAnswer | None:
    if simulation is None:
        return None
    count = len(simulation.networks)
    inside = [
        each
        for run in simulation.networks
        for row, found in zip(layers, run, strict=True)
        for each in (
            _inside(found.variance, row.variance_band),
            _inside(found.gradient, row.gradient_band),
        )
        if each is not None
    ]
    share = rounded(sum(inside) / len(inside)) if inside else None
    return SimulationAnswer(count, INPUTS if count else 0, share, simulation.note)


def _inside(number: float | None, bounds: Band) -> bool | None:
    """Whether a number is within the bounds, but for rounding; None if either is missing."""
    low, high = bounds
    if number is None or low is None or high is None:
        return None
    return low * (1.0 - _SHOWN) <= number <= high * (1.0 + _SHOWN)


def _side(found: Judgement) -> Side:
    return Side(found.word, found.layer, rounded(found.least), rounded(found.most))


_WORDS = {"exploding": "grows past", "vanishing": "falls below"}


def _summary(verdict: Verdict, network: Network) -> str:
    """The verdict in one sentence, or in one for each side that is not stable."""
    count = len(network.nodes)
    sides = (
        ("variance", "of the signal", verdict.forward),
        ("squared norm", "of the gradient", verdict.backward),
    )
    if verdict.stable:
        kept = " and ".join(
            f"the {what} {whose} stays {_within(side)}" for what, whose, side in sides
        )
        return f"Stable through {_layers_of(count)}: {kept}."
    told = [
        _sentence(what, whose, side, count) for what, whose, side in sides if side.word != "stable"
    ]
    return f"{verdict.word.capitalize()}: {' '.join(told)}"


def _within(side: Judgement) -> str:
    least, most = _said(side.least), _said(side.most)
    return f"at {most}" if least == most else f"between {least} and {most}"


def _said(number: float) -> str:
    """The number with three digits, in words for people: 3,040 and not 3.04e+03."""
    short = float(f"{number:.3g}")
    plain = number == 0 or 1e-3 <= number < 1e6
    return f"{short:,g}" if plain else f"{short:g}".replace("e+", "e").replace("e-0", "e-")


def _layers_of(count: int) -> str:
    return "1 layer" if count == 1 else f"{count} layers"


def _sentence(what: str, whose: str, side: Judgement, count: int) -> str:
    where = f"layer {side.layer} of {count}"
    where += ", counted from the input," if whose == "of the gradient" else ""
    if side.word == "unstable":
        return _of_draws(f"{what} {whose}", where, side)
    bound = LIMIT if side.word == "exploding" else 1.0 / LIMIT
    end = side.most if side.word == "exploding" else side.least
    far = f"reaches {_said(end)}" if math.isfinite(end) else "leaves the range of float64"
    draws = "In half of the draws of the weights the" if side.sampled else "The"
    return f"{draws} {what} {whose} {_WORDS[side.word]} {bound:,g} in {where} and {far}."


def _of_draws(what: str, where: str, side: Judgement) -> str:
    """Where 95 of 100 draws are in the layer that passes a bound first, and at the end."""
    found = side.range
    if found is None:
        return f"In {where} a single draw of the weights may give the {what} any size."
    passed = [
        text
        for passes, text in (
            (found.low < 1.0 / LIMIT, f"1/{LIMIT:,.0f}"),
            (found.high > LIMIT, f"{LIMIT:,.0f}"),
        )
        if passes
    ]
    bounds = f"bound{'s' if len(passed) > 1 else ''} {' and '.join(passed)}"
    where = where.rstrip(",")
    told = (
        f"In {where}, the {what} is from {_said(found.low)} to {_said(found.high)} in 95 of 100 "
        f"draws of the weights, which passes the {bounds}."
    )
    layer, end = side.end or (side.layer, None)
    if layer == side.layer or end is None:
        return told
    return (
        f"{told} In layer {layer} it is from {_said(end.low)} to {_said(end.high)}, and in half of "
        f"the draws below {_said(end.median)}."
    )


def _depth_scales(network: Network) -> DepthScales | None:
    """Those of the layer that occurs most often; None if a norm or a branch sets the variance."""
    counted = Counter(node.entry for node in network.nodes if _repeats(node))
    if not counted or network.residual:
        return None
    entry, _ = counted.most_common(1)[0]
    node = next(node for node in network.nodes if node.entry == entry)
    weights = node.weights
    if not 0 < weights.variance < 1e12:
        return None
    found = scales(node.activation, weights.variance, weights.bias_variance, node.slope)
    length = found.xi_correlation
    return DepthScales(
        layer=node.name,
        variance=rounded(found.variance),
        variance_slope=rounded(found.variance_slope),
        chi_1=rounded(found.chi_1),
        correlation=rounded(found.correlation),
        xi_variance=rounded(found.xi_variance),
        xi_correlation=rounded(length),
        xi_gradient=rounded(found.xi_gradient),
        trainable_depth=None if length is None else rounded(6.0 * length),
    )


def _repeats(node: Node) -> bool:
    return not (node.source or node.added or node.beside or node.head) and not node.norms


def _notes(network: Network, draws: Draws) -> list[str]:
    nodes = network.nodes
    kinds = {node.kind for node in nodes if node.norms}
    unfit = next(misfits(network), None)
    notes = [
        (
            unfit is not None,
            f"The widths of two layers do not fit: {'' if unfit is None else unfit.text}. The "
            "theory takes what stands between them for a layer that keeps the variance.",
        ),
        (
            any(node.weights.convolves for node in nodes),
            "A convolution counts as a layer that reads channels x kernel values. Simulations "
            "cover dense layers alone.",
        ),
        (
            network.attends,
            "Attention counts as the mean over "
            f"{network.inquiry.stack.tokens} tokens, because softmax is nearly uniform at the "
            "start.",
        ),
        (
            any(node.weights.understood.role == "mlp_gate" for node in nodes),
            "The gate of a gated unit counts as one with the variance of mlp_up.",
        ),
        (
            "batch" in kinds,
            "Batch normalization subtracts what the inputs of a batch have in common. The theory "
            f"takes the batch for large, and a simulation has {INPUTS} inputs.",
        ),
        ("group" in kinds, "Group normalization counts as one over all units."),
        (
            any("between" in node.norms and node.activation != "linear" for node in nodes),
            "Layer and rms normalization stand between an activation and the next layer. To put it "
            "before the activation, give input_activation.",
        ),
        (
            draws.rough,
            "Errors of finite width grow from layer to layer here. The bands are for small errors, "
            "so single draws may differ by more.",
        ),
    ]
    return [text for applies, text in notes if applies]


def _references(network: Network) -> tuple[Reference, ...]:
    batch = any(node.norms and node.kind == "batch" for node in network.nodes)
    common = (papers.POOLE_2016, papers.SCHOENHOLZ_2017, papers.HANIN_2019)
    return (*common, papers.YANG_2019) if batch else common
