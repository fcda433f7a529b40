"""Warnings: each where it is deserved, not beside it, and with a way out that ends it."""

import re
from pathlib import Path

import pytest

from service.fields import parse_query
from service.plan import WARNINGS, Plan, plan

MOST = 2**44


def planned(query: str, written: str = "raw") -> Plan:
    return plan(parse_query(f"{query}&seed=1".encode()), written, max_bytes=MOST)


def codes(query: str) -> list[str]:
    """The codes of a request that has a name."""
    return [warning.code for warning in planned(f"{query}&name=w").warnings]


def message(query: str, code: str) -> str:
    (found,) = (each.message for each in planned(query).warnings if each.code == code)
    return found


DESERVED = [
    # three axes of four are the kernel: the layout is another framework's
    ("suspicious_layout", "shape=7,7,3,64&activation=relu"),
    ("suspicious_layout", "shape=7,7,3,64&layout=torch&scheme=normal"),
    ("suspicious_layout", "shape=64,3,7,7&layout=keras&activation=relu"),
    ("suspicious_layout", "shape=64,3,7,7&layout=OHWI&scheme=glorot_uniform"),
    ("suspicious_layout", "shape=12,64,12,64&layer=conv2d&scheme=he_normal"),
    # nothing says what the layer is
    ("layer_guessed", "shape=64"),
    ("layer_guessed", "shape=64&scheme=normal"),
    ("layer_guessed", "shape=64&scheme=zeros"),
    ("layer_guessed", "shape=64,3,7,7&activation=relu"),
    ("layer_guessed", "shape=64,3,7,7&scheme=normal"),
    ("layer_guessed", "shape=16,8,3,3,3&activation=relu"),
    ("layer_guessed", "shape=64,32&scheme=he_normal"),
    ("layer_guessed", "shape=64,32&scheme=glorot_normal&fan_in=3"),
    # the framework's own count is another, of a fan that the mode uses
    ("fans_differ_from_framework", "shape=192,64&parts=3&scheme=glorot_uniform"),
    ("fans_differ_from_framework", "shape=192,64&layout=torch&parts=3&scheme=glorot_uniform"),
    ("fans_differ_from_framework", "shape=64,8,3,3&groups=4&scheme=he_normal&mode=fan_out"),
    ("fans_differ_from_framework", "shape=32,64,4,4&layer=conv_transpose2d&scheme=he_normal"),
    ("fans_differ_from_framework",
     "shape=3,3,32,2&layer=depthwise_conv2d&layout=keras&scheme=he_normal"),
    # the gain is the scheme's own, and the activation asks for another
    ("gain_ignores_activation", "shape=512,512&scheme=kaiming_normal&activation=tanh"),
    ("gain_ignores_activation", "shape=512,512&scheme=kaiming_normal&activation=linear"),
    ("gain_ignores_activation", "shape=512,512&scheme=kaiming_normal&activation=selu"),
    ("gain_ignores_activation", "shape=512,512&scheme=he_uniform&activation=gelu"),
    ("gain_ignores_activation", "shape=512,512&scheme=glorot_uniform&activation=relu"),
    ("gain_ignores_activation", "shape=512,512&scheme=lecun_normal&activation=leaky_relu"),
    ("gain_ignores_activation", "shape=512,512&scheme=glorot_uniform&negative_slope=0.2"),
    # a depthwise kernel whose letters do not show the multiplier
    ("multiplier_assumed", "shape=64,1,3,3&layer=depthwise_conv2d&scheme=glorot_normal"),
    ("multiplier_assumed", "shape=64,1,3&layer=depthwise_conv1d&scheme=glorot_uniform"),
    ("multiplier_assumed", "shape=64,3,3,1&layer=depthwise_conv2d&layout=mlx&activation=tanh"),
    # the std of a normal that is cut at values is not that of what is left
    ("framework_fault", "shape=192,64&scheme=torch.multihead_attention"),
    ("framework_fault", "shape=64,64&scheme=mlx.he_normal"),
    ("framework_fault", "shape=64,64&scheme=mlx.he_uniform&mode=fan_out"),
    ("framework_fault", "shape=64,16,3,3&scheme=paddle.conv2d&groups=4"),
    ("framework_fault", "shape=64,16,3&scheme=candle.conv_transpose1d&groups=4"),
    ("framework_fault", "shape=64&fan_in=16&scheme=candle.conv2d.bias"),
    ("framework_fault", "shape=8,8,4,4&scheme=paddle.bilinear"),
    ("std_is_parents", "shape=8,8&scheme=truncated_normal&low=-1&high=1"),
    ("std_is_parents", "shape=8,8&scheme=truncated_normal&std=0.1&low=-0.1&high=0.1"),
    ("std_is_parents", "shape=8,8&scheme=truncated_normal&mean=1&low=1&high=2&dtype=float64"),
    # rounding to the dtype leaves one value, zeros, another std, or another constant
    ("rounded", "shape=8,8&scheme=normal&mean=1&std=1e-4&dtype=bfloat16"),
    ("rounded", "shape=8,8&scheme=normal&mean=300&std=0.1&dtype=float16"),
    ("rounded", "shape=8,8&scheme=uniform&low=0.51&high=0.56&dtype=float8_e5m2"),
    ("rounded", "shape=8,8&scheme=normal&std=0.00144&dtype=float8_e4m3fn"),
    ("rounded", "shape=8,8&scheme=uniform&low=-1e-7&high=1e-7&dtype=float16"),
    ("rounded", "shape=8&scheme=constant&value=1e-3&dtype=float8_e4m3fn"),
    ("rounded", "shape=8&scheme=constant&value=0.9&dtype=float8_e5m2"),
    ("rounded", "shape=8,8&scheme=normal&mean=1e6&std=0.001"),
    ("rounded",
     "shape=8,8&scheme=uniform&mean=27.852823724&std=0.64156758647&dtype=float8_e4m3fn"),
    ("rounded", "shape=8,8&scheme=normal&mean=1e17&std=1&dtype=float64"),
]  # fmt: skip

