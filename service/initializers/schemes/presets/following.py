"""How the record of a preset is made: an existing scheme, with the name and the numbers of a peer.

A `Peer` is a framework and one of its source files. Its methods return records, which differ from
the scheme that they follow in name, texts, fields and defaults alone, unless they say otherwise.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from service.errors import ImpossibleError, Problem
from service.initializers.fans import Weight
from service.initializers.references import GLOROT_2010, HE_2015, Reference
from service.initializers.schemes import identity, plain, truncated
from service.initializers.schemes.plain import constant_law, uniform_within
from service.initializers.schemes.record import EXAMPLE, Law, Numbers, Preset, Request, Scheme
from service.initializers.schemes.variance_scaling import Gain, variance_scaling

ROOT_OF_A_THIRD = float.fromhex("0x1.279a74590331cp-1")
"""sqrt(2 / (1 + a^2)) with a = sqrt(5). The limit is then 1 / sqrt(fan_in)."""

BIAS_EXAMPLE = "shape=512&fan_in=256"
"""A bias does not know the inputs of its layer."""

EXAMPLES: dict[str | None, str] = {
    **{None: EXAMPLE, "dense": EXAMPLE, "embedding": "shape=1000,64"},
    **{"bias": "shape=512", "scale": "shape=512", "recurrent": "shape=512,64"},
}
"""A natural shape for a layer whose letters do not depend on the framework in rank and order."""

_FOLLOWED = {s.name: s for family in (plain, truncated, identity) for s in family.SCHEMES}

KAIMING = ("linear", "relu", "leaky_relu", "selu", "tanh", "sigmoid")
"""The activations of torch's `calculate_gain`, which Paddle has copied."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A framework's source file. `prefix` begins the names of its presets.

    `framework` is the one whose letters and fans the presets have.
    """

    framework: str
    prefix: str
    source: str

    def named(self, scheme: Scheme, name: str, summary: str, layer: str | None = None) -> Scheme:
        """`scheme` as a draft preset with this name."""
        return replace(
            scheme,
            name=f"{self.prefix}.{name}",
            summary=summary,
            aliases=(),
            preset=Preset(self.framework, layer),
            draft=1,
            source=self.source,
        )

    def following(
        self,
        followed: str,
        name: str,
        summary: str,
        *,
        fields: tuple[str, ...],
        layer: str | None = None,
        defaults: Numbers | None = None,
        example: str | None = None,
    ) -> Scheme:
        """The preset that fills a tensor as the scheme `followed` does, with other defaults."""
        scheme = _FOLLOWED[followed]
        return replace(
            self.named(scheme, name, summary, layer),
            fields=fields,
            gain=scheme.gain if "gain" in fields else None,
            defaults=scheme.defaults if defaults is None else defaults,
            example=example or EXAMPLES[layer],
        )

    def constant(self, name: str, summary: str, value: float, layer: str | None = None) -> Scheme:
        """Every element is `value`, which is not a field."""
        scheme = _FOLLOWED["ones" if value else "zeros"]
        return replace(
            self.named(scheme, name, summary, layer),
            formula=f"w = {value:g}",
            law=lambda request: constant_law(value),
            defaults=Numbers(),
            example=EXAMPLES[layer],
        )

    def ones(self, name: str, summary: str) -> Scheme:
        """The scale of a normalization."""
        return self.constant(name, summary, 1.0, "scale")

    def zeros(self, name: str, summary: str) -> Scheme:
        """A bias of zeros."""
        return self.constant(name, summary, 0.0, "bias")

    def scaled(
        self,
        name: str,
        summary: str,
        formula: str,
        *,
        gain: Gain,
        mode: str = "fan_in",
        distributions: tuple[str, ...],
        layer: str | None = None,
        example: str | None = None,
        references: tuple[Reference, ...] = (),
    ) -> Scheme:
        """A preset with std = gain sqrt(1/n)."""
        scheme = variance_scaling(
            name,
            summary,
            formula,
            gain=gain,
            mode=mode,
            distributions=distributions,
            references=references,
        )
        named = self.named(scheme, name, summary, layer)
        return replace(named, example=example or EXAMPLES[layer])

    def inverse_root(
        self, name: str, summary: str, layer: str, example: str | None = None
    ) -> Scheme:
        """U(-1/sqrt(fan_in), 1/sqrt(fan_in)), which is torch's kaiming_uniform_ of a = sqrt(5)."""
        return self.scaled(
            name,
            summary,
            "limit = gain sqrt(3/n), n = fan_in, gain = 1/sqrt(3): limit = 1/sqrt(fan_in)",
            gain=ROOT_OF_A_THIRD,
            distributions=("uniform",),
            layer=layer,
            example=example or (BIAS_EXAMPLE if layer == "bias" else None),
            references=(HE_2015,),
        )

    def glorot(self, name: str, summary: str, distribution: str) -> Scheme:
        """Glorot's scheme, which fills any layer."""
        scale = "limit = gain sqrt(3/n)" if distribution == "uniform" else "std = gain sqrt(1/n)"
        return self.scaled(
            name,
            summary,
            f"{scale}, n = (fan_in + fan_out) / 2, gain = 1",
            gain="one",
            mode="fan_avg",
            distributions=(distribution,),
            references=(GLOROT_2010,),
        )

    def kaiming(
        self,
        name: str,
        summary: str,
        distribution: str,
        *,
        activation: str,
        activations: tuple[str, ...] = KAIMING,
    ) -> Scheme:
        """He's scheme with the peer's table of gains, which is that of torch's `calculate_gain`.

        `activation` is the default one, and `activations` are those that the peer has a gain for.
        The slope is 0 by default, which is torch's default of `a` and Paddle's `negative_slope`.
        """
        scale = "limit = gain sqrt(3/n)" if distribution == "uniform" else "std = gain sqrt(1/n)"
        scheme = self.scaled(
            name,
            summary,
            f"{scale}, n = fan_in; gain: linear, sigmoid 1, tanh 5/3, selu 3/4, relu sqrt(2)"
            + (", leaky_relu sqrt(2/(1 + a^2))" if "leaky_relu" in activations else ""),
            gain="activation",
            distributions=(distribution,),
            references=(HE_2015,),
        )
        return replace(
            scheme,
            fields=tuple(field for field in scheme.fields if field != "gain_rule"),
            defaults=replace(scheme.defaults, gain_rule="pytorch"),
            law=_with_known_gain(scheme.law, self.prefix, activations),
            activation=activation,
            negative_slope=0.0,
        )

    def recurrent(
        self, name: str, gates: int, layer: str, members: tuple[str, str] | None = None
    ) -> Scheme:
        """U(-1/sqrt(hidden), 1/sqrt(hidden)). The outputs are `gates` gates of `hidden` units.

        `members` are the two tensors of the layer that it fills, if they have names.
        """
        title = name.partition(".")[0].upper()
        weight = "weight" if layer == "recurrent" else "bias"
        what, verb = f"Each {weight} of {self.prefix}'s {title}", "is"
        if members is not None:
            what, verb = f"{members[0]} and {members[1]} of {self.prefix}'s {title}", "are"
        rows = "hidden" if gates == 1 else f"{gates} hidden"
        scheme = _FOLLOWED["uniform"]
        return replace(
            self.named(
                scheme,
                name,
                f"{what}{fused_gates(gates)} {verb} uniform within 1 / sqrt(hidden).",
                layer,
            ),
            formula=f"limit = 1/sqrt(hidden), outputs = {rows}",
            fields=(),
            law=lambda request: _by_hidden_units(request, gates),
            defaults=Numbers(),
            example="shape=768" if layer == "bias" else "shape=768,64",
        )


