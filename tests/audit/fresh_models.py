"""Fresh models of a framework, with the scheme that each of its parameters was initialized with.

This script runs in the framework's own environment, so it imports neither Fanin nor a test:

    python tests/audit/fresh_models.py FOLDER torch
    python tests/audit/fresh_models.py FOLDER keras flax

It writes a .npz file for each model, and FRAMEWORK-truth.json with the scheme of each tensor by
model and name. Constants have none. Seeds are fixed.
"""

import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

Model = tuple[dict[str, Any], dict[str, str]]
"""The parameters of a model by name, and the scheme of each."""


def _torch_models() -> Iterator[tuple[str, Model]]:
    torch: Any = import_module("torch")
    nn = torch.nn

    def built(seed: int, make: Callable[[], Any], **schemes: str) -> Model:
        torch.manual_seed(seed)
        module = make()
        state = {
            name: each.detach().numpy()
            for name, each in module.state_dict().items()
            if each.is_floating_point()
        }
        return state, _by_beginning(state, schemes)

    yield (
        "torch-mlp",
        built(
            1,
            lambda: nn.Sequential(
                nn.Linear(784, 300), nn.LayerNorm(300), nn.Linear(300, 150), nn.Linear(150, 100)
            ),
            _1="torch.layer_norm",
            _="torch.linear",
        ),
    )
    yield (
        "torch-conv",
        built(
            2,
            lambda: nn.Sequential(
                nn.Conv1d(64, 96, 5),
                nn.Conv2d(32, 64, 3),
                nn.BatchNorm2d(64),
                nn.Conv3d(16, 32, 3),
                nn.Conv2d(48, 96, 3, groups=2),
            ),
            _0="torch.conv1d",
            _2="torch.batch_norm",
            _3="torch.conv3d",
            _="torch.conv2d",
        ),
    )
    yield (
        "torch-transposed",
        built(
            3,
            lambda: nn.Sequential(
                nn.ConvTranspose1d(64, 48, 9),
                nn.ConvTranspose2d(64, 32, 4, 2),
                nn.ConvTranspose3d(32, 16, 4, 2),
                nn.GroupNorm(4, 16),
            ),
            _0="torch.conv_transpose1d",
            _1="torch.conv_transpose2d",
            _2="torch.conv_transpose3d",
            _3="torch.group_norm",
        ),
    )
    yield (
        "torch-depthwise",
        built(
            4,
            lambda: nn.Sequential(
                nn.Conv2d(512, 512, 5, groups=512), nn.Conv2d(512, 128, 1), nn.BatchNorm2d(128)
            ),
            _2="torch.batch_norm",
            _="torch.conv2d",
        ),
    )
    yield (
        "torch-recurrent",
        built(
            5,
            lambda: nn.ModuleDict(
                {
                    "emb": nn.Embedding(1000, 64),
                    "lstm": nn.LSTM(64, 128, 2, bidirectional=True),
                    "gru": nn.GRU(256, 96),
                    "rnn": nn.RNN(96, 128),
                }
            ),
            emb="torch.embedding",
            lstm="torch.lstm",
            gru="torch.gru",
            rnn="torch.rnn",
        ),
    )
    yield (
        "torch-transformer",
        built(
            6,
            lambda: nn.Sequential(*(nn.TransformerEncoderLayer(128, 4, 512) for _ in range(2))),
            **{
                f"{layer}_{member}": scheme
                for layer in range(2)
                for member, scheme in (
                    ("self_attn_in_proj_weight", "torch.multihead_attention"),
                    ("self_attn_out_proj_weight", "torch.linear"),
                    ("linear", "torch.linear"),
                    ("norm", "torch.layer_norm"),
                )
            },
        ),
    )

    def resnet() -> Any:
        module = nn.Sequential(nn.Conv2d(3, 64, 7), nn.Conv2d(64, 128, 3), nn.Linear(512, 100))
        for layer in module[:2]:
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        nn.init.normal_(module[2].weight, 0.0, 0.02)
        nn.init.zeros_(module[2].bias)
        return module

    yield ("torch-he", built(7, resnet, _2="normal", _="torch.kaiming_normal"))

    def initialized() -> Any:
        module = nn.Sequential(*(nn.Linear(256, 192) for _ in range(5)))
        for layer, function in zip(
            module,
            (
                nn.init.xavier_uniform_,
                nn.init.xavier_normal_,
                nn.init.kaiming_uniform_,
                nn.init.orthogonal_,
                lambda weight: nn.init.trunc_normal_(weight, std=0.02),
            ),
            strict=True,
        ):
            function(layer.weight)
        return module

    yield (
        "torch-init",
        built(
            8,
            initialized,
            _0_weight="torch.xavier_uniform",
            _1_weight="torch.xavier_normal",
            _2_weight="torch.kaiming_uniform",
            _3_weight="torch.orthogonal",
            _4_weight="normal",
            _="torch.linear",
        ),
    )


