"""The table of schemes, family by family, and the words that lead to one.

A new scheme stands in its family's module, and a new family in `_FAMILIES`.
"""

from collections.abc import Mapping

from service.errors import Problem, UnreadableError
from service.initializers.schemes import (
    branch_scalars,
    classifier_bias,
    depth,
    filters,
    gates,
    icnr,
    identity,
    linear_recurrence,
    lora,
    mamba,
    orthogonal,
    plain,
    positions,
    router,
    siren,
    sparse,
    spectral,
    state_space,
    structured,
    truncated,
    variance_scaling,
    width,
    zero_hadamard,
)
from service.initializers.schemes.presets import (
    burn,
    candle,
    dl4j,
    flax,
    flux,
    jax,
    keras,
    mlx,
    paddle,
    tf,
    tfjs,
    timm,
    torch,
)
from service.initializers.schemes.record import Scheme
from service.initializers.unknown_words import NOT_ISSUED_SCHEMES, squash, unknown_word

AUTO = "auto"
"""The word for the scheme that fits the layer (`resolve_auto`). It is not a scheme itself."""

_FAMILIES = (
    plain,
    truncated,
    variance_scaling,
    identity,
    structured,
    positions,
    filters,
    spectral,
    orthogonal,
    sparse,
    icnr,
    gates,
    mamba,
    state_space,
    linear_recurrence,
    depth,
    width,
    siren,
    branch_scalars,
    zero_hadamard,
    classifier_bias,
    router,
    lora,
    torch,
    keras,
    timm,
    mlx,
    burn,
    candle,
    paddle,
    jax,
    flax,
    tf,
    tfjs,
    flux,
    dl4j,
)

SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme for family in _FAMILIES for scheme in family.SCHEMES
}
"""Every scheme by its name."""

_FAMILY_OF = {
    scheme.name: family.__name__.rpartition(".")[2]
    for family in _FAMILIES
    for scheme in family.SCHEMES
}

_BY_WORD = SCHEMES | {alias: scheme for scheme in SCHEMES.values() for alias in scheme.aliases}

_ACCEPTED = {squash(name): name for name in (AUTO, *SCHEMES)}

_MUP = "mup_hidden or mup_output or mup_input"

