"""hf-hub and candle, in the wheel of embed-anything, load a BERT from the Hub routes.

embed-anything reads HF_ENDPOINT itself. hf-hub alone does not. It makes SPLADE of every
BertForMaskedLM, which embeds a text as a weight of each token of the vocabulary, and it finds the
output layer only in a file that has it beside the embedding of the tokens.
"""

from pathlib import Path

import numpy as np
import pytest

from tests.hub.clients.environment import embed_anything_python, run_script, variables
from tests.hub.clients.models import FAMILIES, digests, snapshot, weights, written
from tests.server import Address

pytestmark = [pytest.mark.slow, pytest.mark.ci]

FAMILY = FAMILIES["bert"]
REPO_ID, CONFIG = f"{FAMILY.repo_id}.tie_word_embeddings-false", {"tie_word_embeddings": False}
"""With an output layer of its own."""

SENTENCE = "The weights of a model begin at random."


def test_two_seeds_embed_differently_and_one_seed_equally(
    hub: Address, replica: Address, tmp_path: Path
) -> None:
    """Each cache is filled from a server of its own."""
    question = {
        "repo_id": REPO_ID,
        "revisions": ["seed-1", "seed-2", "seed-1"],
        "sentence": SENTENCE,
    }
    first, second = (
        run_script(
            embed_anything_python(),
            "embed_from_hub",
            question,
            variables(tmp_path / name, address.url),
        )
        for name, address in (("first", hub), ("second", replica))
    )
    one, two, again = np.array(first)
    assert one.shape == (FAMILY.config["vocab_size"],)
    assert np.isfinite(one).all()
    assert np.array_equal(one, again)
    assert first == second
    assert np.abs(one - two).max() > 0.1 * np.abs(one).max()
    expected = weights(written(FAMILY.manifest(seed=1, config=CONFIG), tmp_path / "written"))
    assert weights(digests(snapshot(tmp_path / "first", REPO_ID, "seed-1"))) == expected
