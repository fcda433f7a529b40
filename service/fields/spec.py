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
    gain: types.Number = Field(
        default=None,
        description="Overrides the scheme's gain; std = gain sqrt(1 / fan).",
        examples=[1],
    )
    gain_rule: types.GainRule = Field(
        default=None, description="The rule for the activation's gain.", examples=["exact"]
    )
    scale: types.Number = Field(
        default=None, description="gain^2, as an alternative to `gain`.", examples=[2]
    )
    mean: types.Number = Field(
        default=None, description="The mean before any truncation.", examples=[0]
    )
    std: types.Number = Field(default=None, description="The standard deviation.", examples=[0.02])
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
        default=None, description="The value of every element of a constant.", examples=[0.1]
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


FIELDS: tuple[str, ...] = tuple(Spec.model_fields)
"""Every field, in the order of canonical URLs."""

LAYER_FIELDS = ("layer", "layout", "groups", "parts", "stride", "activation", "negative_slope")
"""Fields that describe the layer. Every scheme accepts them."""

FAN_FIELDS = ("fan_in", "fan_out")

ADDRESS_FIELDS = ("seed", "name", "dtype", "order", "slice")
"""Fields that select the random words, the dtype, the order and the slice."""

DEFAULTS: dict[str, Any] = {name: field.default for name, field in Spec.model_fields.items()}
"""The default of each field. `shape` is required and has none."""
