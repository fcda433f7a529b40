"""Draw weights with Keras, JAX and Flax themselves: `python -m tests.peers.draw OUT.npz`.

It runs in an environment that has these frameworks and not the service. Each array of the file is
named by what follows `scheme=` in the request for the same weight: a preset and its fields. What
stands behind # tells several arrays of one request apart.
"""

import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import keras
from flax import linen, nnx

Array = npt.NDArray[np.float32]
Shape = tuple[int, ...]
Place = tuple[int | None, ...]

SEED = 20

MATRIX = (256, 512)
"""The shape of most draws: 131,072 values, and two fans that differ."""

CONVOLUTIONS = {1: (3, 128, 256), 2: (3, 3, 64, 128), 3: (3, 3, 3, 32, 64)}
"""Shapes by the number of kernel axes: kernel, in, out."""


def keras_initializers() -> Iterator[tuple[str, Any, Shape]]:
    """Each name with the initializer and a shape."""
    of = keras.initializers
    yield "keras.zeros", of.Zeros(), MATRIX
    yield "keras.ones", of.Ones(), MATRIX
    yield "keras.constant", of.Constant(), MATRIX
    yield "keras.constant&value=0.3", of.Constant(0.3), MATRIX
    yield "keras.random_uniform", of.RandomUniform(seed=SEED), MATRIX
    yield (
        "keras.random_uniform&low=-0.1&high=0.3",
        of.RandomUniform(minval=-0.1, maxval=0.3, seed=SEED),
        MATRIX,
    )
    yield "keras.random_normal", of.RandomNormal(seed=SEED), MATRIX
    yield (
        "keras.random_normal&mean=0.5&std=0.2",
        of.RandomNormal(mean=0.5, stddev=0.2, seed=SEED),
        MATRIX,
    )
    yield "keras.truncated_normal", of.TruncatedNormal(seed=SEED), MATRIX
    yield (
        "keras.truncated_normal&mean=0.1&std=0.2",
        of.TruncatedNormal(mean=0.1, stddev=0.2, seed=SEED),
        MATRIX,
    )
    yield "keras.variance_scaling", of.VarianceScaling(seed=SEED), MATRIX
    yield (
        "keras.variance_scaling&scale=0.5&mode=fan_out&distribution=uniform",
        of.VarianceScaling(scale=0.5, mode="fan_out", distribution="uniform", seed=SEED),
        MATRIX,
    )
    yield (
        "keras.variance_scaling&mode=fan_avg&distribution=normal",
        of.VarianceScaling(mode="fan_avg", distribution="untruncated_normal", seed=SEED),
        MATRIX,
    )
    for name in ("glorot", "he", "lecun"):
        for distribution in ("normal", "uniform"):
            made = getattr(of, f"{name.capitalize()}{distribution.capitalize()}")
            yield f"keras.{name}_{distribution}", made(seed=SEED), MATRIX
            yield f"keras.{name}_{distribution}#conv", made(seed=SEED), CONVOLUTIONS[2]
    yield "keras.orthogonal", of.Orthogonal(seed=SEED), MATRIX
    yield "keras.orthogonal&gain=1.5#tall", of.Orthogonal(gain=1.5, seed=SEED), MATRIX[::-1]
    yield "keras.orthogonal#conv", of.Orthogonal(seed=SEED), (3, 3, 32, 64)
    frame = (16, 1, 9)
    yield "keras.stft", of.STFT(), frame
    yield "keras.stft&variant=imag&window=hamming", of.STFT("imag", "hamming"), frame
    spectrum = of.STFT(scaling="spectrum", periodic=True)
    yield "keras.stft&scaling=spectrum&periodic=true", spectrum, frame
    yield "keras.stft&window=none", of.STFT("real", None), frame
    yield "keras.identity", of.Identity(), (24, 40)
    yield "keras.identity&gain=0.5#tall", of.Identity(gain=0.5), (40, 24)


