"""The laws that frameworks' and Fanin's schemes mean on a shape, each with the names that mean it.

The names are those of the table of schemes. Two names are one candidate if their values have the
same distribution, for example `torch.linear` and `he_uniform` with negative_slope = sqrt 5.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, isclose, pi, prod, sqrt
from statistics import NormalDist

from pydantic import ValidationError

from service.audit.laws.readings import Reading
from service.audit.laws.variants import Fields, Request, variants
from service.errors import FaninError
from service.fields import Spec
from service.initializers.layers import preset_letters
from service.initializers.schemes import SCHEMES, Law, Scheme
from service.initializers.schemes.plain import normal_law, uniform_between
from service.initializers.schemes.truncated import CUT_DEFAULTS, cut_at_sigmas
from service.initializers.truncation import between
from service.plan.laws import laws_of
from service.plan.placement import place

CLASSES = ("uniform", "normal", "truncated_normal", "orthogonal")
"""The distributions that an audit tells apart."""

WIDEST_BOUND = 6.5
"""A normal cut at so many standard deviations is a normal. The stream has no value beyond."""

SAME = 1e-5
"""The relative difference of two numbers below which two laws are one."""

USUAL_REQUESTS: tuple[Request, ...] = (
    ("normal", {"std": 0.02}),
    ("normal", {"std": 0.01}),
    ("truncated_normal", {"std": 0.02}),
    ("truncated_normal", {"std": 0.02, "std_kind": "parent"}),
)
"""What most language models have: HuggingFace's `initializer_range`, and BERT's truncated normal,
whose std is 0.88 of it. The last layers of torchvision's networks have N(0, 0.01^2). These are no
defaults of a scheme."""

USUAL_FAMILIES = ("", "torch", "keras", "flax", "jax")
"""The prefixes of schemes that are tried with the letters of another framework. Rare schemes would
match by accident."""


_FAMILIES_OF = {"flax": ("flax", "jax"), "keras": ("keras", "flax", "jax")}
"""The prefixes of a framework's names. Flax passes JAX's initializers on, and a kernel may be of
Keras or of Flax."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A distribution with its mean, std, kurtosis and bounds, and the names that mean it.

    `low` and `high` are None for a normal one. `law` is that of the first name. `target` is the
    std that it would have if its truncation were corrected, and None if it need not be: that of a
    scheme whose std is computed from the fans. `near` are laws of other gains and stds, which the
    values of a tensor do not exclude.
    """

    distribution: str
    mean: float
    std: float
    kurtosis: float
    low: float | None
    high: float | None
    names: tuple[str, ...]
    law: Law
    reading: Reading | None
    target: float | None = None
    near: tuple["Candidate", ...] = ()

    def led_by(self, framework: str | None) -> "Candidate":
        """The same with the names in the order in which a reader expects them.

        First are those of the framework, and of them those of a layer. Then come Fanin's plain
        ones, those of well-known frameworks, and the others.
        """

        def place(name: str) -> int:
            scheme = SCHEMES[name.partition("&")[0]]
            family = name.partition(".")[0] if scheme.preset is not None else ""
            if framework is not None and family in _FAMILIES_OF.get(framework, (framework,)):
                return 0 if scheme.preset is not None and scheme.preset.layer else 1
            if not family:
                return 2 if _is_usual(scheme) or scheme.name in CLASSES else 4
            return 3 if family in USUAL_FAMILIES else 5

        def order(name: str) -> tuple[int, bool]:
            return place(name), "&" in name

        near = tuple(law.led_by(framework) for law in self.near)
        return replace(self, names=tuple(sorted(self.names, key=order)), near=near)

    def share_between(self, start: float, stop: float) -> float:
        """The probability of a value from start to stop, for a picture."""
        if self.low is not None and self.high is not None:
            start, stop = max(start, self.low), min(stop, self.high)
            if start >= stop:
                return 0.0
            if self.distribution == "uniform":
                return (stop - start) / (self.high - self.low)
        normal = NormalDist(self.mean, self.law.parent_std or self.std)
        share = normal.cdf(stop) - normal.cdf(start)
        if self.low is None or self.high is None:
            return share
        return share / (normal.cdf(self.high) - normal.cdf(self.low))

    def is_same(self, other: "Candidate") -> bool:
        """Whether both have the same distribution."""
        return self.distribution == other.distribution and all(
            _is_close(mine, its, self.std)
            for mine, its in (
                (self.mean, other.mean),
                (self.std, other.std),
                (self.low, other.low),
                (self.high, other.high),
            )
        )


def _is_close(mine: float | None, its: float | None, std: float) -> bool:
    if mine is None or its is None:
        return mine is its
    return isclose(mine, its, rel_tol=SAME, abs_tol=SAME * std)


@lru_cache(maxsize=4096)
def candidates_of(
    shape: tuple[int, ...],
    readings: tuple[Reading, ...],
    depth: int | None = None,
    *,
    usual: bool = False,
) -> tuple[Candidate, ...]:
    """The different laws of all schemes that need no further fields, for these meanings.

    `depth` is the number of blocks of the network, for GPT-2's projections into the residual
    stream. `usual` leaves out the schemes of rare frameworks and of special layers.
    """
    laws = (_laws(shape, reading, depth, usual) for reading in readings)
    flattened = (_flattened_laws(shape, reading, usual) for reading in readings)
    return distinct(each for of_reading in (*laws, *flattened) for each in of_reading)


@lru_cache(maxsize=4096)
def variants_of(
    shape: tuple[int, ...], readings: tuple[Reading, ...], distribution: str
) -> tuple[Candidate, ...]:
    """The different laws of other gains and stds (`variants.py`), for these meanings.

    A vector has no meanings, and its laws are those of plain numbers.
    """
    meanings = [(shape, reading) for reading in readings] or [((prod(shape),), _OF_VECTOR)]
    found = []
    for extents, reading in meanings:
        convolution = reading.layer.startswith("conv")
        with_fans = convolution or reading.layer == "dense"
        for scheme, fields in variants(distribution, with_fans=with_fans, with_fan_out=convolution):
            found.append(_candidate(SCHEMES[scheme], fields, extents, reading))
    return distinct(each for each in found if each is not None)


@lru_cache(maxsize=4096)
def bias_candidates(shape: tuple[int, ...], fan_ins: tuple[int, ...]) -> tuple[Candidate, ...]:
    """The laws of vectors: those of biases and scales.

    The law of PyTorch's biases needs the fan_in of their weight; `fan_ins` are the possible ones.
    With them, the others are only those of biases.
    """
    size = prod(shape)
    found = list(_laws((size,), _OF_VECTOR, None, bool(fan_ins)))
    name = "torch.linear.bias"
    requests: list[Request] = [(name, {"fan_in": fan_in}) for fan_in in fan_ins]
    requests += _OF_VECTORS
    for scheme, fields in requests:
        law = _candidate(SCHEMES[scheme], fields, (size,), _OF_VECTOR)
        if law is not None:
            found.append(replace(law, names=(name,)) if scheme == name else law)
    return distinct(found)


_OF_VECTOR = Reading("bias", "O")

_OF_VECTORS: tuple[Request, ...] = (
    ("normal", {"mean": 1.0, "std": 0.02}),
    ("normal", {"std": 1e-6}),
)
"""The scales of batch norms in GANs, and the biases of ViT's blocks."""