UNDESERVED = [
    ("suspicious_layout", "shape=64,3,7,7&activation=relu"),
    ("suspicious_layout", "shape=7,7,3,64&layout=HWIO&activation=relu"),
    ("suspicious_layout", "shape=3,3&scheme=he_normal"),
    ("suspicious_layout", "shape=3,3,64,128&layer=conv2d&scheme=ones"),
    ("suspicious_layout", "shape=12,64,12,64&layout=OOII&scheme=he_normal"),
    ("layer_guessed", "shape=64&layer=bias"),
    ("layer_guessed", "shape=64,3,7,7&layout=torch&activation=relu"),
    ("layer_guessed", "shape=64,3,7,7&layer=conv2d&activation=relu"),
    ("layer_guessed", "shape=64,64&scheme=he_normal"),
    ("layer_guessed", "shape=64,32&scheme=normal"),
    ("layer_guessed", "shape=64,32&scheme=he_normal&fan_in=32"),
    ("layer_guessed", "shape=8,4,3&scheme=normal"),
    ("fans_differ_from_framework", "shape=192,64&parts=3&scheme=he_normal"),
    ("fans_differ_from_framework", "shape=192,64&parts=3&layout=OI&scheme=glorot_uniform"),
    ("fans_differ_from_framework", "shape=192,64&parts=3&fan_out=64&scheme=glorot_uniform"),
    ("fans_differ_from_framework", "shape=64,192&parts=3&layout=burn&scheme=glorot_uniform"),
    ("fans_differ_from_framework", "shape=192,64&parts=3&scheme=normal"),
    ("gain_ignores_activation", "shape=512,512&scheme=kaiming_normal"),
    ("gain_ignores_activation", "shape=512,512&scheme=kaiming_normal&activation=relu"),
    ("gain_ignores_activation", "shape=512,512&scheme=kaiming_normal&activation=relu6"),
    ("gain_ignores_activation", "shape=512,512&scheme=kaiming_normal&activation=prelu"),
    ("gain_ignores_activation", "shape=512,512&scheme=kaiming_normal&activation=tanh&gain=1.5"),
    ("gain_ignores_activation", "shape=512,512&scheme=kaiming_normal&activation=tanh&scale=2"),
    ("gain_ignores_activation", "shape=512,512&scheme=glorot_uniform&activation=tanh"),
    ("gain_ignores_activation", "shape=512,512&scheme=lecun_normal&activation=selu"),
    ("gain_ignores_activation", "shape=512,512&scheme=variance_scaling&activation=tanh"),
    ("gain_ignores_activation", "shape=512,512&activation=tanh"),
    ("gain_ignores_activation", "shape=512,512&scheme=normal&activation=tanh"),
    ("multiplier_assumed", "shape=64,1,3,3&layer=depthwise_conv2d&groups=64&activation=tanh"),
    ("multiplier_assumed", "shape=64,1,3,3&layer=depthwise_conv2d&groups=32&activation=tanh"),
    ("multiplier_assumed", "shape=3,3,32,2&layer=depthwise_conv2d&layout=keras&activation=tanh"),
    ("multiplier_assumed", "shape=64,1,3,3&layer=depthwise_conv2d&scheme=normal"),
    ("multiplier_assumed", "shape=64,1,3,3&layer=depthwise_conv2d&fan_out=9&activation=tanh"),
    ("std_is_parents", "shape=8,8&scheme=torch.trunc_normal&low=-1&high=1"),
    ("framework_fault", "shape=192,64&scheme=torch.multihead_attention&fan_out=64"),
    ("framework_fault", "shape=64,64&scheme=torch.multihead_attention.out_proj"),
    ("framework_fault", "shape=512,512&scheme=torch.multihead_attention"),
    ("framework_fault", "shape=64,64&scheme=mlx.he_normal&gain=1.4142135623730951"),
    ("framework_fault", "shape=64,64&scheme=mlx.he_uniform&scale=1"),
    ("framework_fault", "shape=64,16,3,3&scheme=paddle.conv2d"),
    ("framework_fault", "shape=64,16,3,3&scheme=paddle.conv2d&groups=4&fan_in=144"),
    ("framework_fault", "shape=64,16,3&scheme=candle.conv_transpose1d"),
    ("framework_fault", "shape=64,16,3,3&scheme=candle.conv_transpose2d&groups=4"),
    ("std_is_parents", "shape=8,8&scheme=truncated_normal&low=-1&high=1&std_kind=parent"),
    ("std_is_parents", "shape=8,8&scheme=truncated_normal&bounds=1"),
    ("std_is_parents", "shape=8,8&scheme=truncated_normal&std=0.02&low=-2&high=2"),
    ("std_is_parents", "shape=8,8&scheme=uniform&low=-1&high=1"),
    ("rounded", "shape=8,8&scheme=normal&mean=1&std=1e-4"),
    ("rounded", "shape=1024,1024&scheme=he_uniform&dtype=float8_e5m2"),
    ("rounded", "shape=8,8&scheme=normal&dtype=float8_e4m3fn"),
    ("rounded", "shape=8,8&scheme=uniform&low=0.51&high=0.56&dtype=bfloat16"),
    ("rounded", "shape=8&scheme=constant&value=1&dtype=float8_e4m3fn"),
    ("rounded", "shape=8&scheme=zeros&dtype=float8_e5m2"),
    ("rounded", "shape=8,0&scheme=normal&mean=1&std=1e-4&dtype=bfloat16"),
    ("rounded", "shape=8,8&scheme=normal&mean=1000&std=1"),
]