_OTHER_WORDS = {squash(alias): s.name for s in SCHEMES.values() for alias in s.aliases} | {
    **dict.fromkeys(("default", "best", "recommended"), AUTO),
    **dict.fromkeys(("zero", "zeroslike"), "zeros"),
    **dict.fromkeys(("one", "oneslike"), "ones"),
    **dict.fromkeys(("const", "fill", "full", "value"), "constant"),
    **dict.fromkeys(("rand", "randomuniform", "unif", "flat"), "uniform"),
    **dict.fromkeys(("randn", "randomnormal", "standardnormal"), "normal"),
    **dict.fromkeys(("gaussian", "gauss"), "normal or gaussian_filter"),
    **dict.fromkeys(("truncnormal", "truncnormaltf", "truncnorm", "truncated"), "truncated_normal"),
    **dict.fromkeys(("truncatedrandomnormal", "truncatedgaussian"), "truncated_normal"),
    **dict.fromkeys(("varscaling", "scaling"), "variance_scaling"),
    **dict.fromkeys(("he", "kaiming", "msra", "msraprelu"), "he_normal or he_uniform"),
    **dict.fromkeys(("glorot", "xavier"), "glorot_normal or glorot_uniform"),
    **dict.fromkeys(("lecun", "selu"), "lecun_normal or lecun_uniform"),
    **dict.fromkeys(("ortho", "orthonormal", "qr"), "orthogonal"),
    **dict.fromkeys(("sine", "sineinit"), "siren"),
    "firstlayersineinit": "siren_first",
    **dict.fromkeys(("gpt2", "scalednormal", "scaledinitmethodnormal"), "gpt2_residual"),
    **dict.fromkeys(("megatron", "fullmegatron"), "olmo_megatron or gpt2_residual"),
    **{"mitchell": "olmo_mitchell", "olmo": "olmo_mitchell or olmo_megatron"},
    **{"deepnet": "deepnorm", "magneto": "sub_ln", "sublayernorm": "sub_ln"},
    **{"smallinitinitmethod": "small_init", "wanginitmethod": "wang_init"},
    **dict.fromkeys(("mup", "maximalupdate", "mutransfer"), _MUP),
    **dict.fromkeys(("mureadout", "muoutput"), "mup_output"),
    **dict.fromkeys(("zerogamma", "zeroinitresidual", "zeroresidual"), "zeros"),
    **dict.fromkeys(("zerohead", "zeroconv", "zeromodule"), "zeros"),
    **{"resweight": "rezero", "initvalues": "layer_scale", "layerscaleinitvalue": "layer_scale"},
    **dict.fromkeys(("hadamard", "zeroinitonmatrix"), "zero_hadamard"),
    **dict.fromkeys(("focal", "focalbias", "priorprob"), "prior_bias"),
    **dict.fromkeys(("nlhb", "jaxnlhb"), "class_prior_bias"),
    **dict.fromkeys(("router", "moerouter"), "switch_router"),
    "lora": "lora_a or lora_b",
    **dict.fromkeys(("convidentity", "diracdelta", "diracinit"), "dirac"),
    **dict.fromkeys(("upsampling", "bilinearfiller", "bilinearupsampling"), "bilinear"),
    **dict.fromkeys(("tril", "causal", "attentionmask", "mask"), "causal_mask"),
    **dict.fromkeys(("sinusoidal", "sincos", "sinusoid"), "sinusoidal_positions"),
    **dict.fromkeys(("positionalencoding", "positionalembedding"), "sinusoidal_positions"),
    **dict.fromkeys(("posembed", "vitposembed"), "truncated_normal or sinusoidal_positions"),
    **dict.fromkeys(("rope", "rotary", "invfreq", "rotaryembedding"), "rotary_frequencies"),
    "alibi": "alibi_slopes",
    **dict.fromkeys(("gaussianblur", "gaussiankernel", "blur"), "gaussian_filter"),
    **dict.fromkeys(("boxfilter", "mean", "meanfilter"), "box"),
    **dict.fromkeys(("x", "xfilter", "saltire"), "cross"),
    **dict.fromkeys(("edge", "edges", "edgedetector", "edgedetection"), "sobel or laplacian"),
    **dict.fromkeys(("filter", "kernel", "knownfilters"), "literal"),
    **dict.fromkeys(("gaborbank", "gaborfilter", "gaborfilterbank"), "gabor"),
    **dict.fromkeys(("fourier", "dft", "spectrogram", "shorttimefouriertransform"), "stft"),
    **dict.fromkeys(("mel", "melscale", "melbank", "melscalefbanks"), "mel_filter_bank"),
    "scharr": "sobel or literal",
    **dict.fromkeys(("convdeltaorthogonal", "convolutionorthogonal"), "delta_orthogonal"),
    **dict.fromkeys(("torchnnlinear", "nnlinear"), "torch.linear"),
    **dict.fromkeys(("keraslayersdense", "layersdense"), "keras.dense"),
    **{"msranormal": "he_normal", "msrauniform": "he_uniform"},
    **dict.fromkeys(("forgetgate", "forgetbias", "forgetgatebias"), "forget_gate_bias"),
    **dict.fromkeys(("chronoinit", "chronoinitialization"), "chrono_bias"),
    **dict.fromkeys(("mamba", "alog", "mambaa"), "mamba_a_log or mamba2_a_log"),
    **dict.fromkeys(("dtbias", "mambadt"), "mamba_dt_bias"),
    **dict.fromkeys(("dtproj", "mambadtproj"), "mamba_dt_projection"),
    **dict.fromkeys(("s4d", "s4dlin", "s4dinv", "s4dreal"), "s4d_log_decay or s4d_frequency"),
    **dict.fromkeys(("hippo", "legs"), "hippo_legs_a or hippo_legs_b"),
    **dict.fromkeys(("lru", "nulog"), "lru_nu_log or lru_theta_log or lru_gamma_log"),
    **dict.fromkeys(("rglru", "griffin"), "rg_lru_lambda"),
    **dict.fromkeys(("retnet", "retention"), "retnet_decays"),
    "random": "normal or uniform",
}


