"""The schemes: what their records say, and which words lead to them."""

from collections import Counter
from collections.abc import Collection
from functools import cache
from importlib import import_module
from pkgutil import walk_packages

import pytest

from service.errors import UnreadableError
from service.fields import parse_query, write_value
from service.fields.types import DISTRIBUTIONS
from service.initializers import schemes
from service.initializers.fans import MODES
from service.initializers.schemes import NUMBER_FIELDS, SCHEMES, Scheme, find_scheme, table
from service.plan import plan
from service.stream.draws import IndexFunction, Orthogonal
from tests.filling import smallest


@pytest.mark.parametrize(
    ("name", "distribution", "mode", "gain"),
    [
        ("zeros", "constant", None, None),
        ("ones", "constant", None, None),
        ("constant", "constant", None, None),
        ("uniform", "uniform", None, None),
        ("normal", "normal", None, None),
        ("truncated_normal", "truncated_normal", None, None),
        ("variance_scaling", "normal", "fan_in", "activation"),
        ("lecun_normal", "normal", "fan_in", "one"),
        ("lecun_uniform", "uniform", "fan_in", "one"),
        ("glorot_normal", "normal", "fan_avg", "one"),
        ("glorot_uniform", "uniform", "fan_avg", "one"),
        ("he_normal", "normal", "fan_in", "he"),
        ("he_uniform", "uniform", "fan_in", "he"),
    ],
)
def test_what_a_bare_name_means(
    name: str, distribution: str, mode: str | None, gain: str | float | None
) -> None:
    """Golden: the defaults behind a name are part of its revision 1.

    Those of later schemes are in frozen-v1.json, or in draft.json the bytes that they lead to.
    """
    scheme = SCHEMES[name]
    assert (scheme.distribution, scheme.mode, scheme.gain) == (distribution, mode, gain)


@cache
def families() -> dict[str, tuple[Scheme, ...]]:
    """The schemes of each module of service/initializers/schemes, in the table or not."""
    found = {}
    for module in walk_packages(schemes.__path__, f"{schemes.__name__}."):
        family = import_module(module.name)
        if family is not table and hasattr(family, "SCHEMES") and not module.ispkg:
            found[module.name.removeprefix(f"{schemes.__name__}.")] = family.SCHEMES
    return found


def forgotten(listed: Collection[Scheme]) -> list[str]:
    """The modules whose schemes are not all in the table, and the names that stand twice."""
    modules = [
        name for name, family in families().items() if any(each not in listed for each in family)
    ]
    names = Counter(scheme.name for family in families().values() for scheme in family)
    return [*modules, *(name for name, count in names.items() if count > 1)]


def test_every_module_of_schemes_is_in_the_table() -> None:
    """One that `_FAMILIES` does not have would be a file that nobody can ask for."""
    assert forgotten(SCHEMES.values()) == []


@pytest.mark.parametrize("name", families())
def test_a_forgotten_module_would_be_named(name: str) -> None:
    """Negative control: the table without the module's schemes."""
    without = [scheme for scheme in SCHEMES.values() if scheme not in families()[name]]
    assert forgotten(without) == [name]


def test_zeros_and_ones_bring_their_value_along() -> None:
    """No other scheme has a constant of its own, but a forget gate and presets of constants."""
    values = {s.name: s.value for s in SCHEMES.values() if s.value is not None and not s.preset}
    assert values == {"zeros": 0.0, "ones": 1.0, "forget_gate_bias": 1.0}


@pytest.mark.parametrize("name", list(SCHEMES))
def test_a_record_does_not_contradict_itself(name: str) -> None:
    """Words are the interface's; who has a gain and a fan takes both fans, mode and scale.

    A scheme with a fan and without a gain takes at least the fans of its mode, and no mode.
    """
    scheme = SCHEMES[name]
    assert set(scheme.fields) <= set(NUMBER_FIELDS)
    assert set(scheme.distributions) <= set(DISTRIBUTIONS)
    if scheme.sub_kernel is not None:
        return  # the other fields are those of its inner scheme
    assert (scheme.mode is None) == (not scheme.distributions)
    assert scheme.mode is None or scheme.mode in MODES
    fan_fields = {"fan_in", "fan_out", "mode", "scale", "distribution"}
    taken = fan_fields & set(scheme.fields)
    if scheme.mode is not None and scheme.gain is None:
        assert set(MODES[scheme.mode]) <= taken <= {"fan_in", "fan_out"}
    else:
        assert taken == (fan_fields if scheme.mode else set())
    assert ("gain" in scheme.fields) == (scheme.gain is not None)
    assert not scheme.distributions or scheme.distribution == scheme.distributions[0]
    truncates = "truncated_normal" in (scheme.distribution, *scheme.distributions)
    # The bounds of some presets are values, as in torch's trunc_normal_.
    absolute = scheme.preset is not None and scheme.defaults.bounds is None
    assert ("bounds" in scheme.fields) == ("std_kind" in scheme.fields)
    assert ("bounds" in scheme.fields) == (truncates and not absolute)
    assert (scheme.preset is not None) == ("." in scheme.name)


