"""What each peer is asked, and the request for the same tensor here.

A case has the request and a function of the peer's module that makes the tensor. This module
imports neither Fanin nor a peer, so `checks/write_peer_values.py` runs in the peer's environment.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Make = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Case:
    """`query` is the request without seed and name. `make` takes the peer's package."""

    query: str
    make: Make

    @property
    def scheme(self) -> str:
        """The preset that is asked for."""
        return self.query.partition("scheme=")[2].partition("&")[0]


def _filled(function: str, shape: tuple[int, ...], *numbers: Any, **options: Any) -> Make:
    """A function of torch.nn.init on an empty tensor."""
    return lambda torch: getattr(torch.nn.init, function)(torch.empty(*shape), *numbers, **options)


def _torch_functions() -> Iterator[Case]:
    matrix, kernel = (40, 26), (16, 8, 3, 3)
    yield Case("shape=40,26&scheme=torch.uniform", _filled("uniform_", matrix))
    yield Case(
        "shape=40,26&scheme=torch.uniform&low=-0.5&high=2", _filled("uniform_", matrix, -0.5, 2.0)
    )
    yield Case("shape=40,26&scheme=torch.normal", _filled("normal_", matrix))
    yield Case(
        "shape=40,26&scheme=torch.normal&mean=3&std=0.5", _filled("normal_", matrix, 3.0, 0.5)
    )
    yield Case("shape=40,26&scheme=torch.trunc_normal", _filled("trunc_normal_", matrix))
    yield Case(
        "shape=40,26&scheme=torch.trunc_normal&std=0.02", _filled("trunc_normal_", matrix, std=0.02)
    )
    yield Case(
        "shape=40,26&scheme=torch.trunc_normal&mean=1&std=2&low=-1&high=2.5",
        _filled("trunc_normal_", matrix, 1.0, 2.0, -1.0, 2.5),
    )
    yield Case("shape=5,3&scheme=torch.constant&value=0.3", _filled("constant_", (5, 3), 0.3))
    yield Case("shape=5,3&scheme=torch.ones", _filled("ones_", (5, 3)))
    yield Case("shape=5,3&scheme=torch.zeros", _filled("zeros_", (5, 3)))
    yield Case("shape=5,3&scheme=torch.eye", _filled("eye_", (5, 3)))
    yield Case("shape=6,3&scheme=torch.eye&parts=2", _filled("eye_", (6, 3)))
    for shape in ((32, 20), (20, 32), (16, 2, 3, 3), (4, 12, 3), (2, 3, 2, 3, 4)):
        query = f"shape={','.join(map(str, shape))}&scheme=torch.orthogonal"
        yield Case(query, _filled("orthogonal_", shape))
    yield Case(
        "shape=16,2,3,3&scheme=torch.orthogonal&gain=1.5",
        _filled("orthogonal_", (16, 2, 3, 3), 1.5),
    )
    for shape, groups in (
        ((4, 2, 3, 3), 1),
        ((6, 2, 4), 3),
        ((16, 2, 3, 3), 2),
        ((2, 3, 2, 3, 4), 1),
    ):
        query = f"shape={','.join(map(str, shape))}&scheme=torch.dirac&groups={groups}"
        query += "&layer=conv1d" if len(shape) == 3 else ""
        yield Case(query, _filled("dirac_", shape, groups))
    yield Case("shape=6,4,5&scheme=torch.dirac", _filled("dirac_", (6, 4, 5)))
    yield Case(
        "shape=6,2,4,3&scheme=torch.dirac&groups=3&layer=conv_transpose2d",
        _filled("dirac_", (6, 2, 4, 3), 3),
    )
    for shape, sparsity in (((40, 20), 0.33), ((20, 40), 0.1)):
        query = f"shape={','.join(map(str, shape))}&scheme=torch.sparse&sparsity={sparsity}"
        yield Case(query, _filled("sparse_", shape, sparsity))
    yield Case(
        "shape=40,20&scheme=torch.sparse&sparsity=0.33&std=2&layer=embedding",
        _filled("sparse_", (40, 20), 0.33, 2.0),
    )
    for name in ("xavier_uniform", "xavier_normal"):
        yield Case(f"shape=40,26&scheme=torch.{name}", _filled(f"{name}_", matrix))
        yield Case(
            f"shape=16,8,3,3&scheme=torch.{name}&gain=2&groups=4",
            _filled(f"{name}_", kernel, gain=2.0),
        )
    for name in ("kaiming_uniform", "kaiming_normal"):
        yield Case(f"shape=40,26&scheme=torch.{name}", _filled(f"{name}_", matrix))
        yield Case(
            f"shape=40,26&scheme=torch.{name}&negative_slope=1.5",
            _filled(f"{name}_", matrix, a=1.5),
        )
        yield Case(
            f"shape=40,26&scheme=torch.{name}&activation=leaky_relu",
            _filled(f"{name}_", matrix, nonlinearity="leaky_relu"),
        )
        yield Case(
            f"shape=16,8,3,3&scheme=torch.{name}&layer=conv_transpose2d",
            _filled(f"{name}_", kernel),
        )
        yield Case(f"shape=10,13,8&scheme=torch.{name}", _filled(f"{name}_", (10, 13, 8)))
        yield Case(
            f"shape=16,8,3,3&scheme=torch.{name}&mode=fan_out&activation=relu",
            _filled(f"{name}_", kernel, mode="fan_out", nonlinearity="relu"),
        )
        for activation in ("linear", "sigmoid", "tanh", "selu"):
            yield Case(
                f"shape=40,26&scheme=torch.{name}&activation={activation}",
                _filled(f"{name}_", matrix, nonlinearity=activation),
            )


