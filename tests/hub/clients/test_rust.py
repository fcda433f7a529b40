"""hf-hub and candle, in the wheel of embed-anything, load BERT from the Hub routes.

embed-anything reads HF_ENDPOINT itself. hf-hub alone does not. The class in the config decides what
embed-anything makes of a text: for BertModel a vector of the hidden size, and for BertForMaskedLM
SPLADE, a weight for each token of the vocabulary. It finds the output layer of SPLADE only in a
file that has it beside the embedding of the tokens.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.hub.repositories import repository_of
from tests.hub.clients.environment import embed_anything_python, run_script, variables
from tests.hub.clients.models import digests, snapshot, weights, written
from tests.server import Address

pytestmark = [pytest.mark.slow, pytest.mark.ci]

SPLADE = "fanin/bert-tiny.tie_word_embeddings-false"
"""With an output layer of its own."""

LENGTHS = {"fanin/bert_encoder-tiny": "hidden_size", SPLADE: "vocab_size"}
"""The key of the config with the length of an embedding, by repo id."""

SENTENCE = "The weights of a model begin at random."


def embedded(repo_id: str, revisions: list[str], home: Path, address: Address) -> Any:
    """The embedding of the sentence at each revision. The test fails with what the client says."""
    question = {"repo_id": repo_id, "revisions": revisions, "sentence": SENTENCE}
    # A backtrace is so long that the message would be cut.
    environment = variables(home, address.url, RUST_BACKTRACE="0", RUST_LIB_BACKTRACE="0")
    return run_script(embed_anything_python(), "embed_from_hub", question, environment)


@pytest.mark.parametrize("repo_id", LENGTHS)
def test_two_seeds_embed_differently_and_one_seed_equally(
    hub: Address, replica: Address, tmp_path: Path, repo_id: str
) -> None:
    """Each cache is filled from a server of its own."""
    revisions = ["seed-1", "seed-2", "seed-1"]
    first, second = (
        embedded(repo_id, revisions, tmp_path / name, address)
        for name, address in (("first", hub), ("second", replica))
    )
    manifest = repository_of(repo_id).manifest
    config = manifest.config or {}
    one, two, again = np.array(first)
    assert one.shape == (config[LENGTHS[repo_id]],)
    assert np.isfinite(one).all()
    assert np.array_equal(one, again)
    assert first == second
    assert np.abs(one - two).max() > 0.1 * np.abs(one).max()
    members = {"architecture": manifest.architecture, "config": config, "seed": 1}
    expected = weights(written(members, tmp_path / "written"))
    assert weights(digests(snapshot(tmp_path / "first", repo_id, "seed-1"))) == expected


def test_a_tied_output_layer_is_not_found(hub: Address, tmp_path: Path) -> None:
    """docs/hub.md says so. save_pretrained does not write a tied output layer either."""
    with pytest.raises(
        AssertionError, match=r"cannot find tensor cls\.predictions\.decoder\.weight"
    ):
        embedded("fanin/bert-tiny", ["seed-1"], tmp_path, hub)