def _with_known_gain(
    law: Callable[[Request], Law], peer: str, activations: tuple[str, ...]
) -> Callable[[Request], Law]:
    """`law`, but refusing an activation that the peer has no gain for.

    The refusal is an ImpossibleError (`no_pytorch_gain`).
    """

    def known(request: Request) -> Law:
        activation, requested = request.activation, request.requested
        given = requested.gain is not None or requested.scale is not None
        if activation.name in activations or given:
            return law(request)
        hint = f"write relu, or add gain={activation.gain:.6g}"
        if activation.takes_slope:
            another = "leaky_relu" if "leaky_relu" in activations else "relu"
            leave = "" if "leaky_relu" in activations else "leave negative_slope out and "
            hint = f"{leave}write {another}, or add gain={activation.gain:.6g}"
        message = f"{peer} has no gain for {activation.name}, only for {', '.join(activations)}"
        raise ImpossibleError("no_pytorch_gain", Problem("activation", message, hint))

    return known


def _by_hidden_units(request: Request, gates: int) -> Law:
    """Raises ImpossibleError (`impossible_parts`) unless the outputs are a multiple of `gates`."""
    hidden = units_of(request, gates)
    if hidden == 0:
        return replace(constant_law(0.0), distribution="uniform", std=None)
    return inverse_root_law(hidden)