def _member(layer: str, member: str, *numbers: Any, **options: Any) -> Make:
    """A parameter of a new layer of torch.nn, mlx.nn or paddle.nn."""

    def make(package: Any) -> Any:
        tensor = getattr(package.nn, layer)(*numbers, **options)
        for name in member.split("."):
            tensor = getattr(tensor, name)
        return tensor

    return make


def _torch_layers() -> Iterator[Case]:
    yield Case("shape=40,26&scheme=torch.linear", _member("Linear", "weight", 26, 40))
    yield Case("shape=1000&fan_in=9&scheme=torch.linear.bias", _member("Linear", "bias", 9, 1000))
    yield Case("shape=16,4,16&scheme=torch.bilinear", _member("Bilinear", "weight", 4, 16, 16))
    yield Case(
        "shape=1000&fan_in=4&scheme=torch.bilinear.bias", _member("Bilinear", "bias", 4, 7, 1000)
    )
    for axes, kernel in ((1, "9"), (2, "3,3"), (3, "3,3,1")):
        size = tuple(map(int, kernel.split(",")))
        for groups in (1, 4):
            yield Case(
                f"shape=16,{32 // groups},{kernel}&scheme=torch.conv{axes}d&groups={groups}",
                _member(f"Conv{axes}d", "weight", 32, 16, size, groups=groups),
            )
            yield Case(
                f"shape=16,{32 // groups},{kernel}&scheme=torch.conv_transpose{axes}d"
                f"&groups={groups}",
                _member(f"ConvTranspose{axes}d", "weight", 16, 32, size, groups=groups),
            )
        yield Case(
            f"shape=1000&fan_in=36&scheme=torch.conv{axes}d.bias",
            _member(f"Conv{axes}d", "bias", 8, 1000, size, groups=2),
        )
        yield Case(
            f"shape=1000&fan_in=4500&scheme=torch.conv_transpose{axes}d.bias",
            _member(f"ConvTranspose{axes}d", "bias", 8, 1000, size, groups=2),
        )
    yield Case("shape=40,26&scheme=torch.embedding", _member("Embedding", "weight", 40, 26))
    for name, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        scheme, rows = f"torch.{name.lower()}", gates * 28
        yield Case(f"shape={rows},13&scheme={scheme}", _member(name, "weight_ih_l0", 13, 28))
        yield Case(f"shape={rows},28&scheme={scheme}", _member(name, "weight_hh_l0", 13, 28))
        yield Case(f"shape={rows * 9}&scheme={scheme}.bias", _member(name, "bias_ih_l0", 2, 252))
    heads = (24, 4)
    yield Case(
        "shape=72,24&scheme=torch.multihead_attention",
        _member("MultiheadAttention", "in_proj_weight", *heads),
    )
    yield Case(
        "shape=36,36&scheme=torch.multihead_attention.out_proj",
        _member("MultiheadAttention", "out_proj.weight", 36, 4),
    )
    for member in ("in_proj_bias", "out_proj.bias"):
        shape = 72 if member == "in_proj_bias" else 24
        yield Case(
            f"shape={shape}&scheme=torch.multihead_attention.bias",
            _member("MultiheadAttention", member, *heads),
        )
    for layer, name, numbers in (
        ("LayerNorm", "layer_norm", (6,)),
        ("GroupNorm", "group_norm", (2, 6)),
        ("BatchNorm2d", "batch_norm", (6,)),
        ("RMSNorm", "rms_norm", (6,)),
    ):
        yield Case(f"shape=6&scheme=torch.{name}.weight", _member(layer, "weight", *numbers))
        if layer != "RMSNorm":
            yield Case(f"shape=6&scheme=torch.{name}.bias", _member(layer, "bias", *numbers))
    for member in ("weight", "bias"):
        yield Case(
            f"shape=6&scheme=torch.instance_norm.{member}",
            _member("InstanceNorm2d", member, 6, affine=True),
        )


