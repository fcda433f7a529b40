"""Revisions: seeds and dtypes by name, and what is said about other spellings."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.dtypes import DTYPES
from service.hub.errors import HubError
from service.hub.repositories import repository_of
from service.hub.revisions import MOST_SEED, Revision, read_revision, revision_of
from service.models.manifest import Manifest
from tests.hub.asking import checked, under_token

TINY = repository_of("fanin/gpt2-tiny")
MAIN = Revision(0)


def refused(text: str) -> str:
    """The message with which a revision is refused."""
    with pytest.raises(HubError) as caught:
        revision_of(text, TINY, MAIN)
    return checked(caught.value, "RevisionNotFound")


def test_main_is_what_the_endpoint_says() -> None:
    resolved = revision_of("main", TINY, Revision(9, "bfloat16"))
    assert (resolved.seed, resolved.dtype, resolved.is_main) == (9, "bfloat16", True)
    assert resolved.commit == revision_of("seed-9-bfloat16", TINY, MAIN).commit


def test_head_is_main() -> None:
    """@huggingface/hub asks for it. Other spellings are refused."""
    assert revision_of("HEAD", TINY, Revision(9)) == revision_of("main", TINY, Revision(9))
    assert "write main" in refused("head")


@given(st.integers(0, MOST_SEED), st.sampled_from([None, *DTYPES]))
def test_a_seed_with_or_without_a_dtype(seed: int, dtype: str | None) -> None:
    text = f"seed-{seed}" if dtype is None else f"seed-{seed}-{dtype}"
    assert read_revision(text) == Revision(seed, dtype)
    resolved = revision_of(text, TINY, Revision(1, "float16"))
    assert (resolved.seed, resolved.dtype) == (seed, dtype or "float32")
    assert not resolved.is_main
    assert revision_of(resolved.commit, TINY, MAIN) == resolved


def test_without_a_dtype_it_is_that_of_the_manifest() -> None:
    manifest = Manifest(architecture="GPT2LMHeadModel", size="tiny", dtype="bfloat16", seed=3)
    repository = under_token("fanin/mine", manifest)
    assert revision_of("seed-7", repository, Revision(3)).dtype == "bfloat16"
    assert revision_of("main", repository, Revision(3)).dtype == "bfloat16"
    assert revision_of("seed-7-float32", repository, Revision(3)).dtype == "float32"


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("seed-042", "write seed-42"),
        ("SEED-42", "write seed-42"),
        ("Seed-42-BFLOAT16", "write seed-42-bfloat16"),
        ("seed-42-float", "write seed-42-float32"),
        ("seed-42-float8", "write seed-42-float8_e4m3fn or seed-42-float8_e5m2"),
        ("42-float8", "write seed-42-float8_e4m3fn or seed-42-float8_e5m2"),
        ("seed-42-fp8", "write seed-42-float8_e4m3fn or seed-42-float8_e5m2"),
        ("seed-42-float8_", "write seed-42-float8_e4m3fn or seed-42-float8_e5m2"),
        ("seed-42-half", "write seed-42-float16"),
        ("seed-42-bf16", "write seed-42-bfloat16"),
        ("seed-42-int64", "int64 is no dtype: dtypes are float32, float16, bfloat16,"),
        ("seed_42", "write seed-42"),
        ("seed=42", "write seed-42"),
        ("seed42", "write seed-42"),
        ("42", "write seed-42"),
        ("seed-18446744073709551616", "above 18446744073709551615"),
        ("fa0100000000", "40 hex digits"),
        ("A" * 40, "write " + "a" * 40),
        ("refs/heads/main", "write main"),
        ("Main", "write main"),
        ("master", "write main"),
        ("refs/pr/1", "write main, seed-42"),
        ("", "write main, seed-42"),
        ("seed-", "write main, seed-42"),
        ("seed--1", "write main, seed-42"),
        ("seed-1.5", "write main, seed-42"),
        ("seed-42-", "write main, seed-42"),
        ("seed-42\n", "write main, seed-42"),
        ("seed-\u0664\u0662", "write main, seed-42"),
        ("main\r\nX-Evil: 1", "write main, seed-42"),
        ("../../etc/passwd", "write main, seed-42"),
        ("seed-" + "9" * 10_000, "write main, seed-42"),
        ("\x00", "write main, seed-42"),
        ("a" * 100_000, "write main, seed-42"),
    ],
)
def test_other_spellings_are_refused(text: str, right: str) -> None:
    """What is to be written instead is accepted."""
    said = refused(text)
    assert right in said
    for each in re.findall(r"\bseed-[0-9]+(?:-[a-z0-9_]+)?", said.partition("write ")[2]):
        assert read_revision(each)


@given(st.text(max_size=100))
def test_any_text_is_a_revision_or_refused(text: str) -> None:
    try:
        resolved = revision_of(text, TINY, MAIN)
    except HubError as error:
        checked(error, "RevisionNotFound")
    else:
        assert resolved.seed <= MOST_SEED
        assert resolved.dtype in DTYPES
