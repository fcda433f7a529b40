"""Gains and stds that people give to an initializer, beside the defaults of the schemes.

Each row is a request to a scheme. A tensor is compared with them after the laws of the defaults: a
std that a person chose at will may be near any of those by accident.
"""

from math import sqrt

Fields = dict[str, str | float]

Request = tuple[str, Fields]
"""A scheme, and the fields that differ from its defaults."""

SLOPES = (0.01, 0.1, 0.2, 0.25, 0.3)
"""Negative slopes of LeakyReLU and PReLU: defaults of PyTorch (0.01, 0.25) and Keras (0.3), and
those of GANs and detectors."""

XAVIER_GAINS = (5 / 3, sqrt(2), 3 / 4, 1 / sqrt(2), 0.02, 0.01)
"""Those of `calculate_gain` for tanh, relu and selu; 1 / sqrt 2 of fairseq's attention; and small
ones of GANs and last layers."""

STDS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.006, 0.005, 0.002, 0.001)
"""Stds that are plain numbers."""

LIMITS = (1.0, 0.5, 0.2, 0.1, 0.08, 0.05, 0.02, 0.01, 0.005, 0.001)
"""Limits of a uniform distribution that are plain numbers."""

CUTS = (1.0, 1.5, 2.5, 3.0)
"""Bounds of a truncated normal in standard deviations, beside the usual 2."""


def variants(distribution: str, *, with_fans: bool, with_fan_out: bool) -> tuple[Request, ...]:
    """The requests whose values have this distribution.

    `with_fans` is False for layers without a fan of their own, such as embeddings. `with_fan_out`
    is False for dense layers, in which the mode fan_out cannot be told from a wrong layout.
    """
    modes = ("fan_in", "fan_out") if with_fan_out else ("fan_in",)
    found = _plain(distribution)
    if with_fans:
        found += _kaiming(distribution, modes) + _xavier(distribution)
        found += _scaled(distribution, (*modes, "fan_avg"))
    return tuple(found)


def _plain(distribution: str) -> list[Request]:
    if distribution == "normal":
        return [("normal", {"std": std}) for std in STDS]
    if distribution == "uniform":
        return [("uniform", {"low": -limit, "high": limit}) for limit in LIMITS]
    parents: list[Fields] = [{"std": std, "std_kind": "parent"} for std in STDS]
    corrected: list[Fields] = [{"std": std} for std in STDS]
    cut: list[Fields] = [
        {"std": std, "std_kind": "parent", "bounds": bound} for std in STDS for bound in CUTS
    ]
    return [("truncated_normal", fields) for fields in (*parents, *corrected, *cut)]


def _kaiming(distribution: str, modes: tuple[str, ...]) -> list[Request]:
    if distribution == "truncated_normal":
        return []
    scheme = f"torch.kaiming_{distribution}"
    gains: list[Fields] = [{"negative_slope": slope} for slope in SLOPES]
    gains += [{"activation": "tanh"}, {"activation": "selu"}]
    rows = [_with_mode(gain, mode) for gain in gains for mode in modes]
    return [(scheme, row) for row in rows]


def _xavier(distribution: str) -> list[Request]:
    if distribution == "truncated_normal":
        return []
    return [(f"torch.xavier_{distribution}", {"gain": gain}) for gain in XAVIER_GAINS]


def _scaled(distribution: str, modes: tuple[str, ...]) -> list[Request]:
    """`variance_scaling` with the scales of LeCun and He in other modes than theirs, and with 1/2.

    The latter is that of CLIP's feed-forward layers, which are normal.
    """
    scales = [("fan_in", 0.5)] if distribution == "normal" else []
    scales += [(mode, scale) for mode in modes if mode != "fan_in" for scale in (1.0, 2.0)]
    return [
        ("variance_scaling", {"scale": scale, "mode": mode, "distribution": distribution})
        for mode, scale in scales
    ]


def _with_mode(fields: Fields, mode: str) -> Fields:
    return fields if mode == "fan_in" else {**fields, "mode": mode}