def _timm(function: str, *numbers: Any, **options: Any) -> Make:
    """A function of timm's weight_init.py on an empty tensor. It returns nothing or the tensor."""

    def make(package: Any) -> Any:
        tensor = package.torch.empty(40, 26)
        getattr(package.init, function)(tensor, *numbers, **options)
        return tensor

    return make


def _timm_cases() -> Iterator[Case]:
    yield Case("shape=40,26&scheme=timm.trunc_normal", _timm("trunc_normal_"))
    yield Case(
        "shape=40,26&scheme=timm.trunc_normal&mean=1&std=2&low=-1&high=2.5",
        _timm("trunc_normal_", 1.0, 2.0, -1.0, 2.5),
    )
    yield Case("shape=40,26&scheme=timm.trunc_normal_tf", _timm("trunc_normal_tf_"))
    yield Case(
        "shape=40,26&scheme=timm.trunc_normal_tf&mean=1&std=0.5&bounds=-1,3",
        _timm("trunc_normal_tf_", 1.0, 0.5, -1.0, 3.0),
    )
    yield Case("shape=40,26&scheme=timm.variance_scaling", _timm("variance_scaling_"))
    for mode in ("fan_out", "fan_avg"):
        for distribution in ("truncated_normal", "uniform"):
            yield Case(
                f"shape=40,26&scheme=timm.variance_scaling&scale=2&mode={mode}"
                f"&distribution={distribution}",
                _timm("variance_scaling_", 2.0, mode, distribution),
            )
    yield Case("shape=40,26&scheme=timm.lecun_normal", _timm("lecun_normal_"))
    yield Case("shape=40,26&scheme=timm.init_weights_vit_timm", _timm("trunc_normal_", std=0.02))


def _mlx_filled(function: str, shape: tuple[int, ...], *numbers: Any, **options: Any) -> Make:
    """A function of mlx.nn.init. `numbers` make the initializer, and `options` are for its call."""
    return lambda mlx: getattr(mlx.nn.init, function)(*numbers)(mlx.core.zeros(shape), **options)