def _torch_gains() -> Iterator[tuple[str, Model]]:
    """Layers with the gains, slopes and stds that people give, and those that PyTorch changes."""
    torch: Any = import_module("torch")
    nn, init = torch.nn, torch.nn.init
    shapes = ((512, 256), (300, 784), (1024, 512))
    functions: dict[str, tuple[Any, str]] = {
        "orthogonal": (lambda w: init.orthogonal_(w, 2**0.5), "torch.orthogonal&gain=1.41421"),
        "last": (lambda w: init.orthogonal_(w, 0.01), "torch.orthogonal&gain=0.01"),
        "leaky": (
            lambda w: init.kaiming_normal_(w, 0.2),
            "torch.kaiming_normal&negative_slope=0.2",
        ),
        "tanh": (
            lambda w: init.xavier_uniform_(w, init.calculate_gain("tanh")),
            "torch.xavier_uniform&gain=1.66667",
        ),
        "tanh_normal": (
            lambda w: init.xavier_normal_(w, 5 / 3),
            "torch.xavier_normal&gain=1.66667",
        ),
        "attention": (
            lambda w: init.xavier_uniform_(w, 2**-0.5),
            "torch.xavier_uniform&gain=0.707107",
        ),
        "selu": (
            lambda w: init.kaiming_normal_(w, nonlinearity="selu"),
            "torch.kaiming_normal&activation=selu",
        ),
        "tenth": (lambda w: init.normal_(w, std=0.1), "normal&std=0.1"),
        "head": (lambda w: init.normal_(w, std=0.01), "normal&std=0.01"),
        "recurrent_range": (lambda w: init.uniform_(w, -0.08, 0.08), "uniform&low=-0.08&high=0.08"),
        "cut": (
            lambda w: init.trunc_normal_(w, std=0.02, a=-0.04, b=0.04),
            "truncated_normal&std=0.02&std_kind=parent",
        ),
        "cut_at_3": (
            lambda w: init.trunc_normal_(w, std=0.02, a=-0.06, b=0.06),
            "truncated_normal&std=0.02&std_kind=parent&bounds=3",
        ),
        "sparse": (lambda w: init.sparse_(w, 0.1), "normal&std=0.01"),
    }
    for number, (name, (function, scheme)) in enumerate(functions.items()):
        torch.manual_seed(100 + number)
        state, truth = {}, {}
        for layer, shape in enumerate(shapes):
            weight = torch.empty(shape)
            function(weight)
            state[f"layers.{layer}.weight"] = weight.numpy()
            truth[f"layers.{layer}.weight"] = scheme
        yield f"torch-gains-{name}", (state, truth)
    torch.manual_seed(200)
    module = nn.ModuleDict(
        {
            "bilinear": nn.Bilinear(60, 40, 500),
            "normed": nn.utils.parametrizations.weight_norm(nn.Linear(100, 500)),
            "spectral": nn.utils.spectral_norm(nn.Linear(100, 500)),
            "padded": nn.Embedding(300, 64, padding_idx=0),
            "lstm": nn.LSTM(128, 128),
        }
    )
    for gate in module["lstm"].weight_hh_l0.detach().chunk(4):
        init.orthogonal_(gate)
    state = {name: each.detach().numpy() for name, each in module.state_dict().items()}
    truth = {
        "bilinear.weight": "torch.bilinear",
        "bilinear.bias": "torch.linear.bias",
        "normed.bias": "torch.linear.bias",
        "normed.parametrizations.weight.original1": "torch.linear",
        "spectral.bias": "torch.linear.bias",
        "spectral.weight_orig": "torch.linear",
        "padded.weight": "torch.embedding",
        "lstm.weight_ih_l0": "torch.lstm",
        "lstm.weight_hh_l0": "orthogonal",
    }
    yield "torch-changed", ({name: state[name] for name in truth}, truth)