@pytest.mark.parametrize("name", list(SCHEMES))
def test_a_law_does_what_the_record_says(name: str) -> None:
    """Access and distribution are those of the draw that the law makes."""
    scheme = SCHEMES[name]
    query = smallest(name)
    law = plan(parse_query(query.encode()), "raw", max_bytes=2**30).tensor.law
    ways = {IndexFunction: "index", Orthogonal: "materialised"}
    assert scheme.access == ways.get(type(law.draw), "elementwise")
    assert law.distribution == scheme.distribution


@pytest.mark.parametrize("name", list(SCHEMES))
def test_defaults_stand_in_the_record(name: str) -> None:
    """Saying a default changes nothing, so no other default is hidden in a formula."""
    scheme = SCHEMES[name]
    query = smallest(name)
    plain = plan(parse_query(query.encode()), "raw", max_bytes=2**30).tensor
    for field, value in scheme.defaults.present().items():
        if field not in scheme.fields:
            continue
        context = "&".join(item for item in query.split("&") if not item.startswith(f"{field}="))
        if field in ("bounds", "std_kind") and scheme.distribution != "truncated_normal":
            context += "&distribution=truncated_normal"
        said = parse_query(f"{context}&{field}={write_value(field, value)}".encode())
        without = plan(parse_query(context.encode()), "raw", max_bytes=2**30).tensor
        assert plan(said, "raw", max_bytes=2**30).tensor.blocks == without.blocks
    assert plain.scheme is scheme


def test_only_gainless_variance_scaling_asks_for_the_rule() -> None:
    """He, Glorot and LeCun are their gain; a rule would make them something else."""
    taking = [s.name for s in SCHEMES.values() if "gain_rule" in s.fields and not s.sub_kernel]
    assert taking == ["variance_scaling"]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("he_normal", "he_normal"),
        ("he_normal@1", "he_normal"),
        ("kaiming_normal", "he_normal"),
        ("kaiming_uniform@1", "he_uniform"),
        ("xavier_normal", "glorot_normal"),
        ("xavier_uniform", "glorot_uniform"),
    ],
)
def test_names_aliases_and_revision_1_lead_to_a_scheme(word: str, name: str) -> None:
    """A bare name is revision 1."""
    assert find_scheme(word) is SCHEMES[name]