@pytest.mark.parametrize(("code", "query"), DESERVED)
def test_a_warning_is_given_where_it_is_deserved(code: str, query: str) -> None:
    """With a name, so that none is given for its lack."""
    assert code in codes(query)


@pytest.mark.parametrize(("code", "query"), UNDESERVED)
def test_a_warning_is_not_given_beside_it(code: str, query: str) -> None:
    """The neighbours of what is warned of, among them each warning's own way out."""
    assert code not in codes(query)


@pytest.mark.parametrize(
    ("code", "query", "told"),
    [
        ("suspicious_layout", "shape=7,7,3,64&activation=relu",
         "as HWIO it has kernel 7 x 7, 3 in, 64 out, with std 0.116642"),
        ("suspicious_layout", "shape=12,64,12,64&layer=conv2d&scheme=he_normal",
         "write layout=OOII or layout=IIOO"),
        ("layer_guessed", "shape=64,3,7,7&activation=relu",
         "4 axes are taken for a conv2d in torch's layout OIHW"),
        ("fans_differ_from_framework", "shape=192,64&parts=3&scheme=glorot_uniform",
         "torch itself counts fan_out 192, and Fanin counts fan_out 64: torch uses only the shape, "
         "which does not show fused parts"),
        ("gain_ignores_activation", "shape=512,512&scheme=kaiming_normal&activation=tanh",
         "through tanh is 1.59254, and torch's calculate_gain has 1.66667: give gain=1.59254, or "
         "scheme=variance_scaling"),
        ("multiplier_assumed", "shape=64,1,3,3&layer=depthwise_conv2d&scheme=glorot_normal",
         "so fan_out is 9: give groups=64"),
        ("rounded", "shape=8,8&scheme=normal&mean=1&std=1e-4&dtype=bfloat16",
         "in bfloat16 every value is 1: use a wider dtype"),
        ("rounded", "shape=8,8&scheme=normal&std=0.00144&dtype=float8_e4m3fn",
         "in float8_e4m3fn 50.2 % of the values round to 0, and the std of all values is "
         "0.00154638"),
        ("rounded", "shape=8&scheme=constant&value=1e-3&dtype=float8_e4m3fn",
         "the values have mean 0.00195312 and std 0, not 0.001 and 0"),
        ("rounded", "shape=8,8&scheme=normal&mean=1e6&std=0.001", "in float32"),
        ("framework_fault", "shape=192,64&scheme=torch.multihead_attention",
         "the std is 0.707 of what each has by itself: give fan_out=64 "),
        ("std_is_parents", "shape=8,8&scheme=truncated_normal&std=0.1&low=-0.1&high=0.1",
         "std 0.1 is that of the normal before truncation; the values have std 0.053956"),
    ],
)  # fmt: skip
def test_a_warning_says_with_numbers_what_to_do(code: str, query: str, told: str) -> None:
    """The message names the field, and the std or fan that is at stake."""
    assert told in message(query, code)