def _torch_on_purpose() -> Iterator[tuple[str, Model]]:
    """Zeros, equal tensors and running statistics that belong there."""
    torch: Any = import_module("torch")
    nn, init = torch.nn, torch.nn.init
    torch.manual_seed(300)
    module = nn.ModuleDict(
        {
            "wte": nn.Embedding(1000, 64),
            "lm_head": nn.Linear(64, 1000, bias=False),
            "lora_A": nn.Linear(64, 8, bias=False),
            "lora_B": nn.Linear(8, 64, bias=False),
            "bn": nn.BatchNorm2d(64),
        }
    )
    module["lm_head"].weight = module["wte"].weight
    init.zeros_(module["lora_B"].weight)
    init.normal_(module["bn"].weight, 1.0, 0.02)
    for _ in range(3):
        module["bn"](torch.randn(8, 64, 4, 4))
    blocks = nn.Sequential(*(nn.BatchNorm2d(32) for _ in range(3)))
    for block in blocks:
        init.zeros_(block.weight)
    tables = {
        f"layers.{layer}.rotary_emb.inv_freq": 1e4 ** -(np.arange(32) / 32) for layer in (0, 1)
    }
    state = {
        **{name: each.detach().numpy() for name, each in module.state_dict().items()},
        **{f"blocks.{name}": each.detach().numpy() for name, each in blocks.state_dict().items()},
        **tables,
        "pos_embed": np.zeros((1, 197, 64), np.float32),
    }
    yield (
        "torch-on-purpose",
        ({name: each for name, each in state.items() if each.dtype.kind == "f"}, {}),
    )


def _jax_narrow() -> Iterator[tuple[str, Model]]:
    """JAX draws in the dtype of the parameters."""
    import jax
    import jax.numpy as jnp

    inits = jax.nn.initializers
    for dtype in ("bfloat16", "float16"):
        state, truth = {}, {}
        for number, (function, scheme) in enumerate(
            (
                (inits.normal(0.02), "normal&std=0.02"),
                (inits.truncated_normal(0.02), "truncated_normal&std=0.02&std_kind=parent"),
                (inits.lecun_normal(), "jax.lecun_normal"),
                (inits.glorot_uniform(), "jax.glorot_uniform"),
            )
        ):
            for layer, shape in enumerate(((300, 512), (100, 300))):
                name = f"block_{number}_{layer}/kernel"
                drawn = function(jax.random.key(10 * number + layer), shape, jnp.dtype(dtype))
                state[name], truth[name] = np.array(drawn), scheme
        yield f"jax-{dtype}", (state, truth)