@pytest.mark.parametrize("revision", ["@2", "@0", "@01", "@", "@1@1", "@x"])
def test_other_revisions_do_not_exist_yet(revision: str) -> None:
    """The hint names the one there is."""
    with pytest.raises(UnreadableError) as refusal:
        find_scheme("kaiming_normal" + revision)
    assert refusal.value.reason == "unknown_revision"
    assert refusal.value.problems[0].hint == "write he_normal or he_normal@1"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("KaimingNormal", "he_normal"),
        ("kaiming_normal_", "torch.kaiming_normal"),
        ("HeNormal", "keras.he_normal"),
        ("heNormal", "he_normal"),
        ("kaiming_uniform_", "torch.kaiming_uniform"),
        ("xavier_uniform_", "torch.xavier_uniform"),
        ("XavierNormal", "glorot_normal"),
        ("GlorotUniform", "glorot_uniform"),
        ("LecunNormal", "keras.lecun_normal"),
        ("VarianceScaling", "variance_scaling"),
        ("TruncatedNormal", "keras.truncated_normal"),
        ("trunc_normal_", "torch.trunc_normal"),
        ("normal_", "torch.normal"),
        ("RandomNormal", "normal"),
        ("random_uniform", "uniform"),
        ("constant_", "torch.constant"),
        ("zeros_init", "zeros"),
        ("Ones", "ones"),
        ("AUTO", "auto"),
        ("truncnorm", "truncated_normal"),
        ("randn", "normal"),
        ("nn.init.xavier_uniform_", "torch.xavier_uniform"),
        ("torch.nn.init.kaiming_normal_(w, a=0.1)", "torch.kaiming_normal"),
        ("torch.nn.init.kaiming_normal", "torch.kaiming_normal"),
        ("nn.Linear(3, 8)", "torch.linear"),
        ("torch.nn.ConvTranspose2d", "torch.conv_transpose2d"),
        ("nn.LSTM", "torch.lstm"),
        ("nn.MultiheadAttention", "torch.multihead_attention"),
        ("torch.nn.init.orthogonal_", "torch.orthogonal"),
        ("dirac_", "torch.dirac"),
        ("nn.init.sparse_(w, 0.1)", "torch.sparse"),
        ("torch.nn.BatchNorm2d", "torch.batch_norm.weight or torch.batch_norm.bias"),
        ("torch.nn.Conv", "torch.conv1d or torch.conv2d or torch.conv3d"),
        ("nn.initializers.lecun_normal()", "jax.lecun_normal"),
        ("Initializer::KaimingUniform", "burn.kaiming_uniform"),
        ("Initializer::Orthogonal", "burn.orthogonal"),
        ("mlx.nn.init.sparse", "mlx.sparse"),
        ("paddle.nn.initializer.Dirac()", "paddle.dirac"),
        ("mlx.nn.init.he_normal", "mlx.he_normal"),
        ("paddle.nn.initializer.XavierNormal()", "paddle.xavier_normal"),
        ("paddle.nn.Conv2DTranspose", "paddle.conv2d_transpose"),
        ("timm.layers.trunc_normal_tf_", "timm.trunc_normal_tf"),
        ("candle_nn::linear", "candle.linear"),
        ("glorot_uniform_initializer", "glorot_uniform"),
        ("HeNormalV2", "he_normal"),
        ("keras.initializers.HeUniform", "keras.he_uniform"),
        ("keras.initializers.GlorotUniform()", "keras.glorot_uniform"),
        ("keras.initializers.HeNormal", "keras.he_normal"),
        ("initializers.Orthogonal(gain=2)", "keras.orthogonal"),
        ("keras.layers.Conv2DTranspose", "keras.conv2d_transpose"),
        ("keras.initializers.STFT()", "keras.stft"),
        (
            "tf.keras.layers.LSTM",
            "keras.lstm.kernel or keras.lstm.recurrent_kernel or keras.lstm.bias",
        ),
        ("jax.nn.initializers.delta_orthogonal", "jax.delta_orthogonal"),
        ("jax.nn.initializers.lecun_normal", "jax.lecun_normal"),
        ("jax.nn.initializers.uniform(0.1)", "jax.uniform"),
        ("flax.linen.initializers.he_normal()", "jax.he_normal"),
        ("flax.linen.Embed", "flax.embed"),
        ("tf.keras.initializers.GlorotNormal()", "keras.glorot_normal"),
        ("tf.initializers.HeNormal", "keras.he_normal"),
        ("tf.initializers.heNormal({})", "tfjs.he_normal"),
        ("tf.compat.v1.truncated_normal_initializer", "tf.truncated_normal_initializer"),
        ("Flux.kaiming_normal", "flux.kaiming_normal"),
        ("Flux.identity_init", "flux.identity_init"),
        ("Flux.LSTMCell", "flux.lstm_cell.wi or flux.lstm_cell.wh or flux.lstm_cell.bias"),
        ("he", "he_normal or he_uniform"),
        ("kaiming", "he_normal or he_uniform"),
        ("msra", "he_normal or he_uniform"),
        ("MSRAPrelu", "he_normal or he_uniform"),
        ("xavier", "glorot_normal or glorot_uniform"),
        ("WeightInit.XAVIER", "dl4j.xavier"),
        ("WeightInit.VAR_SCALING_UNIFORM_FAN_AVG", "dl4j.var_scaling_uniform_fan_avg"),
        ("glorot", "glorot_normal or glorot_uniform"),
        ("lecun", "lecun_normal or lecun_uniform"),
    ],
)
def test_spellings_of_other_frameworks_get_the_exact_word(word: str, meant: str) -> None:
    """PyTorch's, Keras's, JAX's and Burn's names lead to the one that was meant."""
    with pytest.raises(UnreadableError) as refusal:
        find_scheme(word)
    assert refusal.value.reason == "unknown_word"
    assert refusal.value.problems[0].hint == f"write {meant}"
    assert refusal.value.problems[0].listing == "schemes"


def test_a_typing_error_gets_the_nearest_words() -> None:
    """Aliases count as words."""
    with pytest.raises(UnreadableError) as refusal:
        find_scheme("kaimin_norml")
    hint = refusal.value.problems[0].hint
    assert hint.startswith("the nearest are kaiming_normal, ")
