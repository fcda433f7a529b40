"""Frameworks that count fans otherwise."""

import pytest

from service.advice import parse_question_query
from service.advice.context import context_of
from service.initializers.framework_fans import framework_fans
from service.initializers.layers import LAYERS
from tests.advice.asking import asked, codes


def test_the_warning_says_what_to_send_instead() -> None:
    """It has both readings with their std, and the field that selects the other."""
    answer = asked("shape=5,5,3,8&activation=relu")
    assert "suspicious_layout" in codes(answer)
    message = answer.warnings[0].message
    assert "read as OIHW has kernel 3 x 8, 5 in, 5 out, with std 0.129099; " in message
    assert message.endswith("3 in, 8 out, with std 0.163299: if that is meant, write layout=HWIO")
    assert codes(asked("shape=5,5,3,8&activation=relu&layout=HWIO")) == []


FRAMEWORK_FANS = [
    ("shape=64,32&layout=torch", "torch", (32, 64)),
    ("shape=64,32,3,3", "torch", (288, 576)),
    ("shape=64,32,3,3", "keras", (288, 576)),
    ("shape=64,32,3,3", "flux", (288, 576)),
    ("shape=64,32,3,3", "mlx", (288, 576)),
    ("shape=64,32", "flux", (32, 64)),
    ("shape=64,8,3,3&groups=4", "torch", (72, 576)),
    ("shape=32,64,4,4&layer=conv_transpose2d&stride=2", "torch", (1024, 512)),
    ("shape=32,64,4,4&layer=conv_transpose2d&stride=2", "keras", (1024, 512)),
    ("shape=32,64,4,4&layer=conv_transpose2d&stride=2", "flax", (512, 1024)),
    ("shape=3,3,32,2&layer=depthwise_conv2d&layout=keras", "keras", (288, 18)),
    ("shape=64,32&layout=burn", "burn", None),
    ("shape=64", "torch", None),
    ("shape=8,64,32&layout=EOI", "torch", None),
]


@pytest.mark.parametrize(("query", "framework", "fans"), FRAMEWORK_FANS)
def test_each_framework_counts_in_its_own_letters(
    query: str, framework: str, fans: tuple[int, int] | None
) -> None:
    """PyTorch from axes 1 and 0, Keras and flax from the last two, MLX from both ends."""
    found = framework_fans(framework, context_of(parse_question_query(query.encode())).weight)
    assert (None if found is None else (found.fan_in, found.fan_out)) == fans


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("shape=64,8,3,3&groups=4", "counts fan_out 576, and Fanin counts fan_out 144: "),
        ("shape=64,8,3,3&groups=4", "does not show groups"),
        ("shape=192,64&parts=3", "does not show fused parts"),
        ("shape=8,8,4,4&stride=2&layout=OIHW&layer=conv_transpose2d", ""),
        (
            "shape=8,16,4,4&stride=2&layer=conv_transpose2d",
            "does not show strides and the exchanged axes of a transposed layer",
        ),
        (
            "shape=3,3,32,2&layer=depthwise_conv2d&layout=keras",
            "does not show that each input has outputs of its own and copies",
        ),
    ],
)
def test_fans_that_differ_from_the_named_frameworks_are_explained(query: str, told: str) -> None:
    """The warning names what the shape does not show. Letters name no framework: no warning."""
    answer = asked(f"{query}&activation=tanh")
    messages = [
        each.message for each in answer.warnings if each.code == "fans_differ_from_framework"
    ]
    assert bool(messages) == bool(told)
    assert all(told in message for message in messages)


@pytest.mark.parametrize("layout", ["torch", "keras", "flax", "flux", "candle", "mlx", "tfjs"])
@pytest.mark.parametrize(("layer", "extents"), [("dense", "OI"), ("conv2d", "OIHW")])
def test_plain_layers_agree_with_every_framework(layout: str, layer: str, extents: str) -> None:
    """Dense layers and ungrouped convolutions have one fan_in and one fan_out everywhere."""
    sizes = {"O": 64, "I": 32, "H": 3, "W": 3}
    shape = ",".join(str(sizes[letter]) for letter in LAYERS[layer].letters[layout])
    answer = asked(f"shape={shape}&layer={layer}&layout={layout}&activation=relu")
    assert codes(answer) == []
    kernel = 9 if layer == "conv2d" else 1
    assert (answer.fan_in, answer.fan_out) == (32 * kernel, 64 * kernel)