def _keras_models() -> Iterator[tuple[str, Model]]:
    import keras
    from keras import layers

    def built(seed: int, shape: tuple[int, ...], stack: list[Any], **schemes: str) -> Model:
        keras.utils.set_random_seed(seed)
        keras.backend.clear_session()
        model = keras.Sequential([keras.Input(shape), *[make() for make in stack]])
        state = {
            each.path: np.array(each.value)
            for each in model.weights
            if np.array(each.value).dtype.kind == "f"
        }
        return state, _by_beginning(state, schemes)

    yield (
        "keras-mlp",
        built(
            1,
            (784,),
            [
                lambda: layers.Dense(300),
                lambda: layers.BatchNormalization(),
                lambda: layers.Dense(120, kernel_initializer="he_normal"),
                lambda: layers.LayerNormalization(),
                lambda: layers.Dense(120, kernel_initializer="lecun_normal"),
                lambda: layers.Dense(100, kernel_initializer="truncated_normal"),
            ],
            dense_1_kernel="keras.he_normal",
            dense_2_kernel="keras.lecun_normal",
            dense_3_kernel="keras.truncated_normal",
            dense="keras.dense",
        ),
    )
    yield (
        "keras-conv",
        built(
            2,
            (32, 32, 16),
            [
                lambda: layers.Conv2D(64, 5),
                lambda: layers.DepthwiseConv2D(5, depth_multiplier=8),
                lambda: layers.SeparableConv2D(96, 3),
                lambda: layers.Conv2DTranspose(32, 4),
            ],
            conv2d_transpose="keras.conv2d_transpose",
            conv2d="keras.conv2d",
            depthwise_conv2d="keras.depthwise_conv2d",
            separable_conv2d_depthwise_kernel="keras.separable_conv2d.depthwise_kernel",
            separable_conv2d_pointwise_kernel="keras.separable_conv2d.pointwise_kernel",
        ),
    )
    yield (
        "keras-volume",
        built(
            3,
            (9, 9, 9, 16),
            [
                lambda: layers.Conv3D(32, 3),
                lambda: layers.Conv3DTranspose(24, 3),
                lambda: layers.Reshape((-1, 24)),
                lambda: layers.Conv1D(96, 7),
                lambda: layers.Conv1DTranspose(64, 5),
            ],
            conv3d_transpose="keras.conv3d_transpose",
            conv3d="keras.conv3d",
            conv1d_transpose="keras.conv1d_transpose",
            conv1d="keras.conv1d",
        ),
    )
    yield (
        "keras-recurrent",
        built(
            4,
            (20,),
            [
                lambda: layers.Embedding(1000, 64),
                lambda: layers.LSTM(96, return_sequences=True),
                lambda: layers.GRU(128, return_sequences=True),
                lambda: layers.SimpleRNN(128),
            ],
            embedding="keras.embedding",
            **{
                f"{layer}_{cell}_{member}": f"keras.{layer}.{member}"
                for layer, cell in (
                    ("lstm", "lstm_cell"),
                    ("gru", "gru_cell"),
                    ("simple_rnn", "simple_rnn_cell"),
                )
                for member in ("kernel", "recurrent_kernel")
            },
        ),
    )

    def attention() -> Model:
        keras.utils.set_random_seed(5)
        query = keras.Input((8, 96))
        attended = layers.MultiHeadAttention(4, 32, name="mha")(query, query)
        model = keras.Model(query, layers.Dense(128, name="out")(attended))
        state = {each.path: np.array(each.value) for each in model.weights}
        return state, _by_beginning(state, {"mha": "glorot_uniform", "out": "keras.dense"})

    yield "keras-attention", attention()


