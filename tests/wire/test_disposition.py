"""File names for downloads."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.wire.disposition import attachment_name

NAMES = [
    ("layer1.0.conv1.weight", "layer1.0.conv1.weight.npy"),
    ("", "weight.npy"),
    ("..", "weight.npy"),
    ("__", "weight.npy"),
    ("../../etc/passwd", "_.._etc_passwd.npy"),
    (".bashrc", "bashrc.npy"),
    ("-rf", "rf.npy"),
    ('a"; filename="b', "a___filename__b.npy"),
    ("Größe/重", "Gr__e__.npy"),
    ("a\r\nSet-Cookie: b", "a__Set-Cookie__b.npy"),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_name_becomes_a_plain_file_name(name: str, expected: str) -> None:
    """Separators, quotes, line ends and letters beyond ASCII become underscores."""
    assert attachment_name(name, ".npy") == expected


@given(st.text(), st.sampled_from([".npy", ".safetensors", ".raw", ".json"]))
def test_any_name_gives_a_safe_file_name(name: str, suffix: str) -> None:
    """At most 100 characters of the allowed ones, no hidden file, the suffix kept."""
    file_name = attachment_name(name, suffix)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", file_name)
    assert file_name.endswith(suffix)
    assert len(suffix) < len(file_name) <= 100


def test_a_long_name_is_cut_to_100_characters() -> None:
    """The suffix counts towards the limit."""
    assert attachment_name("w" * 512, ".safetensors") == "w" * 88 + ".safetensors"