def orthogonal_of(
    shape: tuple[int, ...], readings: tuple[Reading, ...], gain: float
) -> tuple[Candidate, ...]:
    """The laws of orthogonal matrices with this gain, for these meanings."""
    found = []
    for reading in readings or (Reading("dense", "OI"),):
        for scheme, _ in _requests(reading, None, usual=False):
            if scheme.distribution == "orthogonal":
                fields: Fields = {} if isclose(gain, 1, rel_tol=1e-3) else {"gain": gain}
                found.append(_candidate(scheme, fields, shape, reading))
    return distinct(each for each in found if each is not None)


def plain_orthogonal(std: float, gain: float) -> Candidate:
    """The law of orthogonal vectors of any number, with this std of their elements."""
    reading = Reading("dense", "OI")
    law = _candidate(SCHEMES["orthogonal"], {"gain": std * sqrt(2)}, (2, 2), reading)
    assert law is not None
    name = "orthogonal" if gain == 1 else f"orthogonal&gain={gain:.6g}"
    return replace(law, names=(name,), reading=None)


def fitted(
    scheme: str, std: float, mean: float = 0.0, bound: float | None = None
) -> Candidate | None:
    """The law of a plain scheme with this std and mean.

    `bound` is that of a truncated normal in standard deviations before the truncation, if it is
    not 2. A checkpoint may ask for some of them for each tensor, so no spec is made.
    """
    if scheme == "normal":
        law = normal_law(mean, std)
    elif scheme == "uniform":
        limit = std * sqrt(3)
        law = uniform_between(mean - limit, mean + limit, std)
    else:
        numbers = CUT_DEFAULTS if bound is None else replace(CUT_DEFAULTS, bounds=(bound,))
        law = cut_at_sigmas(mean, std, numbers)
    return _of_law(law, scheme, SCHEMES[scheme], Reading("dense", "OI"))


