"""The model card, README.md: what the weights are, and how the same ones are had again."""

from collections.abc import Mapping
from typing import Any

from service.hub.repositories import Repository
from service.hub.revisions import Resolved
from service.models.config import Choice
from service.models.planning import ModelPlan

CARD = "README.md"

LICENSE = "cc0-1.0"
"""Nobody claims a right in numbers that a random generator has made. Fanin's own licence is that
of the program."""

PIPELINES = {
    "BertForMaskedLM": "fill-mask",
    "BertModel": "feature-extraction",
    "ConvNextForImageClassification": "image-classification",
    "DeepseekV3ForCausalLM": "text-generation",
    "GPT2LMHeadModel": "text-generation",
    "LlamaForCausalLM": "text-generation",
    "MambaForCausalLM": "text-generation",
    "MistralForCausalLM": "text-generation",
    "MixtralForCausalLM": "text-generation",
    "MobileNetV1ForImageClassification": "image-classification",
    "MobileNetV2ForImageClassification": "image-classification",
    "Qwen2ForCausalLM": "text-generation",
    "Qwen3ForCausalLM": "text-generation",
    "ResNetForImageClassification": "image-classification",
    "T5ForConditionalGeneration": "text2text-generation",
    "ViTForImageClassification": "image-classification",
    "WhisperForConditionalGeneration": "automatic-speech-recognition",
}
"""The task of each architecture, as the Hub names it: the pipeline of transformers that loads it.
DiT has none, because transformers does not have it."""

_LOADED_ELSEWHERE = ("dit",)
"""The model_types that transformers has no class for."""


def card(repository: Repository, resolved: Resolved, plan: ModelPlan) -> bytes:
    """README.md of a repository at a revision.

    Its YAML front matter is valid on the Hub. `plan` has the seed and the dtype of `resolved`.
    """
    choice = plan.model.choice
    blocks = (
        _yaml(front_matter(choice)),
        f"# {repository.id}",
        "These weights were **never trained**. They are random numbers, as a model has them before "
        "its first training step. The outputs of the model mean nothing.",
        _facts(resolved, plan, choice),
        _loading(repository, resolved, choice),
        f"{_identity(repository)} give the same bytes on any machine. They are still drafts: a "
        "later release of Fanin may draw them in another way. It then has another commit, and "
        "refuses this one.",
        "The weights are released under CC0 1.0. Nobody claims a right in random numbers.",
    )
    return ("\n\n".join(blocks) + "\n").encode()


def front_matter(choice: Choice | None) -> dict[str, Any]:
    """What the card says to programs, and a Hub about the model: words, and a list of tags.

    `library_name` and `pipeline_tag` are there if a library loads the model, and if it has a task.
    """
    matter: dict[str, Any] = {"license": LICENSE}
    tags = ["fanin", "random-weights", "untrained"]
    if choice is not None:
        if _in_transformers(choice):
            matter["library_name"] = "transformers"
        if choice.architecture in PIPELINES:
            matter["pipeline_tag"] = PIPELINES[choice.architecture]
        tags.append(_kind(choice))
    return matter | {"tags": tags}


def _yaml(matter: Mapping[str, Any]) -> str:
    """The front matter as YAML. Its words need no quotes."""
    lines = list[str]()
    for name, value in matter.items():
        if isinstance(value, list):
            lines += [f"{name}:", *(f"- {each}" for each in value)]
        else:
            lines.append(f"{name}: {value}")
    return "\n".join(["---", *lines, "---"])


def _facts(resolved: Resolved, plan: ModelPlan, choice: Choice | None) -> str:
    """A table of what decides the bytes, and of the size of the model."""
    rows = [
        ("seed", str(resolved.seed)),
        ("dtype", resolved.dtype),
        ("commit", f"`{resolved.commit}`"),
        ("status", "draft"),
        ("parameters", f"{plan.parameters:,}"),
        ("bytes of tensors", f"{plan.bytes:,}"),
    ]
    if choice is not None:
        recipe = choice.recipe
        rows = [
            ("architecture", choice.architecture),
            ("recipe", f"{recipe.title}, edition {recipe.edition}"),
            ("drawn as in", f"`{recipe.source}`"),
            *rows,
        ]
    lines = ("| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows))
    return "\n".join(lines)


def _loading(repository: Repository, resolved: Resolved, choice: Choice | None) -> str:
    """Lines of Python that fetch these very bytes."""
    name, package, called = "folder", "huggingface_hub", "snapshot_download"
    if choice is not None and _in_transformers(choice):
        name, package = "model", "transformers"
        called = f"{choice.architecture}.from_pretrained"
    return "\n".join(
        (
            *_endpoint(repository),
            "",
            "```python",
            f"from {package} import {called.partition('.')[0]}",
            "",
            f'{name} = {called}("{repository.id}", revision="{resolved.commit}")',
            "```",
        )
    )


def _identity(repository: Repository) -> str:
    if repository.token is None:
        return "The repo id and the commit"
    return "The path of the endpoint, the repo id and the commit"


def _endpoint(repository: Repository) -> tuple[str, ...]:
    """Where these bytes are had. Behind a token the repo id names nothing without the token."""
    if repository.token is None:
        return ("Set `HF_ENDPOINT` to the address of the server that this file is from. Then:",)
    return (
        "The token in the path of the endpoint describes the model. Here SERVER is the address of "
        "the server that this file is from:",
        "",
        "```sh",
        f"export HF_ENDPOINT=SERVER/v1/models/{repository.token}",
        "```",
        "",
        "Then:",
    )


def _in_transformers(choice: Choice | None) -> bool:
    return choice is not None and _kind(choice) not in _LOADED_ELSEWHERE


def _kind(choice: Choice) -> str:
    return choice.recipe.architectures[choice.architecture].model_type