def _mlx_cases() -> Iterator[Case]:
    matrix, kernel = (40, 26), (16, 3, 3, 8)
    yield Case("shape=5,3&scheme=mlx.constant&value=0.3", _mlx_filled("constant", (5, 3), 0.3))
    yield Case("shape=40,26&scheme=mlx.normal", _mlx_filled("normal", matrix))
    yield Case(
        "shape=40,26&scheme=mlx.normal&mean=3&std=0.5", _mlx_filled("normal", matrix, 3.0, 0.5)
    )
    yield Case("shape=40,26&scheme=mlx.uniform", _mlx_filled("uniform", matrix))
    yield Case("shape=4,4&scheme=mlx.identity", _mlx_filled("identity", (4, 4)))
    for name in ("glorot_normal", "glorot_uniform"):
        yield Case(f"shape=40,26&scheme=mlx.{name}", _mlx_filled(name, matrix))
        yield Case(f"shape=16,3,3,8&scheme=mlx.{name}&gain=2", _mlx_filled(name, kernel, gain=2.0))
    for name in ("he_normal", "he_uniform"):
        yield Case(f"shape=40,26&scheme=mlx.{name}", _mlx_filled(name, matrix))
        yield Case(
            f"shape=16,3,3,8&scheme=mlx.{name}&mode=fan_out&gain=2",
            _mlx_filled(name, kernel, mode="fan_out", gain=2.0),
        )
    yield Case("shape=32,20&scheme=mlx.orthogonal", _mlx_filled("orthogonal", (32, 20)))
    yield Case("shape=20,32&scheme=mlx.orthogonal&gain=2", _mlx_filled("orthogonal", (20, 32), 2.0))
    yield Case("shape=40,20&scheme=mlx.sparse&sparsity=0.33", _mlx_filled("sparse", (40, 20), 0.33))
    yield Case(
        "shape=20,40&scheme=mlx.sparse&sparsity=0.1&mean=3&std=0.5",
        _mlx_filled("sparse", (20, 40), 0.1, 3.0, 0.5),
    )
    yield Case("shape=40,26&scheme=mlx.linear", _member("Linear", "weight", 26, 40))
    yield Case("shape=1000&fan_in=9&scheme=mlx.linear.bias", _member("Linear", "bias", 9, 1000))
    for axes, letters in ((1, "9"), (2, "3,3"), (3, "3,3,1")):
        size: Any = 9 if axes == 1 else tuple(map(int, letters.split(",")))
        name = f"conv{axes}d"
        yield Case(
            f"shape=16,{letters},8&scheme=mlx.{name}",
            _member(f"Conv{axes}d", "weight", 8, 16, size),
        )
        yield Case(f"shape=16&scheme=mlx.{name}.bias", _member(f"Conv{axes}d", "bias", 8, 16, size))
        yield Case(
            f"shape=16,{letters},8&scheme=mlx.conv_transpose{axes}d",
            _member(f"ConvTranspose{axes}d", "weight", 8, 16, size),
        )
        yield Case(
            f"shape=16&scheme=mlx.conv_transpose{axes}d.bias",
            _member(f"ConvTranspose{axes}d", "bias", 8, 16, size),
        )
    yield Case(
        "shape=32,3,3,4&scheme=mlx.conv2d&groups=4",
        _member("Conv2d", "weight", 16, 32, (3, 3), groups=4),
    )
    yield Case("shape=40,26&scheme=mlx.embedding", _member("Embedding", "weight", 40, 26))
    for layer, gates, names in (
        ("LSTM", 4, ("Wx", "Wh", "bias")),
        ("GRU", 3, ("Wx", "Wh", "b")),
        ("RNN", 1, ("Wxh", "Whh", "bias")),
    ):
        scheme, rows = f"mlx.{layer.lower()}", gates * 28
        yield Case(f"shape={rows},13&scheme={scheme}", _member(layer, names[0], 13, 28))
        yield Case(f"shape={rows},28&scheme={scheme}", _member(layer, names[1], 13, 28))
        yield Case(f"shape={rows * 9}&scheme={scheme}.bias", _member(layer, names[2], 2, 252))
    yield Case("shape=500&scheme=mlx.gru.bhn", _member("GRU", "bhn", 2, 500))
    for layer, name, numbers in (
        ("LayerNorm", "layer_norm", (6,)),
        ("GroupNorm", "group_norm", (2, 6)),
        ("BatchNorm", "batch_norm", (6,)),
        ("RMSNorm", "rms_norm", (6,)),
    ):
        yield Case(f"shape=6&scheme=mlx.{name}.weight", _member(layer, "weight", *numbers))
        if layer != "RMSNorm":
            yield Case(f"shape=6&scheme=mlx.{name}.bias", _member(layer, "bias", *numbers))
    for member in ("weight", "bias"):
        yield Case(
            f"shape=6&scheme=mlx.instance_norm.{member}",
            _member("InstanceNorm", member, 6, affine=True),
        )


def _paddle_filled(name: str, shape: tuple[int, ...], **options: Any) -> Make:
    """A class of paddle.nn.initializer on a new parameter."""
    return lambda paddle: paddle.create_parameter(
        list(shape),
        "float32",
        default_initializer=getattr(paddle.nn.initializer, name)(**options),
    )


