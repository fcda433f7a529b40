"""The roles: which weight of a known block a layer is.

A role says what the layer reads and feeds, where in the block it stands, and how the block is
built. So a question with a role needs only the shape, the block's activation and the depth.
"""

from dataclasses import dataclass
from typing import Literal

Side = Literal["linear", "activation", "softmax"]
"""What stands beside a layer: nothing that bends, the block's own activation, or a softmax."""


@dataclass(frozen=True, slots=True)
class Role:
    """A weight of a known block.

    `reads` is what the layer's input has passed, `feeds` what its output passes. `layer` is None
    if the shape or the question says which layer it is. `residual` and `normalization` hold unless
    the question gives others.
    """

    name: str
    what: str
    position: str
    reads: Side = "linear"
    feeds: Side = "linear"
    layer: str | None = None
    parts: int = 1
    residual: str = "none"
    normalization: str = "none"


def _of_block(
    name: str,
    what: str,
    position: str,
    reads: Side = "linear",
    feeds: Side = "linear",
    parts: int = 1,
) -> Role:
    """A weight of a Transformer's block: x + f(norm(x)) unless the question says otherwise."""
    return Role(name, what, position, reads, feeds, None, parts, "pre_norm", "layer")


_ROWS = (
    _of_block("attention_query", "the query projection", "branch_first"),
    _of_block("attention_key", "the key projection", "branch_first"),
    _of_block("attention_value", "the value projection", "branch_first"),
    _of_block("attention_qkv", "query, key and value fused along O", "branch_first", parts=3),
    _of_block("attention_output", "the projection back into the stream", "branch_last"),
    _of_block("mlp_up", "the first layer of the MLP", "branch_first", feeds="activation"),
    _of_block(
        "mlp_gate",
        "the gate of a GLU, multiplied by the output of mlp_up",
        "branch_first",
        feeds="activation",
    ),
    _of_block(
        "mlp_gate_up", "gate and up fused along O", "branch_first", feeds="activation", parts=2
    ),
    _of_block("mlp_down", "the last layer of the MLP", "branch_last", reads="activation"),
    Role(
        "router",
        "the layer that chooses the experts",
        "hidden",
        feeds="softmax",
        normalization="layer",
    ),
    Role("embedding", "the table of the tokens", "first", layer="embedding"),
    Role("tied_embedding", "the same table as the head's weight", "first", layer="embedding"),
    Role("position_embedding", "a learned table of the positions", "first", layer="embedding"),
    Role("patch_embedding", "the layer that reads the patches of an image", "first"),
    Role(
        "head",
        "the output layer, which reads the last normalization",
        "output",
        feeds="softmax",
        normalization="layer",
    ),
    Role("norm_scale", "the scale of a normalization", "hidden", layer="scale"),
    Role("norm_bias", "the bias of a normalization", "hidden", layer="bias"),
    Role("branch_scale", "the factor of a residual branch", "branch_last", layer="scale"),
    Role(
        "shortcut",
        "the projection beside a residual branch whose widths differ",
        "hidden",
        reads="activation",
    ),
    Role("lora_a", "the down projection of a LoRA adapter", "hidden"),
    Role("lora_b", "the up projection of a LoRA adapter", "hidden"),
)

ROLES: dict[str, Role] = {role.name: role for role in _ROWS}

REPLACEMENTS = {
    **dict.fromkeys(("q", "qproj", "query", "wq", "toq"), "attention_query"),
    **dict.fromkeys(("k", "kproj", "key", "wk", "tok"), "attention_key"),
    **dict.fromkeys(("v", "vproj", "value", "wv", "tov"), "attention_value"),
    **dict.fromkeys(("qkv", "qkvproj", "inproj", "cattn", "wqkv"), "attention_qkv"),
    **dict.fromkeys(("o", "oproj", "outproj", "wo", "attentionout"), "attention_output"),
    **dict.fromkeys(("up", "upproj", "cfc", "fc1", "wi", "w3", "mlpin"), "mlp_up"),
    **dict.fromkeys(("gate", "gateproj", "w1"), "mlp_gate"),
    **dict.fromkeys(("gateup", "gateupproj"), "mlp_gate_up"),
    **dict.fromkeys(("down", "downproj", "fc2", "w2", "mlpout"), "mlp_down"),
    "cproj": "attention_output or mlp_down",
    **dict.fromkeys(("moegate", "gatingnetwork"), "router"),
    **dict.fromkeys(("wte", "tokenembedding", "embedtokens"), "embedding"),
    **dict.fromkeys(("tiedhead", "tied", "sharedembedding"), "tied_embedding"),
    **dict.fromkeys(("wpe", "posembed", "positionalembedding"), "position_embedding"),
    **dict.fromkeys(("patchembed", "stem"), "patch_embedding"),
    **dict.fromkeys(("lmhead", "classifier", "output", "logits"), "head"),
    **dict.fromkeys(("gamma", "scale", "layernormscale", "lnscale", "bnscale"), "norm_scale"),
    **dict.fromkeys(("beta", "layernormbias", "lnbias"), "norm_bias"),
    **dict.fromkeys(("layerscale", "rezero", "skipinit"), "branch_scale"),
    **dict.fromkeys(("downsample", "projectionshortcut", "skip"), "shortcut"),
    "lora": "lora_a or lora_b",
}
"""Words of models and libraries, squashed, for a role."""
