"""Fresh models of PyTorch, Keras, Flax and Fanin: each law is found, and no model has a fault.

A tensor is right if the scheme that it was initialized with is among the names of the only law that
was found, undecided if it is among those of several, and wrong otherwise.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from service.audit.checkpoint.audit import audit
from service.audit.checkpoint.verdicts import Audited, Verdict
from service.audit.files.checkpoint import opened_checkpoint
from service.audit.laws.consistency import FEWEST
from tests.audit.drawing import cast, normal, stored
from tests.peers.environment import draw, peers_python, torch_python
from tests.process import run

SCRIPT = str(Path(__file__).with_name("fresh_models.py"))

MANY = 10**4
"""From so many elements, at most 5 % of the tensors may be undecided."""


@dataclass(frozen=True, slots=True)
class Model:
    """The audit of a model, and the scheme of each tensor that is not constant."""

    name: str
    audited: list[Audited]
    truth: dict[str, str]


def audited_models(folder: Path, framework: str) -> Iterator[Model]:
    truths = json.loads((folder / f"{framework}-truth.json").read_text())
    for name, truth in truths.items():
        with opened_checkpoint(folder / f"{name}.npz") as tensors:
            yield Model(name, audit(tensors), truth)


def outcome(found: Audited, scheme: str) -> str:
    """Right, undecided or wrong. Fields after the scheme's name may be told or not.

    A preset of a layer has one scheme for its weight and one for its bias.
    """
    if found.summary.finite < FEWEST:
        return "undecided"
    leaf = found.tensor.name.replace("/", ".").rpartition(".")[2]
    wanted = {scheme, f"{scheme}.bias", f"{scheme}.{leaf}"}
    if leaf == "bias" and scheme.startswith("torch."):
        # The law of all biases of PyTorch, by the fan_in of the weight beside them.
        wanted.add("torch.linear.bias")
    having = [
        law
        for law in found.laws
        if wanted & {*law.names, *(n.partition("&")[0] for n in law.names)}
    ]
    near = {name for law in found.laws for each in law.near for name in each.names}
    if not having:
        return "undecided" if wanted & near else "wrong"
    return "right" if found.verdict in STATED else "undecided"


STATED = (Verdict.CONSISTENT, Verdict.UNCORRECTED)
"""The verdicts that state one law."""


def check(models: list[Model]) -> Counter[str]:
    """Wrong 0, undecided at most 5 % of the large tensors, no fault, all constants expected."""
    counts: Counter[str] = Counter()
    for model in models:
        assert set(model.truth) <= {each.tensor.name for each in model.audited}
        for each in model.audited:
            where = (
                model.name,
                each.tensor.name,
                each.tensor.shape,
                each.verdict,
                each.explanation,
            )
            assert not each.is_fault, where
            scheme = model.truth.get(each.tensor.name)
            if scheme is None:
                assert each.verdict is Verdict.EXPECTED_CONSTANT, where
                continue
            result = outcome(each, scheme)
            assert result != "wrong", (*where, scheme, [law.names for law in each.laws])
            counts[result] += each.summary.count >= MANY
    assert counts["undecided"] <= 0.05 * counts.total(), counts
    return counts


@pytest.mark.slow
@pytest.mark.ci
def test_torch(tmp_path: Path) -> None:
    """Dense, convolutions, transposed, depthwise, recurrent, attention, norms, embedding."""
    draw([str(torch_python()), SCRIPT, str(tmp_path), "torch"])
    models = list(audited_models(tmp_path, "torch"))
    assert len(models) == 8
    assert check(models).total() >= 35


@pytest.mark.slow
@pytest.mark.ci
def test_torch_with_given_gains(tmp_path: Path) -> None:
    """Gains, slopes, stds and bounds that people give; layers that PyTorch parametrizes."""
    draw([str(torch_python()), SCRIPT, str(tmp_path), "torch-gains"])
    models = list(audited_models(tmp_path, "torch-gains"))
    assert len(models) == 14
    assert check(models).total() >= 40


@pytest.mark.slow
@pytest.mark.ci
def test_what_is_so_on_purpose_is_no_fault(tmp_path: Path) -> None:
    """Tied weights, LoRA's zeros, scales of zeros, positions of zeros, tables, statistics."""
    draw([str(torch_python()), SCRIPT, str(tmp_path), "torch-on-purpose"])
    with opened_checkpoint(tmp_path / "torch-on-purpose.npz") as tensors:
        found = {each.tensor.name: each for each in audit(tensors)}
    assert [name for name, each in found.items() if each.is_fault] == []
    for name in ("wte.weight", "lm_head.weight"):
        assert "tied" in (found[name].note or "")
    for name in ("lora_B.weight", "pos_embed", "blocks.0.weight"):
        assert found[name].verdict is Verdict.EXPECTED_CONSTANT
    assert found["bn.running_mean"].verdict is Verdict.TRAINED
    assert "normal&mean=1&std=0.02" in str(found["bn.weight"].laws)


