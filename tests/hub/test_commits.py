"""Commits: what 40 hex digits say, and which are refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.dtypes import DTYPES
from service.hub import commits
from service.hub.commits import NUMBERS, commit_of, read_commit
from service.hub.errors import HubError
from service.hub.repositories import Repository, families, repository_of
from service.hub.revisions import MOST_SEED
from service.models.manifest import Manifest
from tests.hub.asking import checked, under_token

REPOSITORIES = [
    *(repository_of(size["repo_id"]) for family in families() for size in family["sizes"]),
    repository_of("fanin/gpt2.n_layer-2.n_embd-64.vocab_size-512"),
    under_token("fanin/mine", Manifest(tensors=[{"name": "w", "shape": [2]}], seed=1)),
]

TINY = repository_of("fanin/gpt2-tiny")

SEEDS = st.integers(0, MOST_SEED)


def refused(repository: Repository, commit: str) -> str:
    """The message with which a commit is refused."""
    with pytest.raises(HubError) as caught:
        read_commit(repository, commit)
    return checked(caught.value, "RevisionNotFound")


def test_the_numbers_of_dtypes_stay() -> None:
    """Another number would give an old commit another dtype. A new dtype gets a new number."""
    assert NUMBERS == {
        "float32": 0,
        "float16": 1,
        "bfloat16": 2,
        "float64": 3,
        "float8_e4m3fn": 4,
        "float8_e5m2": 5,
    }
    assert set(NUMBERS) == set(DTYPES)


@given(st.sampled_from(REPOSITORIES), st.sampled_from(list(DTYPES)), SEEDS)
def test_a_commit_says_dtype_and_seed(repository: Repository, dtype: str, seed: int) -> None:
    commit = commit_of(repository, dtype, seed)
    assert read_commit(repository, commit) == (dtype, seed)
    assert commit == f"fa{repository.edition:02x}{NUMBERS[dtype]:02x}{seed:016x}{commit[22:]}"
    assert len(commit) == 40


@given(
    st.sampled_from(REPOSITORIES),
    st.sampled_from(list(DTYPES)),
    SEEDS,
    st.integers(0, 39),
    st.integers(1, 15),
)
def test_a_commit_with_another_digit_is_refused(
    repository: Repository, dtype: str, seed: int, place: int, change: int
) -> None:
    commit = commit_of(repository, dtype, seed)
    digit = f"{int(commit[place], 16) ^ change:x}"
    refused(repository, commit[:place] + digit + commit[place + 1 :])


@given(SEEDS)
def test_a_commit_of_another_repository_is_refused(seed: int) -> None:
    """Ids with equal manifests are two repositories, too: each has a folder of its own."""
    small = repository_of("fanin/gpt2-small")
    base = repository_of("fanin/gpt2")
    assert small.text == base.text
    assert "not a commit of fanin/gpt2" in refused(base, commit_of(small, "float32", seed))


MANIFESTS = st.builds(
    Manifest,
    architecture=st.just("GPT2LMHeadModel"),
    config=st.dictionaries(
        st.sampled_from(["n_layer", "n_embd", "note"]), st.integers(1, 9), max_size=3
    ),
    metadata=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    dtype=st.sampled_from(list(DTYPES)),
    seed=st.integers(0, 9),
)


@given(MANIFESTS, MANIFESTS, SEEDS)
def test_two_manifests_of_one_repo_id_share_no_commit(
    first: Manifest, second: Manifest, seed: int
) -> None:
    these, those = (under_token("fanin/mine", each) for each in (first, second))
    equal = these.text == those.text
    assert (commit_of(these, "float32", seed) == commit_of(those, "float32", seed)) == equal


def test_the_manifests_of_that_test_differ_by_their_dtype_alone() -> None:
    """The dtype of a manifest changes its commits even where the revision names another dtype."""
    one, other = (
        under_token(
            "fanin/mine", Manifest(architecture="GPT2LMHeadModel", size="tiny", dtype=dtype)
        )
        for dtype in ("float32", "bfloat16")
    )
    assert commit_of(one, "float16", 1) != commit_of(other, "float16", 1)


def test_two_tokens_of_one_manifest_share_no_commit() -> None:
    """Another release of zlib compresses another way. The model card has the token."""
    repository = under_token("fanin/mine", Manifest(tensors=[{"name": "w", "shape": [2]}], seed=1))
    other = replace(repository, token=f"{repository.token}A")
    assert commit_of(repository, "float32", 1) != commit_of(other, "float32", 1)


def test_another_edition_is_named() -> None:
    commit = commit_of(TINY, "float32", 42)
    message = refused(TINY, "fa02" + commit[4:])
    assert "edition 2" in message
    assert "now edition 1" in message


def test_an_unknown_dtype_is_refused() -> None:
    commit = commit_of(TINY, "float32", 42)
    refused(TINY, commit[:4] + "ff" + commit[6:])


def test_a_model_without_a_recipe_has_edition_0() -> None:
    repository = under_token("fanin/mine", Manifest(tensors=[{"name": "w", "shape": [2]}], seed=1))
    assert commit_of(repository, "float32", 1).startswith("fa0000")


@pytest.mark.parametrize("text", ["", "fa01", "g" * 40, "FA" * 20, "fa" * 32, "0" * 40])
def test_other_texts_are_refused(text: str) -> None:
    refused(TINY, text)


def test_a_change_of_any_draft_changes_every_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    before = commit_of(TINY, "float32", 42)
    assert b"scheme gpt2_residual 1" in commits.IDENTITY
    changed = commits.IDENTITY.replace(b"scheme gpt2_residual 1", b"scheme gpt2_residual 2")
    monkeypatch.setattr(commits, "IDENTITY", changed)
    assert commit_of(TINY, "float32", 42) != before
    assert read_commit(TINY, commit_of(TINY, "float32", 42)) == ("float32", 42)
    refused(TINY, before)