def _first_weights(framework: str) -> dict[str, str]:
    """The first preset of each layer of a framework, by the layer's name."""
    weights: dict[str, str] = {}
    for scheme in SCHEMES.values():
        prefix, _, rest = scheme.name.partition(".")
        layer = rest.partition(".")[0]
        of_layer = scheme.preset is not None and scheme.preset.layer is not None
        if prefix == framework and of_layer and layer not in SCHEMES:
            weights.setdefault(layer, scheme.name)
    return weights


_TORCH_LAYERS, _KERAS_LAYERS = _first_weights("torch"), _first_weights("keras")

_LAYERS_OF = _KERAS_LAYERS | _TORCH_LAYERS
"""A preset for the name of each layer of PyTorch or Keras, PyTorch's if both have it."""

_LAYER_WORDS = {
    **{squash(layer): name for layer, name in _LAYERS_OF.items()},
    **{
        squash(layer): f"{_TORCH_LAYERS[layer]} or {name}"
        for layer, name in _KERAS_LAYERS.items()
        if layer in _TORCH_LAYERS
    },
    **dict.fromkeys(("linear", "dense"), "torch.linear or keras.dense"),
}
"""The same by squashed names, with both presets if both frameworks have the layer."""

_FOREIGN = _LAYER_WORDS | _OTHER_WORDS

_SUFFIXES = ("init", "initializer", "v2")

_REPLACEMENTS = _FOREIGN | {
    word + suffix: name
    for word, name in (_ACCEPTED | _FOREIGN).items()
    if "." not in name
    for suffix in _SUFFIXES
}
"""Squashed spellings of other frameworks, such as TensorFlow's `he_normal_initializer`."""

_PRESETS = {
    (scheme.name.partition(".")[0], squash(scheme.name.partition(".")[2])): scheme.name
    for scheme in SCHEMES.values()
    if scheme.preset is not None
}
"""The presets by the prefix of their name and the squashed rest of it."""


def _without_dimensions(layer: str) -> str:
    """A layer's squashed name without the dimensions at its end, as in conv2d."""
    return layer[:-2] if layer.endswith(("1d", "2d", "3d")) else layer


def _by_layer() -> dict[tuple[str, str], str]:
    """The presets of each layer that has several, by their prefix and the layer's squashed name.

    The name is the layer's own, and that without its dimensions: torch.nn.BatchNorm2d is in
    torch.batch_norm, and flax.linen.Conv in flax.conv1d.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for name, scheme in SCHEMES.items():
        prefix, _, rest = name.partition(".")
        layer = squash(rest.partition(".")[0])
        if scheme.preset is not None:
            found.setdefault((prefix, layer), []).append(name)
            whole = _without_dimensions(layer)
            if whole != layer and "." not in rest:
                found.setdefault((prefix, whole), []).append(name)
    return {layer: " or ".join(names) for layer, names in found.items() if len(names) > 1}


_MEMBERS = _by_layer()

_MODULES: dict[str, tuple[str, ...]] = {prefix: (prefix,) for prefix, _ in _PRESETS} | {
    "candlenn": ("candle",),
    **dict.fromkeys(("flax", "linen", "nnx"), ("flax", "jax")),
    **dict.fromkeys(("tf", "tensorflow"), ("tf", "keras")),
    **dict.fromkeys(("weightinit", "deeplearning4j"), ("dl4j",)),
}
"""The prefixes of the presets that a module's squashed name leads to, the likeliest first. Flax
passes JAX's initializers on, and TensorFlow Keras's."""

_LIKELY = _LAYERS_OF | {name: name for name in _BY_WORD if "." not in name}
"""The words that a misspelt word without a framework is compared with. Of the presets these are the
layers of PyTorch and Keras alone, by their bare names."""

_DIFFERENT_ELSEWHERE = {
    "LecunNormal": "keras.lecun_normal",
    "GlorotNormal": "keras.glorot_normal",
    "HeNormal": "keras.he_normal",
    "TruncatedNormal": "keras.truncated_normal",
}
"""Spellings of one framework whose distribution differs from Fanin's scheme of that name."""