def _flax_models() -> Iterator[tuple[str, Model]]:
    import jax
    import jax.numpy as jnp
    from flax import linen as nn
    from flax.traverse_util import flatten_dict

    def built(seed: int, module: Any, example: Any, **schemes: str) -> Model:
        variables = module.init(jax.random.key(seed), example)
        state = {
            "/".join(path): np.array(each)
            for path, each in flatten_dict(variables["params"]).items()
        }
        return state, _by_beginning(state, schemes)

    yield (
        "flax-mlp",
        built(
            1,
            nn.Sequential(
                [
                    nn.Dense(300),
                    nn.LayerNorm(),
                    nn.Dense(120, kernel_init=nn.initializers.he_normal()),
                    nn.Dense(120, kernel_init=nn.initializers.xavier_uniform()),
                    nn.Dense(120, kernel_init=nn.initializers.orthogonal()),
                ]
            ),
            jnp.zeros((1, 784)),
            layers_0_kernel="flax.dense",
            layers_2_kernel="jax.he_normal",
            layers_3_kernel="jax.glorot_uniform",
            layers_4_kernel="jax.orthogonal",
        ),
    )
    yield (
        "flax-conv",
        built(
            2,
            nn.Sequential(
                [
                    nn.Conv(64, (5, 5)),
                    nn.Conv(512, (5, 5), feature_group_count=64),
                    nn.BatchNorm(use_running_average=True),
                    nn.ConvTranspose(32, (4, 4)),
                ]
            ),
            jnp.zeros((1, 16, 16, 16)),
            layers_0="flax.conv2d",
            layers_1="flax.conv2d",
            layers_3="flax.conv_transpose2d",
        ),
    )
    yield (
        "flax-lines",
        built(
            3,
            nn.Sequential([nn.Conv(96, (7,)), nn.ConvTranspose(64, (5,))]),
            jnp.zeros((1, 16, 32)),
            layers_0="flax.conv1d",
            layers_1="flax.conv_transpose1d",
        ),
    )
    yield (
        "flax-attention",
        built(
            4,
            nn.Sequential(
                [
                    nn.Embed(1000, 128),
                    nn.MultiHeadDotProductAttention(4),
                    nn.RMSNorm(),
                ]
            ),
            jnp.zeros((1, 8), jnp.int32),
            layers_0="flax.embed",
            layers_1="lecun_normal&distribution=truncated_normal",
        ),
    )
    yield (
        "flax-recurrent",
        built(
            5,
            nn.Sequential([nn.RNN(nn.LSTMCell(128)), nn.RNN(nn.GRUCell(128))]),
            jnp.zeros((1, 8, 96)),
            **{
                f"layers_{layer}_cell_{side}{gate}_kernel": scheme
                for layer, gates in ((0, "ifgo"), (1, "rzn"))
                for gate in gates
                for side, scheme in (("i", "jax.lecun_normal"), ("h", "jax.orthogonal"))
            },
        ),
    )


def _by_beginning(state: dict[str, Any], schemes: dict[str, str]) -> dict[str, str]:
    """The scheme of each weight by the beginning of its name, where _ stands for . and /.

    Constants are left out, and so are vectors of PyTorch's layers but their biases.
    """
    truth = {}
    for name in state:
        flat = name.replace(".", "_").replace("/", "_")
        found = next(
            (
                scheme
                for beginning, scheme in schemes.items()
                if flat.startswith(beginning.removeprefix("_"))
                or flat.split("_", 1)[-1].startswith(beginning)
            ),
            None,
        )
        if found is not None and np.ptp(state[name]) > 0:
            truth[name] = found
    return truth


def _torch_pitfalls() -> Iterator[tuple[str, Model]]:
    """PyTorch's own encoder copies its first layer, so its layers begin equal."""
    torch: Any = import_module("torch")
    nn = torch.nn
    torch.manual_seed(9)
    layer = nn.TransformerEncoderLayer(64, 4, 128)
    module = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    yield (
        "torch-copied",
        ({n: each.detach().numpy() for n, each in module.state_dict().items()}, {}),
    )


MODELS = {
    "torch-pitfalls": _torch_pitfalls,
    "torch-gains": _torch_gains,
    "torch-on-purpose": _torch_on_purpose,
    "jax-narrow": _jax_narrow,
    "torch": _torch_models,
    "keras": _keras_models,
    "flax": _flax_models,
}


def main(folder: str, *frameworks: str) -> None:
    """Write the models and the truth."""
    for framework in frameworks:
        truth = {}
        for name, (state, schemes) in MODELS[framework]():
            np.savez(Path(folder, f"{name}.npz"), **state)
            truth[name] = schemes
        Path(folder, f"{framework}-truth.json").write_text(json.dumps(truth, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