def units_of(request: Request, gates: int) -> int:
    """The outputs of one of the `gates` gates.

    Raises ImpossibleError (`impossible_parts`) unless the outputs are a multiple of `gates`.
    """
    letters, outputs = request.weight.letters, request.weight.count("O")
    if outputs % gates:
        message = f"{request.scheme} has {gates} gates, which do not divide the {outputs} outputs"
        axes = [axis for axis, letter in enumerate(letters) if letter == "O"]
        shape = [1 if axis in axes else extent for axis, extent in enumerate(request.shape)]
        shape[axes[-1]] = max(outputs // gates, 1) * gates
        hint = f"write shape={','.join(map(str, shape))}"
        raise ImpossibleError("impossible_parts", Problem("shape", message, hint))
    return outputs // gates


def with_gates(scheme: Scheme, gates: int) -> Scheme:
    """`scheme` for a tensor of `gates` fused gates, of equally many outputs."""

    def law(request: Request) -> Law:
        if "O" in request.weight.letters:
            units_of(request, gates)
        return scheme.law(request)

    # 3 gates do not divide the usual example, 512.
    example = scheme.example.replace("shape=512", "shape=768") if gates == 3 else scheme.example
    return replace(scheme, law=law, example=example) if gates > 1 else scheme


def inverse_root_law(n: int) -> Law:
    """w ~ U(-1/sqrt(n), 1/sqrt(n))."""
    return uniform_within(math.sqrt(1.0 / n), math.sqrt(1.0 / n) * math.sqrt(1.0 / 3.0))


def fused_gates(gates: int) -> str:
    """The words behind the name of a tensor that contains several gates; none for one gate."""
    return f", with its {gates} gates fused along the outputs," if gates > 1 else ""


def counted_axes(number: int) -> str:
    """The number of kernel axes in words."""
    return "one kernel axis" if number == 1 else f"{number} kernel axes"


def without_groups(scheme: Scheme, peer: str) -> Scheme:
    """`scheme` with fan_in times the groups, which the peer does not divide by.

    The shape has the channels of one group. A request with fan_in does not repeat the fault.
    """

    def law(request: Request) -> Law:
        groups, n = request.weight.groups or 1, request.fan_number
        if request.requested.fan_in is not None or request.fan_in is None or n is None:
            return scheme.law(request)
        whole = request.fan_in * groups
        number = float(whole) if request.numbers.mode == "fan_in" else n
        return scheme.law(replace(request, fan_in=whole, fan_number=number))

    def repeats_fault(weight: Weight, requested: Numbers) -> bool:
        return (weight.groups or 1) > 1 and requested.fan_in is None

    fault = (
        f"{peer} does not divide fan_in by the groups, so the values are smaller by the square "
        "root of their number: give fan_in if that is not meant"
    )
    return replace(scheme, law=law, fault=fault, repeats_fault=repeats_fault)


def without_gain(weight: Weight, requested: Numbers) -> bool:
    """Whether a request repeats a fault of the default gain."""
    return requested.gain is None and requested.scale is None


def unfused(request: Request) -> Request:
    """The request without its parts, which the framework does not see."""
    return replace(request, weight=replace(request.weight, parts=1))