def distinct(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The candidates, where those with the same distribution are one."""
    found: list[Candidate] = []
    for candidate in candidates:
        place_of = next((i for i, each in enumerate(found) if each.is_same(candidate)), None)
        if place_of is None:
            found.append(candidate)
        else:
            found[place_of] = _joined(found[place_of], candidate)
    return tuple(found)


def _joined(one: Candidate, other: Candidate) -> Candidate:
    """One candidate with the names of both. It is uncorrected only if both are."""
    names = tuple(dict.fromkeys((*one.names, *other.names)))
    target = None if one.target is None or other.target is None else one.target
    return replace(one, names=names, target=target)


@lru_cache(maxsize=4096)
def _laws(
    shape: tuple[int, ...], reading: Reading, depth: int | None, usual: bool
) -> tuple[Candidate, ...]:
    candidates = (
        _candidate(scheme, fields, shape, reading)
        for scheme, fields in _requests(
            reading, depth, usual=usual, is_square=len(shape) == 2 and shape[0] == shape[1]
        )
    )
    return tuple(each for each in candidates if each is not None)


_FLATTENED = (
    "flax.dense_general",
    "flax.multi_head_dot_product_attention",
    "keras.einsum_dense",
    "keras.multi_head_attention",
)
"""The layers of Flax and Keras that initialize kernels with heads as matrices."""


def _flattened_laws(shape: tuple[int, ...], reading: Reading, usual: bool) -> Iterator[Candidate]:
    """The laws of a kernel with attention heads that is flattened to inputs x outputs.

    Flax and Keras do this before they count the fans.
    """
    if reading.layer != "dense" or reading.letters not in ("IOO", "IIO"):
        return
    inputs = prod(n for n, letter in zip(shape, reading.letters, strict=True) if letter == "I")
    matrix = (inputs, prod(shape) // inputs) if inputs else (0, 0)
    for law in _laws(matrix, Reading("dense", "IO"), None, usual):
        names = tuple(name for name in law.names if _is_flattened(name))
        if names:
            yield replace(law, names=names, reading=reading)


def _is_flattened(name: str) -> bool:
    """Whether a name is that of such a layer, or of an initializer that it can be given."""
    preset = SCHEMES[name.partition("&")[0]].preset
    if preset is None or preset.framework not in ("flax", "jax", "keras"):
        return False
    return preset.layer is None or name in _FLATTENED


def _requests(
    reading: Reading, depth: int | None, *, usual: bool, is_square: bool = False
) -> list[tuple[Scheme, Fields]]:
    """The schemes to try, with the fields that differ from their defaults."""
    of_layer_alone = reading.layer in ("embedding", "recurrent", "bias")
    found: list[tuple[Scheme, Fields]] = []
    if not usual and reading.layer not in ("embedding", "recurrent"):
        found += [(SCHEMES[name], fields) for name, fields in USUAL_REQUESTS]
        if depth is not None and reading.layer == "dense":
            found.append((SCHEMES["gpt2_residual"], {"depth": depth}))
    for scheme in SCHEMES.values():
        layer = None if scheme.preset is None else scheme.preset.layer
        if scheme.distribution not in CLASSES or scheme.sub_kernel is not None:
            continue
        if layer != reading.layer and (layer is not None or of_layer_alone):
            continue
        if usual and not of_layer_alone and not _is_usual(scheme):
            continue
        if _is_misread(scheme, reading):
            continue
        found.append((scheme, {}))
        if scheme.name in _CUT and not of_layer_alone:
            found.append((scheme, {"distribution": "truncated_normal"}))
        if scheme.name == "torch.kaiming_uniform" and not of_layer_alone:
            found.append((scheme, {"negative_slope": sqrt(5)}))
        # ResNets and what followed them have He's law with fan_out in their convolutions. In a
        # dense layer it cannot be told from a wrong layout, unless the fans are equal.
        if scheme.name in _FAN_OUT and (reading.layer.startswith("conv") or is_square):
            found.append((scheme, {"mode": "fan_out"}))
    return found


def _is_misread(scheme: Scheme, reading: Reading) -> bool:
    """Whether a framework's initializer would count the axes of another framework's weight.

    With letters that it has not for the layer, it takes the shape as it is. This is a wrong layout.
    So is fan_out in a dense layer, which cannot be told from one.
    """
    preset = scheme.preset
    if scheme.mode == "fan_out" and reading.layer == "dense":
        return True
    if preset is None or preset.layer is not None or scheme.mode is None:
        return False
    own = preset_letters(preset.framework, reading.layer) or ""
    if sorted(own) == sorted(reading.letters):
        return False
    known = preset.framework in USUAL_FAMILIES and reading.layer == "dense"
    return not known or own[:1] != reading.letters.strip("E")[:1]


_CUT = ("he_normal", "glorot_normal", "lecun_normal")
"""The schemes that Keras and JAX cut at two standard deviations. By Fanin's fans they are also
tried cut, since JAX counts those of an attention weight by its flattened shape."""

_FAN_OUT = ("he_normal", "he_uniform", "torch.kaiming_normal", "torch.kaiming_uniform")


def is_well_known(law: Candidate) -> bool:
    """Whether one of its names is He's, Glorot's or LeCun's, plain, or of a usual framework."""
    for name in law.names:
        scheme = name.partition("&")[0]
        family, dot, _ = scheme.partition(".")
        if family in USUAL_FAMILIES if dot else scheme in _WELL_KNOWN:
            return True
    return False


_WELL_KNOWN = (
    *("he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal"),
    *("lecun_uniform", "normal", "uniform", "truncated_normal", "orthogonal", "gpt2_residual"),
)
"""Fanin's own schemes that are not of one paper or one kind of layer."""


def _is_usual(scheme: Scheme) -> bool:
    family, dot, _ = scheme.name.partition(".")
    if not dot:
        return scheme.name.partition("_")[0] in ("he", "glorot", "lecun")
    return family in USUAL_FAMILIES and scheme.mode is not None


def _candidate(
    scheme: Scheme, fields: Fields, shape: tuple[int, ...], reading: Reading
) -> Candidate | None:
    """The candidate of a scheme; None if it does not fit, or if its blocks differ."""
    try:
        spec = Spec.model_validate(
            {
                "shape": shape,
                "layer": reading.layer,
                "layout": reading.letters,
                "scheme": scheme.name,
                **fields,
            }
        )
        laws = laws_of(spec, place(spec))
    except (FaninError, ValidationError):
        return None
    law = laws[0].law
    if len(laws) > 1 or law.std is None or law.mean is None or not law.std > 0:
        return None
    name = "&".join((scheme.name, *(f"{field}={_text(value)}" for field, value in fields.items())))
    return _of_law(law, name, scheme, reading)


def _of_law(law: Law, name: str, scheme: Scheme, reading: Reading) -> Candidate | None:
    assert law.mean is not None
    assert law.std is not None
    distribution, kurtosis, low, high = law.distribution, 3.0, law.low, law.high
    target = None
    if distribution == "uniform":
        kurtosis = 1.8
        low, high = (low, high) if low is not None else (-(law.limit or 0.0), law.limit)
    elif distribution == "truncated_normal":
        assert low is not None
        assert high is not None
        parent = law.parent_std or law.std
        bounds = law.bounds or ((low - law.mean) / parent, (high - law.mean) / parent)
        if min(-bounds[0], bounds[1]) > WIDEST_BOUND:
            distribution, low, high = "normal", None, None
        else:
            kurtosis = truncated_kurtosis(*bounds)
            target = parent if _is_uncorrected(scheme) else None
    elif distribution == "orthogonal":
        low = high = None
    elif distribution != "normal":
        return None
    return Candidate(
        distribution, law.mean, law.std, kurtosis, low, high, (name,), law, reading, target
    )


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def _is_uncorrected(scheme: Scheme) -> bool:
    """Whether the std that was meant is that before the truncation.

    A preset with fans is meant to have He's, Glorot's or LeCun's std. The std of a plain truncated
    normal is only a number, so it is as it should be: BERT and ViT have 0.88 of 0.02.
    """
    of_fans = scheme.preset is not None and scheme.mode is not None
    return of_fans and scheme.defaults.std_kind == "parent"


@lru_cache(maxsize=256)
def truncated_kurtosis(a: float, b: float) -> float:
    """m4 / m2^2 of a standard normal between a and b.

    E z^k = (k - 1) E z^(k-2) + (a^(k-1) phi(a) - b^(k-1) phi(b)) / mass (Johnson, Kotz and
    Balakrishnan, Continuous Univariate Distributions 1, 1994, 13.10.1).
    """
    raw = truncated_moments(a, b, 4)
    mean = raw[1]
    fourth = raw[4] - 4 * mean * raw[3] + 6 * mean**2 * raw[2] - 3 * mean**4
    return fourth / (raw[2] - mean**2) ** 2


def truncated_moments(a: float, b: float, highest: int) -> list[float]:
    """E z^k for k = 0 ... highest of a standard normal between a and b."""
    constants = between(a, b)
    at_a, at_b = (_density(edge) / constants.mass for edge in (a, b))
    raw = [1.0, at_a - at_b]
    for k in range(2, highest + 1):
        raw.append((k - 1) * raw[k - 2] + a ** (k - 1) * at_a - b ** (k - 1) * at_b)
    return raw


def _density(z: float) -> float:
    """phi(z)."""
    return exp(-z * z / 2) / sqrt(2 * pi)