def _paddle_cases() -> Iterator[Case]:
    matrix, kernel = (40, 26), (16, 8, 3, 3)
    yield Case("shape=5,3&scheme=paddle.constant", _paddle_filled("Constant", (5, 3)))
    yield Case(
        "shape=5,3&scheme=paddle.constant&value=0.3", _paddle_filled("Constant", (5, 3), value=0.3)
    )
    yield Case("shape=40,26&scheme=paddle.normal", _paddle_filled("Normal", matrix))
    yield Case("shape=40,26&scheme=paddle.uniform", _paddle_filled("Uniform", matrix))
    yield Case(
        "shape=40,26&scheme=paddle.truncated_normal", _paddle_filled("TruncatedNormal", matrix)
    )
    yield Case(
        "shape=40,26&scheme=paddle.truncated_normal&mean=1&std=2&low=-1&high=2.5",
        _paddle_filled("TruncatedNormal", matrix, mean=1.0, std=2.0, a=-1.0, b=2.5),
    )
    for distribution in ("normal", "uniform"):
        name = f"Xavier{distribution.title()}"
        scheme = f"paddle.xavier_{distribution}"
        yield Case(f"shape=40,26&scheme={scheme}", _paddle_filled(name, matrix))
        yield Case(f"shape=16,8,3,3&scheme={scheme}&gain=2", _paddle_filled(name, kernel, gain=2.0))
        name = f"Kaiming{distribution.title()}"
        scheme = f"paddle.kaiming_{distribution}"
        yield Case(f"shape=40,26&scheme={scheme}", _paddle_filled(name, matrix))
        yield Case(f"shape=16,8,3,3&scheme={scheme}", _paddle_filled(name, kernel))
        yield Case(
            f"shape=40,26&scheme={scheme}&mode=fan_out",
            _paddle_filled(name, matrix, mode="fan_out"),
        )
        yield Case(
            f"shape=40,26&scheme={scheme}&activation=tanh",
            _paddle_filled(name, matrix, nonlinearity="tanh"),
        )
        yield Case(
            f"shape=40,26&scheme={scheme}&negative_slope=1.5",
            _paddle_filled(name, matrix, nonlinearity="leaky_relu", negative_slope=1.5),
        )
    for shape in ((32, 20), (20, 32), (16, 2, 3, 3), (4, 12, 3)):
        query = f"shape={','.join(map(str, shape))}&scheme=paddle.orthogonal"
        yield Case(query, _paddle_filled("Orthogonal", shape))
    yield Case(
        "shape=32,20&scheme=paddle.orthogonal&gain=1.5",
        _paddle_filled("Orthogonal", (32, 20), gain=1.5),
    )
    for kernels, groups in (((4, 2, 3, 3), 1), ((6, 2, 4), 3), ((2, 3, 2, 3, 4), 1)):
        query = f"shape={','.join(map(str, kernels))}&scheme=paddle.dirac&groups={groups}"
        query += "&layer=conv1d" if len(kernels) == 3 else ""
        yield Case(query, _paddle_filled("Dirac", kernels, groups=groups))
    for size in (1, 2, 3, 4, 5, 7):
        yield Case(
            f"shape=3,2,{size},{size}&scheme=paddle.bilinear",
            _paddle_filled("Bilinear", (3, 2, size, size)),
        )
    yield Case("shape=40,26&scheme=paddle.linear", _member("Linear", "weight", 40, 26))
    yield Case("shape=26&scheme=paddle.linear.bias", _member("Linear", "bias", 40, 26))
    for axes, letters in ((1, "9"), (2, "3,3"), (3, "3,3,1")):
        size_: Any = 9 if axes == 1 else tuple(map(int, letters.split(",")))
        for groups in (1, 4):
            yield Case(
                f"shape=16,{32 // groups},{letters}&scheme=paddle.conv{axes}d&groups={groups}",
                _member(f"Conv{axes}D", "weight", 32, 16, size_, groups=groups),
            )
        yield Case(
            f"shape=16,8,{letters}&scheme=paddle.conv{axes}d_transpose",
            _member(f"Conv{axes}DTranspose", "weight", 16, 8, size_),
        )
        for layer in (f"Conv{axes}D", f"Conv{axes}DTranspose"):
            scheme = f"paddle.conv{axes}d{'_transpose' if 'T' in layer else ''}.bias"
            yield Case(f"shape=8&scheme={scheme}", _member(layer, "bias", 16, 8, size_))
    yield Case("shape=40,26&scheme=paddle.embedding", _member("Embedding", "weight", 40, 26))
    for layer, name, gates in (
        ("LSTM", "lstm", 4),
        ("GRU", "gru", 3),
        ("SimpleRNN", "simple_rnn", 1),
    ):
        scheme, rows = f"paddle.{name}", gates * 28
        yield Case(f"shape={rows},13&scheme={scheme}", _member(layer, "weight_ih_l0", 13, 28))
        yield Case(f"shape={rows},28&scheme={scheme}", _member(layer, "weight_hh_l0", 13, 28))
        yield Case(f"shape={rows * 9}&scheme={scheme}.bias", _member(layer, "bias_ih_l0", 2, 252))
    for layer, name, numbers in (
        ("LayerNorm", "layer_norm", (6,)),
        ("GroupNorm", "group_norm", (2, 6)),
        ("BatchNorm2D", "batch_norm", (6,)),
    ):
        yield Case(f"shape=6&scheme=paddle.{name}.weight", _member(layer, "weight", *numbers))
        yield Case(f"shape=6&scheme=paddle.{name}.bias", _member(layer, "bias", *numbers))
    for member in ("scale", "bias"):
        yield Case(
            f"shape=6&scheme=paddle.instance_norm.{member}", _member("InstanceNorm2D", member, 6)
        )


CASES: dict[str, tuple[Case, ...]] = {
    "torch": (*_torch_functions(), *_torch_layers()),
    "timm": tuple(_timm_cases()),
    "mlx": tuple(_mlx_cases()),
    "paddle": tuple(_paddle_cases()),
}
"""The cases of each peer that has a wheel."""