def keras_layers() -> Iterator[tuple[str, Any, Place, dict[str, str]]]:
    """The names begin with the second member: a layer, its input's shape, and its weights."""
    of = keras.layers
    inputs, outputs = MATRIX
    kernel_and_bias = {"": "kernel", ".bias": "bias"}
    yield "keras.dense", of.Dense(outputs), (None, inputs), kernel_and_bias
    yield (
        "keras.einsum_dense",
        of.EinsumDense("abc,cd->abd", (None, outputs)),
        (None, 5, inputs),
        {"": "kernel"},
    )
    for axes, shape in CONVOLUTIONS.items():
        fan_in, fan_out = shape[-2:]
        place = (None, *(16,) * axes, fan_in)
        conv = getattr(of, f"Conv{axes}D")(fan_out, 3)
        yield f"keras.conv{axes}d", conv, place, kernel_and_bias
        conv = getattr(of, f"Conv{axes}DTranspose")(fan_out, 3)
        yield f"keras.conv{axes}d_transpose", conv, place, kernel_and_bias
        if axes == 3:
            continue
        place = (None, *(16,) * axes, 2048)
        conv = getattr(of, f"DepthwiseConv{axes}D")(3, depth_multiplier=2)
        yield f"keras.depthwise_conv{axes}d", conv, place, kernel_and_bias
        conv = getattr(of, f"SeparableConv{axes}D")(64, 3)
        weights = {f".{name}": name for name in ("depthwise_kernel", "pointwise_kernel", "bias")}
        yield f"keras.separable_conv{axes}d", conv, place, weights
    yield "keras.embedding", of.Embedding(1000, 64), (None,), {"": "embeddings"}
    weights = {f".{name}": name for name in ("kernel", "recurrent_kernel", "bias")}
    for name, title in (("lstm", "LSTM"), ("gru", "GRU"), ("simple_rnn", "SimpleRNN")):
        cell = getattr(of, f"{title}Cell")(64)
        yield f"keras.{name}", cell, (None, 256), weights
    weights = {".gamma": "gamma", ".beta": "beta"}
    yield "keras.layer_normalization", of.LayerNormalization(), (None, 64), weights
    yield "keras.group_normalization", of.GroupNormalization(8), (None, 64), weights
    yield "keras.rms_normalization", of.RMSNormalization(), (None, 64), {".scale": "scale"}
    weights = {f".{name}": name for name in ("gamma", "beta", "moving_mean", "moving_variance")}
    yield "keras.batch_normalization", of.BatchNormalization(), (None, 64), weights


def keras_attention() -> Iterator[tuple[str, Array]]:
    """Each kernel of an attention as the matrix of its inputs by its outputs."""
    layer = keras.layers.MultiHeadAttention(num_heads=8, key_dim=64)
    layer.build((None, 5, 256), (None, 5, 256))
    query = np.asarray(layer.query_dense.kernel)
    output = np.asarray(layer.output_dense.kernel)
    yield "keras.multi_head_attention#query", query.reshape(query.shape[0], -1)
    yield "keras.multi_head_attention#output", output.reshape(-1, output.shape[-1])


def jax_initializers() -> Iterator[tuple[str, Any, Shape]]:
    """Each name with the initializer and a shape."""
    of = jax.nn.initializers
    yield "jax.zeros", of.zeros, MATRIX
    yield "jax.ones", of.ones, MATRIX
    yield "jax.constant&value=0.3", of.constant(0.3), MATRIX
    yield "jax.uniform", of.uniform(), MATRIX
    yield "jax.uniform&high=0.5", of.uniform(0.5), MATRIX
    yield "jax.normal", of.normal(), MATRIX
    yield "jax.normal&std=0.2", of.normal(0.2), MATRIX
    yield "jax.truncated_normal", of.truncated_normal(), MATRIX
    yield (
        "jax.truncated_normal&std=0.2&bounds=-1,3",
        of.truncated_normal(0.2, lower=-1.0, upper=3.0),
        MATRIX,
    )
    for mode in ("fan_in", "fan_out", "fan_avg", "fan_geo_avg"):
        for distribution in ("truncated_normal", "normal", "uniform"):
            yield (
                f"jax.variance_scaling&mode={mode}&distribution={distribution}&scale=0.5",
                of.variance_scaling(0.5, mode, distribution),
                MATRIX,
            )
    yield (
        "jax.variance_scaling&mode=fan_geo_avg#conv",
        of.variance_scaling(1.0, "fan_geo_avg", "truncated_normal"),
        CONVOLUTIONS[2],
    )
    for name in ("glorot", "he", "lecun"):
        for distribution in ("normal", "uniform"):
            made = getattr(of, f"{name}_{distribution}")()
            yield f"jax.{name}_{distribution}", made, MATRIX
            yield f"jax.{name}_{distribution}#conv", made, CONVOLUTIONS[2]
    yield "jax.orthogonal", of.orthogonal(), MATRIX
    yield "jax.orthogonal&gain=1.5#tall", of.orthogonal(1.5), MATRIX[::-1]
    yield "jax.orthogonal#conv", of.orthogonal(), (3, 3, 32, 64)
    yield "jax.orthogonal#experts", of.orthogonal(), (5, 24, 40)
    for kernel in ((3,), (4, 3), (2, 3, 4)):
        layer = f"&layer=conv{len(kernel)}d"
        yield f"jax.delta_orthogonal{layer}", of.delta_orthogonal(), (*kernel, 32, 64)
    yield "jax.delta_orthogonal", of.delta_orthogonal(), (3, 3, 64, 64)
    yield "jax.delta_orthogonal&gain=1.5#wide", of.delta_orthogonal(1.5), (3, 3, 1, 64)