def test_no_wider_dtype_is_proposed_beyond_float64() -> None:
    """There is none."""
    query = "shape=8,8&scheme=normal&mean=1&std=1e-17&dtype=float64"
    assert "wider" not in message(query, "rounded")


def test_a_slope_counts_as_an_activation_that_is_named() -> None:
    """LeCun's gain is 1, and leaky ReLU with slope 0.5 asks for sqrt(1.6)."""
    query = "shape=64,64&scheme=lecun_normal&activation=leaky_relu&negative_slope=0.5"
    assert "is 1.26491" in message(query, "gain_ignores_activation")


def test_a_warning_belongs_to_the_spelling() -> None:
    """The bytes and the tag are the same; what the request says of the layer is not."""
    said = planned("shape=512,512&scheme=kaiming_normal&activation=tanh&name=w")
    unsaid = planned("shape=512,512&scheme=kaiming_normal&name=w")
    assert said.url == unsaid.url
    assert [each.code for each in said.warnings] == ["gain_ignores_activation"]
    assert unsaid.warnings == ()


def test_a_certificate_has_the_warnings_of_its_spelling() -> None:
    """Its own plan's, which are not those of the canonical spec it describes."""
    told = planned("shape=7,7,3,64&activation=relu", "json").certificate()["warnings"]
    assert [each["code"] for each in told] == ["suspicious_layout", "layer_guessed", "name_missing"]


def test_the_page_of_warnings_lists_each_once() -> None:
    """docs/warnings.md has a row for every code, in the table's order."""
    page = (Path(__file__).parents[2] / "docs" / "warnings.md").read_text(encoding="utf-8")
    tensors = page.partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", tensors, re.MULTILINE) == list(WARNINGS)


def test_every_code_is_tried_here() -> None:
    """A warning without a case is a promise without a test."""
    tried = {code for code, _ in DESERVED} | {"name_missing"}
    assert set(WARNINGS) == tried
