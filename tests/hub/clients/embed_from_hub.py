"""Load a BERT from a Hub in Rust, with hf-hub and candle, and embed a sentence.

    python -m tests.hub.clients.embed_from_hub QUESTION.json ANSWER.json

It runs in build/embed-anything. QUESTION.json has `repo_id`, `revisions`, and a `sentence`.
ANSWER.json has the embedding of the sentence for each revision.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

embed_anything: Any = importlib.import_module("embed_anything")


def main(question: Path, answer: Path) -> None:
    """Load the model at each revision."""
    asked = json.loads(question.read_text())
    found = []
    for revision in asked["revisions"]:
        model = embed_anything.EmbeddingModel.from_pretrained_hf(
            asked["repo_id"], revision=revision
        )
        (embedded,) = embed_anything.embed_query([asked["sentence"]], embedder=model)
        found.append(list(embedded.embedding))
    answer.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
