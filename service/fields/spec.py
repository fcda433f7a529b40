"""The table of request fields, in the order of canonical URLs.

Query, JSON, command line, OpenAPI and the reference all come from this model. It checks each value
alone. The plan checks that the fields fit together.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.fields import types
from service.initializers.schemes import AUTO


class Spec(BaseModel):
    """A request for a tensor: each field has the requested value or its default."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Spec")

    shape: types.Shape = Field(
        description=(
            "The extents of the whole tensor, in the order of `layout`: Linear(784, 256) is "
            "256,784 in torch and 784,256 in Keras; `scalar` for no axes."
        ),
        examples=["64,3,7,7"],
    )
    layer: types.Layer = Field(
        default=None,
        description="The layer; by default the one that `layout` or the number of axes suggests.",
        examples=["conv2d"],
    )
    layout: types.Layout = Field(
        default=None,
        description=(
            "A letter for each axis (E independent copies, O out, I in, D H W kernel), or a "
            "framework, which means its letters for the layer; by default torch."
        ),
        examples=["HWIO"],
    )
    groups: types.OptionalCount = Field(
        default=None,
        description="Groups of a grouped convolution; 1 unless the layer is depthwise.",
        examples=[32],
    )
    parts: types.Parts = Field(
        default=1,
        description=(
            "Blocks fused along O. A number for equal blocks, such as 3 for query, key and value "
            "or 4 for LSTM gates; or the outputs of each block, such as 4096,1024,1024."
        ),
        examples=[3],
    )
    stride: types.Stride = Field(
        default=(1,),
        description="The convolution's stride: one number, or one for each kernel axis.",
        examples=["2,2"],
    )
    fan_in: types.Fan = Field(
        default=None, description="Overrides the counted fan_in.", examples=[576]
    )
    fan_out: types.Fan = Field(
        default=None, description="Overrides the counted fan_out.", examples=[13.5]
    )
    activation: types.Activation = Field(
        default=None,
        description="The nonlinearity around the layer; by default linear.",
        examples=["relu"],
    )
    negative_slope: types.Number = Field(
        default=None,
        description=(
            "The slope below 0 of leaky or parametric ReLU; without `activation`, leaky ReLU is "
            "meant."
        ),
        examples=[0.2],
    )
    scheme: types.Scheme = Field(
        default=AUTO,
        description="The initializer; `auto` chooses by the layer and its activation.",
        examples=["he_normal"],
    )
    mode: types.Mode = Field(
        default=None, description="The fan that the variance is divided by.", examples=["fan_in"]
    )
    distribution: types.Distribution = Field(
        default=None, description="The distribution of the values.", examples=["truncated_normal"]
    )
    gain: types.PositiveNumber = Field(
        default=None,
        description="Overrides the scheme's gain; std = gain sqrt(1 / fan).",
        examples=[1],
    )
    gain_rule: types.GainRule = Field(
        default=None,
        description=(
            "The rule for the activation's gain. `exact` suits ordinary layers. `variance` suits "
            "only weights that sum to 0 over the inputs of each output, as in an NFNet. Such "
            "weights drop the mean of their input. `backward` keeps the variance of the gradient. "
            "`pytorch` is calculate_gain of PyTorch."
        ),
        examples=["exact"],
    )
    scale: types.PositiveNumber = Field(
        default=None, description="gain^2, as an alternative to `gain`.", examples=[2]
    )
    mean: types.Number = Field(
        default=None, description="The mean before any truncation.", examples=[0]
    )
    std: types.PositiveNumber = Field(
        default=None, description="The standard deviation.", examples=[0.02]
    )
    std_kind: types.StdKind = Field(
        default=None,
        description="Whether `std` is that of the values (`corrected`) or of the normal before "
        "truncation (`parent`).",
        examples=["parent"],
    )
    low: types.Number = Field(
        default=None, description="The lower bound of the values.", examples=[-0.04]
    )
    high: types.Number = Field(
        default=None, description="The upper bound of the values.", examples=[0.04]
    )
    bounds: types.Bounds = Field(
        default=None,
        description="The bounds of the truncated normal, in standard deviations: c for -c,c, or "
        "a,b.",
        examples=[2],
    )
    value: types.Number = Field(
        default=None,
        description="The value of the elements of a constant, or of a constant block.",
        examples=[0.1],
    )
    seed: types.Seed = Field(
        default=None,
        description="0 to 2^64 - 1; in JSON a string from 2^53 on. By default drawn at random.",
        examples=[42],
    )
    name: types.Name = Field(
        default="",
        description="The tensor's name: one seed gives different values for different names.",
        examples=["layer1.0.conv1.weight"],
    )
    dtype: types.Dtype = Field(
        default="float32", description="The element type.", examples=["bfloat16"]
    )
    order: types.Order = Field(
        default="C", description="Row-major (C) or column-major (F) order.", examples=["F"]
    )
    slice: types.Slice = Field(
        default=None,
        description="start:stop for each axis: the part of the tensor that is returned.",
        examples=["0:8,:"],
    )
    depth: types.Depth = Field(
        default=None,
        description="The number of layers like this one; in a residual network, of its blocks.",
        examples=[30],
    )
    decoder_depth: types.Depth = Field(
        default=None,
        description="The number of layers of the decoder; `depth` is then the encoder's.",
        examples=[6],
    )
    layer_index: types.LayerIndex = Field(
        default=None,
        description="The number of this layer, the first being 0.",
        examples=[0],
    )
    branches: types.Depth = Field(
        default=None,
        description="The residual branches of a block: 2 in a transformer, 1 in Mamba.",
        examples=[2],
    )
    branch_layers: types.Depth = Field(
        default=None,
        description="The weight layers of a residual branch.",
        examples=[2],
    )
    base_fan_in: types.Fan = Field(
        default=None,
        description="fan_in in the base model, from which hyperparameters are transferred.",
        examples=[256],
    )
    inner: types.Inner = Field(
        default=None,
        description="The scheme of the smaller tensor whose values are repeated.",
        examples=["he_normal"],
    )
    factor: types.Factor = Field(
        default=None,
        description="The factor by which an image grows along each axis.",
        examples=[2],
    )
    sparsity: types.Number = Field(
        default=None,
        description="The share of the values that are 0, rounded up to a whole number of values.",
        examples=[0.9],
    )
    omega: types.PositiveNumber = Field(
        default=None,
        description="The frequency by which a sine layer multiplies its input.",
        examples=[30],
    )
    base: types.PositiveNumber = Field(
        default=None,
        description="The base of frequencies that form a geometric series.",
        examples=[10000],
    )
    period: types.PositiveNumber = Field(
        default=None,
        description="The longest dependency, in time steps.",
        examples=[784],
    )
    gates: types.Gates = Field(
        default=None,
        description=(
            "The order of the gates along O, a letter for each: ifgo or ifco in an LSTM, rzn or "
            "zrh in a GRU."
        ),
        examples=["ifgo"],
    )
    dt_min: types.PositiveNumber = Field(
        default=None, description="The least time step of a state space model.", examples=[0.001]
    )
    dt_max: types.PositiveNumber = Field(
        default=None, description="The largest time step of a state space model.", examples=[0.1]
    )
    dt_floor: types.PositiveNumber = Field(
        default=None,
        description="Time steps below it are raised to it.",
        examples=[0.0001],
    )
    r_min: types.Number = Field(
        default=None, description="The least radius of the eigenvalues.", examples=[0.9]
    )
    r_max: types.PositiveNumber = Field(
        default=None, description="The largest radius of the eigenvalues.", examples=[0.999]
    )
    max_phase: types.PositiveNumber = Field(
        default=None,
        description="The largest angle of the eigenvalues, in radians.",
        examples=[6.283185307179586],
    )
    prior: types.PositiveNumber = Field(
        default=None,
        description="The probability that the biases of a classifier predict at first.",
        examples=[0.01],
    )
    classes: types.OptionalCount = Field(
        default=None, description="The number of classes of a classifier.", examples=[1000]
    )
    variant: types.Variant = Field(
        default=None,
        description="Which of the scheme's published variants is meant.",
        examples=["crd"],
    )
    kernel: types.Kernel = Field(
        default=None,
        description="The values of a filter, row by row.",
        examples=["1,0,-1,2,0,-2,1,0,-1"],
    )
    normalise: types.Normalise = Field(
        default=None,
        description="What is made 1 by dividing a filter: the sum of its values (`sum`) or "
        "magnitudes (`l1`), its Euclidean norm (`l2`), or the `area` of a band in Hz.",
        examples=["l1"],
    )
    channels: types.Channels = Field(
        default=None,
        description=(
            "How a filter meets the channels: `each` input has its own output, or `all` inputs "
            "are averaged in every output."
        ),
        examples=["each"],
    )
    sigma: types.PositiveNumber = Field(
        default=None, description="The width of a Gaussian, in elements.", examples=[1]
    )
    wavelength: types.PositiveNumber = Field(
        default=None, description="The wavelength of a Gabor filter, in elements.", examples=[4]
    )
    aspect: types.PositiveNumber = Field(
        default=None,
        description="The ratio of a Gabor filter's widths across and along its wave.",
        examples=[0.5],
    )
    phase: types.Number = Field(
        default=None, description="The phase of a Gabor filter's wave, in radians.", examples=[0]
    )
    window: types.Window = Field(
        default=None,
        description="The window of a short-time Fourier transform.",
        examples=["hann"],
    )
    periodic: types.Periodic = Field(
        default=None,
        description="Whether the window is periodic: `true` or `false`.",
        examples=["true"],
    )
    scaling: types.Scaling = Field(
        default=None,
        description="Whether the transform gives a power `spectrum` or its `density`.",
        examples=["density"],
    )
    sample_rate: types.PositiveNumber = Field(
        default=None, description="Samples a second.", examples=[16000]
    )
    low_frequency: types.Number = Field(
        default=None, description="The lowest frequency of a filter bank, in Hz.", examples=[0]
    )
    high_frequency: types.PositiveNumber = Field(
        default=None, description="The highest frequency of a filter bank, in Hz.", examples=[8000]
    )


FIELDS: tuple[str, ...] = tuple(Spec.model_fields)
"""Every field, in the order of canonical URLs."""

LAYER_FIELDS = ("layer", "layout", "groups", "parts", "stride", "activation", "negative_slope")
"""Fields that describe the layer. Every scheme accepts them."""

FAN_FIELDS = ("fan_in", "fan_out")

ADDRESS_FIELDS = ("seed", "name", "dtype", "order", "slice")
"""Fields that select the random words, the dtype, the order and the slice."""

DEFAULTS: dict[str, Any] = {name: field.default for name, field in Spec.model_fields.items()}
"""The default of each field. `shape` is required and has none."""
