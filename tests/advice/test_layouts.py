"""Layouts that are probably not meant, and stacks that count fans otherwise."""

import pytest

from service.advice import parse_question_query
from service.advice.situation import situation_of
from service.advice.stack_fans import stack_fans
from service.advice.suspicion import suspicion_of
from service.initializers.layers import LAYERS
from tests.advice.asking import asked, codes

SUSPICIOUS = [
    ("shape=5,5,3,8", "HWIO", (75, 200)),
    ("shape=5,5,3,8&layout=OIHW", "HWIO", (75, 200)),
    ("shape=3,3,64,64", "HWIO", (576, 576)),
    ("shape=1,1,64,128", "HWIO", (64, 128)),
    ("shape=16,16,3,768", "HWIO", (768, 196608)),
    ("shape=64,7,7,3", "OHWI", (147, 3136)),
    ("shape=64,3,7,7&layout=keras", "OIHW", (147, 3136)),
    ("shape=3,64,128", "WIO", (192, 384)),
    ("shape=3,3,3,8,16", "DHWIO", (216, 432)),
    ("shape=4,4,64,32&layer=conv_transpose2d", "HWOI", (512, 1024)),
]

LIKELY = [
    "shape=64,3,7,7",
    "shape=5,5,3,8&layout=HWIO",
    "shape=192,192,1,7",
    "shape=100,1,3,300",
    "shape=768,3,16,16",
    "shape=32,32,1,7",
    "shape=2,2,3,3",
    "shape=3,3,3,3",
    "shape=64,32",
    "shape=64",
    "shape=2,3,4,5,6,7&layout=EOIDHW",
]


@pytest.mark.parametrize(("query", "letters", "fans"), SUSPICIOUS)
def test_a_kernel_in_the_wrong_place_is_noticed(
    query: str, letters: str, fans: tuple[int, int]
) -> None:
    """The likely letters and the fans that they would mean."""
    suspicion = suspicion_of(situation_of(parse_question_query(query.encode())))
    assert suspicion is not None
    assert suspicion.letters == letters
    assert (suspicion.fans.fan_in, suspicion.fans.fan_out) == fans


@pytest.mark.parametrize("query", LIKELY)
def test_a_likely_kernel_is_not_suspected(query: str) -> None:
    """Square ones, long ones, patches, and what has no kernel."""
    assert suspicion_of(situation_of(parse_question_query(query.encode()))) is None


def test_the_warning_says_what_to_send_instead() -> None:
    """Both readings with their fans, and the field that makes it the other."""
    answer = asked("shape=5,5,3,8&activation=relu")
    assert "suspicious_layout" in codes(answer)
    message = answer.warnings[0].message
    assert "5 x 5, 3 in, 8 out, with fans 75 and 200: if so, say layout=HWIO" in message
    assert codes(asked("shape=5,5,3,8&activation=relu&layout=HWIO")) == []


STACK_FANS = [
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


@pytest.mark.parametrize(("query", "stack", "fans"), STACK_FANS)
def test_each_stack_counts_in_its_own_letters(
    query: str, stack: str, fans: tuple[int, int] | None
) -> None:
    """PyTorch from axes 1 and 0, Keras and flax from the last two, MLX from both ends."""
    found = stack_fans(situation_of(parse_question_query(query.encode())), stack)
    assert (None if found is None else (found.fan_in, found.fan_out)) == fans


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("shape=64,8,3,3&groups=4", "fan_in 72 and fan_out 576, and here they are 72 and 144: "),
        ("shape=64,8,3,3&groups=4", "does not show groups"),
        ("shape=192,64&parts=3", "does not show fused parts"),
        ("shape=8,8,4,4&stride=2&layout=OIHW&layer=conv_transpose2d", ""),
        (
            "shape=8,16,4,4&stride=2&layer=conv_transpose2d",
            "does not show strides and the exchanged axes of a transposed layer",
        ),
        ("shape=3,3,32,2&layer=depthwise_conv2d&layout=keras", "does not show groups and copies"),
    ],
)
def test_fans_that_differ_from_the_named_stacks_are_explained(query: str, told: str) -> None:
    """By what its rule cannot see; letters name no stack, and are not compared with one."""
    answer = asked(f"{query}&activation=relu")
    messages = [each.message for each in answer.warnings if each.code == "fans_differ_from_stack"]
    assert bool(messages) == bool(told)
    assert all(told in message for message in messages)


@pytest.mark.parametrize("layout", ["torch", "keras", "flax", "flux", "candle", "mlx", "tfjs"])
@pytest.mark.parametrize(("layer", "extents"), [("dense", "OI"), ("conv2d", "OIHW")])
def test_plain_layers_agree_with_every_stack(layout: str, layer: str, extents: str) -> None:
    """Dense layers and ungrouped convolutions have one fan_in and one fan_out everywhere."""
    sizes = {"O": 64, "I": 32, "H": 3, "W": 3}
    shape = ",".join(str(sizes[letter]) for letter in LAYERS[layer].letters[layout])
    answer = asked(f"shape={shape}&layer={layer}&layout={layout}&activation=relu")
    assert codes(answer) == []
    kernel = 9 if layer == "conv2d" else 1
    assert (answer.fan_in, answer.fan_out) == (32 * kernel, 64 * kernel)