def flax_modules() -> Iterator[tuple[str, Any, Shape, dict[str, str]]]:
    """The names begin with the second member: a module, its input's shape, and its weights."""
    inputs, outputs = MATRIX
    kernel_and_bias = {"": "kernel", ".bias": "bias"}
    yield "flax.dense", linen.Dense(outputs), (2, inputs), kernel_and_bias
    general = linen.DenseGeneral((8, outputs // 8), axis=(-1,))
    yield "flax.dense_general", general, (2, inputs), {"": "kernel"}
    for axes, shape in CONVOLUTIONS.items():
        place = (1, *(4,) * axes, shape[-2])
        conv = linen.Conv(shape[-1], shape[:axes])
        yield f"flax.conv{axes}d", conv, place, {"": "kernel"}
        conv = linen.ConvTranspose(shape[-1], shape[:axes])
        yield f"flax.conv_transpose{axes}d", conv, place, {"": "kernel"}
    yield "flax.conv", linen.Conv(64, (3, 3)), (1, 4, 4, 3), {".bias": "bias"}
    weights = {".scale": "scale", ".bias": "bias"}
    yield "flax.layer_norm", linen.LayerNorm(), (2, 64), weights
    yield "flax.group_norm", linen.GroupNorm(8), (2, 64), weights
    yield "flax.batch_norm", linen.BatchNorm(use_running_average=True), (2, 64), weights
    yield "flax.instance_norm", linen.InstanceNorm(), (2, 4, 64), weights
    yield "flax.rms_norm", linen.RMSNorm(), (2, 64), {".scale": "scale"}


def flax_cells(key: Any) -> Iterator[tuple[str, Array]]:
    """The kernels of one gate of each recurrent cell."""
    cells = {
        "lstm_cell": (linen.LSTMCell(128), "ii", "hi"),
        "gru_cell": (linen.GRUCell(128), "in", "hr"),
        "simple_cell": (linen.SimpleCell(128), "i", "h"),
    }
    for name, (cell, input_gate, hidden_gate) in cells.items():
        inputs = jnp.zeros((2, 512))
        carry = cell.initialize_carry(key, inputs.shape)
        gates = cell.init(key, carry, inputs)["params"]
        yield f"flax.{name}.kernel", np.asarray(gates[input_gate]["kernel"])
        yield f"flax.{name}.recurrent_kernel", np.asarray(gates[hidden_gate]["kernel"])
        biased = next(gate for gate in gates.values() if "bias" in gate)
        yield f"flax.{name}.bias", np.asarray(biased["bias"])
    nnx_cell = nnx.LSTMCell(512, 128, rngs=nnx.Rngs(SEED))
    yield "flax.lstm_cell.kernel#nnx", np.asarray(nnx_cell.ii.kernel[...])
    yield "flax.lstm_cell.recurrent_kernel#nnx", np.asarray(nnx_cell.hi.kernel[...])


def flax_others(key: Any) -> Iterator[tuple[str, Array]]:
    """Embeddings, attention, and the modules of flax.nnx."""
    inputs, outputs = MATRIX
    table = linen.Embed(1000, 64).init(key, jnp.zeros((2,), jnp.int32))["params"]["embedding"]
    yield "flax.embed", np.asarray(table)
    attention = linen.MultiHeadDotProductAttention(num_heads=8, qkv_features=512)
    weights = attention.init(key, jnp.zeros((1, 5, 256)))["params"]
    query, out = (np.asarray(weights[name]["kernel"]) for name in ("query", "out"))
    yield "flax.multi_head_dot_product_attention#query", query.reshape(query.shape[0], -1)
    yield "flax.multi_head_dot_product_attention#out", out.reshape(-1, out.shape[-1])
    rngs = nnx.Rngs(SEED)
    yield "flax.dense#nnx", np.asarray(nnx.Linear(inputs, outputs, rngs=rngs).kernel[...])
    yield "flax.embed#nnx", np.asarray(nnx.Embed(1000, 64, rngs=rngs).embedding[...])
    conv = nnx.Conv(64, 128, (3, 3), rngs=rngs)
    yield "flax.conv2d#nnx", np.asarray(conv.kernel[...])


def draws() -> Iterator[tuple[str, Array]]:
    """Every array with its name."""
    keras.utils.set_random_seed(SEED)
    for name, initializer, shape in keras_initializers():
        yield name, np.asarray(initializer(shape))
    for prefix, layer, place, weights in keras_layers():
        layer.build(place)
        for suffix, weight in weights.items():
            yield f"{prefix}{suffix}", np.asarray(getattr(layer, weight))
    yield from keras_attention()
    key = jax.random.key(SEED)
    for name, initializer, shape in jax_initializers():
        yield name, np.asarray(initializer(key, shape))
    for prefix, module, place, weights in flax_modules():
        params = module.init(key, jnp.zeros(place))["params"]
        for suffix, weight in weights.items():
            found = np.asarray(params[weight])
            yield f"{prefix}{suffix}", _matrix(found) if "general" in prefix else found
    yield from flax_cells(key)
    yield from flax_others(key)


def _matrix(kernel: Array) -> Array:
    """A kernel whose first axis are all inputs."""
    return kernel.reshape(kernel.shape[0], -1)


def main(path: str) -> None:
    """Write the arrays. A / in a name would be a folder, and there is none."""
    arrays: dict[str, Any] = dict(draws())
    np.savez(path, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
