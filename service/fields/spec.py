"""The table of fields: what a request can say, in the order canonical URLs say it.

Query, JSON, command line, OpenAPI and the documentation all come from this one model. Whether
such a tensor exists is for the plan to find out.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.fields import types
from service.initializers.schemes import AUTO


class Spec(BaseModel):
    """A request for a tensor: every field as it was given, or its default."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Spec")

    shape: types.Shape = Field(
        description="The whole tensor's extents, slowest axis first; `scalar` for no axes.",
        examples=["64,3,7,7"],
    )
    layer: types.Layer = Field(
        default=None,
        description="The kind of layer; by default what `layout` or the number of axes suggests.",
        examples=["conv2d"],
    )
    layout: types.Layout = Field(
        default=None,
        description=(
            "A letter for each axis (E independent copies, O out, I in, D H W kernel), or the "
            "framework whose letters for this layer they are; by default torch."
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
            "Blocks fused along O: their number if they are equal, as 3 for query, key and value "
            "or 4 for LSTM gates, or else the outputs of each, as 4096,1024,1024."
        ),
        examples=[3],
    )
    stride: types.Stride = Field(
        default=(1,),
        description="The convolution's stride: one number, or one for each kernel axis.",
        examples=["2,2"],
    )
    fan_in: types.Fan = Field(
        default=None, description="Inputs of one output, instead of counting.", examples=[576]
    )
    fan_out: types.Fan = Field(
        default=None, description="Outputs of one input, instead of counting.", examples=[13.5]
    )
    activation: types.Activation = Field(
        default=None,
        description="The nonlinearity around the layer; by default linear.",
        examples=["relu"],
    )
    negative_slope: types.Number = Field(
        default=None,
        description=(
            "The slope below 0 of leaky or parametric ReLU; without an activation it means "
            "leaky ReLU."
        ),
        examples=[0.2],
    )
    scheme: types.Scheme = Field(
        default=AUTO,
        description="How the values are drawn; `auto` goes by the layer and its activation.",
        examples=["he_normal"],
    )
    mode: types.Mode = Field(
        default=None, description="Which fan the variance is divided by.", examples=["fan_in"]
    )
    distribution: types.Distribution = Field(
        default=None, description="The distribution of the values.", examples=["truncated_normal"]
    )
    gain: types.Number = Field(
        default=None, description="std = gain sqrt(1 / fan), instead of the scheme's.", examples=[1]
    )
    gain_rule: types.GainRule = Field(
        default=None, description="Which gain of the activation is meant.", examples=["exact"]
    )
    scale: types.Number = Field(
        default=None, description="The square of `gain`, instead of it.", examples=[2]
    )
    mean: types.Number = Field(
        default=None, description="The mean before any truncation.", examples=[0]
    )
    std: types.Number = Field(default=None, description="The standard deviation.", examples=[0.02])
    std_kind: types.StdKind = Field(
        default=None,
        description="Whether `std` is that of the values, or of the normal that is truncated.",
        examples=["parent"],
    )
    low: types.Number = Field(
        default=None, description="The smallest value there may be.", examples=[-0.04]
    )
    high: types.Number = Field(
        default=None, description="The largest value there may be.", examples=[0.04]
    )
    bounds: types.Bounds = Field(
        default=None,
        description="Where the normal is cut, in standard deviations: c for -c,c, or a,b.",
        examples=[2],
    )
    value: types.Number = Field(
        default=None, description="The value of every element of a constant.", examples=[0.1]
    )
    seed: types.Seed = Field(
        default=None,
        description="0 to 2^64 - 1; in JSON from 2^53 on as a string. Drawn if not given.",
        examples=[42],
    )
    name: types.Name = Field(
        default="",
        description="The tensor's name: equal seeds with other names are other tensors.",
        examples=["layer1.0.conv1.weight"],
    )
    dtype: types.Dtype = Field(
        default="float32", description="The element type.", examples=["bfloat16"]
    )
    order: types.Order = Field(
        default="C", description="Row-major (C) or column-major (F) bytes.", examples=["F"]
    )
    slice: types.Slice = Field(
        default=None,
        description="start:stop for each axis: the part of the whole tensor to issue.",
        examples=["0:8,:"],
    )


FIELDS: tuple[str, ...] = tuple(Spec.model_fields)
"""Every field, in the order of canonical URLs."""

LAYER_FIELDS = ("layer", "layout", "groups", "parts", "stride", "activation", "negative_slope")
"""Fields that describe the layer: every scheme takes them, if such a layer is possible."""

FAN_FIELDS = ("fan_in", "fan_out")

ADDRESS_FIELDS = ("seed", "name", "dtype", "order", "slice")
"""Fields that say which random words are used, and how and which part of the tensor is written."""

DEFAULTS: dict[str, Any] = {name: field.default for name, field in Spec.model_fields.items()}
"""What each field is if it is not given; `shape` has to be."""