def family_of(name: str) -> str:
    """The family of a scheme: its framework if it is named after one, else its module."""
    framework, dot, _ = name.partition(".")
    return framework if dot else _FAMILY_OF[name]


def find_scheme(name: str, also: tuple[str, ...] = (AUTO,)) -> Scheme:
    """The scheme with this name or alias, with or without `@1`.

    `also` are other words that the field takes, which may be nearer to a misspelt one.

    Raises UnreadableError: `unknown_word` with the right spelling or the nearest ones,
    `not_issued` for a scheme of `NOT_ISSUED_SCHEMES`, `unknown_revision` for a revision other
    than 1.
    """
    word, at, revision = name.partition("@")
    if word not in _BY_WORD:
        replacements: Mapping[str, str] = _foreign(word)
        if AUTO not in also:
            replacements = {key: name for key, name in replacements.items() if name != AUTO}
        known = (*also, *_BY_WORD)
        likely = None if "." in word else {name: name for name in also} | _LIKELY
        raise unknown_word(
            "scheme", word, known, replacements, "schemes", NOT_ISSUED_SCHEMES, likely
        )
    scheme = _BY_WORD[word]
    if at and revision != "1":
        message = f"{scheme.name} has revision 1 only"
        hint = f"write {scheme.name} or {scheme.name}@1"
        raise UnreadableError("unknown_revision", Problem("scheme", message, hint))
    return scheme


def scheme_meant(word: str) -> Scheme | None:
    """The scheme of a name, or the only one that the refusal of another word would name."""
    name, _, _ = word.partition("@")
    if name in _BY_WORD:
        return _BY_WORD[name]
    spelling = squash(name)
    return SCHEMES.get(_foreign(name).get(spelling) or _ACCEPTED.get(spelling, ""))


def _split(word: str) -> tuple[tuple[str, ...], str]:
    """The squashed modules of a dotted word, and its last name without a call's arguments."""
    *modules, bare = word.partition("(")[0].replace("::", ".").split(".")
    return tuple(map(squash, modules)), bare


def _preset_of(modules: tuple[str, ...], bare: str) -> str | None:
    """The preset or presets that a framework's own name means, or None.

    Every module that names a framework counts, the first one first. If none does, a name that ends
    in `_` and a name in `nn` or `nn.init` are torch's, one in `Initializer` is Burn's, and one in
    `initializers` is Keras's if it is a class, else JAX's. tf.initializers.heNormal is
    TensorFlow.js's, by its capitals.
    """
    named = tuple(prefix for module in modules for prefix in _MODULES.get(module, ()))
    if "tf" in named and bare[:1].islower() and bare != bare.lower():
        named = ("tfjs",)
    if not named and (bare.endswith("_") or modules in (("nn",), ("init",), ("nn", "init"))):
        named = ("torch",)
    if not named and modules == ("initializer",):
        named = ("burn",)
    if not named and modules[-1:] == ("initializers",):
        named = ("keras",) if bare[:1].isupper() else ("jax",)
    layer = squash(bare)
    for prefix in named:
        for table, word in (
            (_PRESETS, layer),
            (_MEMBERS, layer),
            (_MEMBERS, _without_dimensions(layer)),
        ):
            if (prefix, word) in table:
                return table[prefix, word]
    return None


def _foreign(word: str) -> dict[str, str]:
    """The replacements for `word`. They depend on the framework that the word names.

    `jax.nn.initializers.he_normal` and Keras's `HeNormal` are truncated normals.
    """
    modules, bare = _split(word)
    preset = _preset_of(modules, bare)
    if preset is not None:
        return _REPLACEMENTS | {squash(word): preset, squash(bare): preset}
    if bare in _DIFFERENT_ELSEWHERE:
        return _REPLACEMENTS | {squash(bare): _DIFFERENT_ELSEWHERE[bare]}
    return _REPLACEMENTS