@pytest.mark.slow
@pytest.mark.ci
def test_jax_in_16_bits(tmp_path: Path) -> None:
    """JAX draws 128 or 1024 different numbers, so moments and tails differ."""
    draw([str(peers_python()), SCRIPT, str(tmp_path), "jax-narrow"])
    assert check(list(audited_models(tmp_path, "jax-narrow"))).total() == 16


@pytest.mark.slow
@pytest.mark.ci
def test_keras_and_flax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same layers, with the layouts, the truncated normals and the orthogonal of both."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    draw([str(peers_python()), SCRIPT, str(tmp_path), "keras", "flax"])
    models = [*audited_models(tmp_path, "keras"), *audited_models(tmp_path, "flax")]
    assert len(models) == 10
    assert check(models).total() >= 40


@pytest.mark.slow
@pytest.mark.ci
def test_the_copies_within_torchs_encoder_are_found(tmp_path: Path) -> None:
    """nn.TransformerEncoder copies its layer, so that all layers begin with the same weights."""
    draw([str(torch_python()), SCRIPT, str(tmp_path), "torch-pitfalls"])
    with opened_checkpoint(tmp_path / "torch-copied.npz") as tensors:
        found = {each.tensor.name: each.verdict for each in audit(tensors)}
    copied = {name for name, verdict in found.items() if verdict is Verdict.DUPLICATED}
    assert copied == {
        f"layers.{layer}.{name}"
        for layer in (0, 1)
        for name in (
            *("self_attn.in_proj_weight", "self_attn.out_proj.weight"),
            *("linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"),
        )
    }


def tensor(name: str, shape: tuple[int, ...], **fields: object) -> dict[str, object]:
    """A tensor of a manifest."""
    return {"name": name, "shape": list(shape), **fields}


FANIN = {
    "fanin-conv": [
        tensor("conv1.weight", (64, 24, 7, 7), scheme="he_normal", layer="conv2d"),
        tensor("conv2.weight", (64, 64, 3, 3), scheme="lecun_normal", layer="conv2d"),
        tensor("conv3.weight", (32, 16, 3, 3, 3), scheme="he_uniform", layer="conv3d"),
        tensor("fc.weight", (100, 512), scheme="glorot_uniform", layer="dense"),
        tensor("fc.bias", (100,), scheme="zeros", layer="bias"),
        tensor("norm.weight", (64,), scheme="ones", layer="scale"),
    ],
    "fanin-bfloat16": [
        tensor("a.kernel", (300, 200), scheme="keras.he_normal", layout="IO", dtype="bfloat16"),
        tensor("b.weight", (256, 256), scheme="orthogonal", layer="dense", dtype="bfloat16"),
        tensor("c.weight", (256, 512), scheme="torch.linear", dtype="float16"),
        tensor("emb.weight", (1000, 64), scheme="torch.embedding", dtype="float16"),
    ],
    "fanin-blocks": [
        tensor("h.{0..3}.attn.weight", (384, 128), scheme="normal", std=0.02, layer="dense"),
        tensor("h.{0..3}.proj.weight", (128, 128), scheme="gpt2_residual", depth=4, layer="dense"),
        tensor("eye.weight", (64, 64), scheme="identity", layer="dense"),
    ],
}
"""Three models of Fanin: the tensors of their manifests."""


@pytest.mark.parametrize("name", FANIN)
def test_fanin(tmp_path: Path, name: str) -> None:
    """Written by `model`, in several dtypes, with the projections of GPT-2 by their depth."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"seed": 3, "tensors": FANIN[name]}))
    done = run("model", str(manifest), "-o", str(tmp_path / "model"))
    assert done.returncode == 0, done.stderr
    truth = {}
    with opened_checkpoint(tmp_path / "model") as tensors:
        found = audit(tensors)
        for each in tensors:
            row = next(row for row in FANIN[name] if _matches(each.name, str(row["name"])))
            if row["scheme"] not in ("zeros", "ones", "identity"):
                truth[each.name] = str(row["scheme"])
    check([Model(name, found, truth)])


def _matches(name: str, pattern: str) -> bool:
    start, _, rest = pattern.partition("{0..3}")
    return name.startswith(start) and name.endswith(rest)


def test_control_a_wrong_truth_is_wrong() -> None:
    """The comparison with the truth can fail."""
    values = cast(normal(np.random.default_rng(1), (256, 128), 0.125), "float32")
    found = audit([stored("a.weight", values)])
    assert outcome(found[0], "he_normal") == "right"
    with pytest.raises(AssertionError):
        check([Model("control", found, {"a.weight": "lecun_normal"})])
