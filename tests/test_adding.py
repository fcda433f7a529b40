"""docs/adding.md works as it stands: what it adds in a copy of the tree can be asked for."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")

BLOCK = r"```\w+\n(.*?)```"
STEP = re.compile(
    r"In\s+the\s+folder\s+`(?P<folder>[^`]+)`,\s+a\s+new\s+file\s+`(?P<new>[^`]+)`:"
    r"|In\s+`(?P<below_in>[^`]+)`,\s+below\s+`(?P<line>[^`]+)`:"
    r"|At\s+the\s+end\s+of\s+`(?P<end_of>[^`]+)`:"
    r"|Take\s+this\s+out\s+of\s+`(?P<out_of>[^`]+)`:"
)
QUADRATURE = (
    "tests/initializers/test_activations.py::test_every_number_is_the_float64_nearest_the_exact_one"
)
TABLE_TESTS = (
    "tests/initializers/test_schemes.py",
    "tests/initializers/test_activations.py::test_both_tables_have_the_same_activations",
    f"{QUADRATURE}[serf]",
    "tests/initializers/test_framework_activations.py",
    "tests/initializers/test_auto.py",
    "tests/mean_field/test_functions.py",
    "tests/initializers/test_layers.py",
    "tests/initializers/test_unknown_words.py",
    "tests/plan/test_fields.py",
    "tests/stream/test_drafts_page.py",
    "tests/stream/test_page.py",
    "tests/wire/test_formats.py",
    "tests/wire/test_safetensors.py",
    "tests/test_drafts.py::test_the_golden_drafts_are_what_is_answered",
    "tests/test_dtypes.py",
    "tests/test_frozen.py",
    "tests/test_reference.py",
    "tests/api/test_openapi.py",
)
"""The tests that the page names, and those that compare generated files.

Of the quadratures, which take 24 s, that of the new activation.
"""


def steps() -> Iterator[tuple[dict[str, str], str]]:
    """Every change that the page tells: its place, and the block below it."""
    for step in STEP.finditer(PAGE):
        block = re.compile(rf"\s*{BLOCK}", re.DOTALL).match(PAGE, step.end())
        assert block is not None, f"no block below: {step.group()}"
        yield {name: text for name, text in step.groupdict().items() if text}, block.group(1)


def follow(tree: Path) -> set[str]:
    """Make the changes of the page in the tree; the files that are written by hand."""
    touched = set()
    for place, block in steps():
        name = next(text for kind, text in place.items() if kind not in ("line", "new"))
        path = tree / name / place["new"] if "new" in place else tree / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(changed(text, place, block), encoding="utf-8")
        touched.add(str(path.relative_to(tree)))
    return touched | add_column(tree)


def changed(text: str, place: dict[str, str], block: str) -> str:
    """The text of a file after one change."""
    if "out_of" in place:
        assert text.count(block.rstrip("\n")) == 1, f"not there once: {block}"
        return text.replace(block.rstrip("\n"), "")
    if "line" not in place:
        return text + block
    lines = text.splitlines(keepends=True)
    (row,) = (n for n, line in enumerate(lines) if line.strip() == place["line"])
    return "".join([*lines[: row + 1], block, *lines[row + 1 :]])


def add_column(tree: Path) -> set[str]:
    """The letters of a framework, in the table of the code and in that of the page."""
    (cells,) = re.findall(r"```text\n(\w+(?: [A-Z-]+)+)\n```", PAGE)
    code, page = "service/initializers/layers.py", "docs/stream-v1.md"
    for name, head, end in ((code, "torch   keras", " {}"), (page, "| layer | torch", " {} |")):
        path = tree / name
        lines = path.read_text(encoding="utf-8").split("\n")
        first = next(n for n, line in enumerate(lines) if line.strip().startswith(head))
        rule = [first + 1] if lines[first + 1].startswith("|-") else []
        rows = [n for n in range(first, first + 15) if n not in rule][: len(cells.split())]
        for row, cell in zip(rows, cells.split(), strict=True):
            lines[row] += end.format(cell)
        for row in rule:
            lines[row] += "---|"
        path.write_text("\n".join(lines), encoding="utf-8")
    return {code, page}


def run(tree: Path, *words: str) -> bytes:
    """What a module prints in the tree.

    The kernels are those of this tree, so their compiled code on disk serves the copy as well.
    """
    done = subprocess.run([sys.executable, "-m", *words], cwd=tree, capture_output=True)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout


def values(tree: Path, query: str) -> bytes:
    """The bytes of a tensor, as the shell writes them: the options are the fields of the query."""
    options = [f"--{field}" for field in query.split("&")]
    return run(tree, "service", "weights", "--format", "raw", "-o", "-", *options)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that git knows, after all changes of the page and the three verbs."""
    copy = tmp_path_factory.mktemp("adding")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0")[:-1]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    follow(copy)
    run(copy, "ruff", "check", "--fix", "--quiet", ".")
    for module in ("checks.write_vectors", "checks.write_frozen", "checks.write_drafts"):
        run(copy, module)
    (copy / "openapi" / "openapi.json").write_bytes(run(copy, "service", "openapi"))
    run(copy, "checks.write_reference")
    return copy


pytestmark = [pytest.mark.slow, pytest.mark.ci]


def test_the_recipe_makes_a_model(tree: Path, tmp_path: Path) -> None:
    """Its tiny size has the tensors that the page describes."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"architecture": "MlpClassifier", "size": "tiny", "seed": 1}')
    run(tree, "service", "model", str(manifest), "-o", str(tmp_path / "mlp"))
    shapes = {
        name: values.shape
        for name, values in load_file(tmp_path / "mlp" / "model.safetensors").items()
    }
    assert shapes == {
        "layers.0.weight": (64, 64),
        "layers.0.bias": (64,),
        "layers.1.weight": (64, 64),
        "layers.1.bias": (64,),
        "head.weight": (10, 64),
    }


def test_what_was_added_is_issued(tree: Path) -> None:
    """Each new word, against NumPy or against the same draw in words that there were."""
    exchange = values(tree, "shape=3,4&scheme=exchange&dtype=float64")
    assert exchange == np.fliplr(np.eye(4))[:3].tobytes()
    assert len(values(tree, "shape=6,4&scheme=zeros&dtype=float8_e3m4")) == 24
    for new, known in (
        ("shape=4,6&scheme=fan_out_normal", "shape=4,6&scheme=lecun_normal&mode=fan_out"),
        (
            "shape=6,4&scheme=flax.mgu_cell.kernel",
            "shape=6,4&layout=IO&scheme=lecun_normal&distribution=truncated_normal",
        ),
        (
            "shape=6,4&scheme=variance_scaling&activation=serf",
            "shape=6,4&scheme=lecun_normal&gain=1.4122052511470504",
        ),
        (
            "shape=6,4,3,3&layer=conv2d&layout=mxnet&scheme=he_normal",
            "shape=6,4,3,3&layout=OIHW&scheme=he_normal",
        ),
    ):
        assert values(tree, f"{new}&seed=1") == values(tree, f"{known}&seed=1")


def test_what_was_added_is_listed_as_a_draft(tree: Path) -> None:
    """In the tables that the shell and HTTP print."""
    for listing, name in (
        ("schemes", "exchange"),
        ("schemes", "flax.mgu_cell.kernel"),
        ("activations", "serf"),
        ("dtypes", "float8_e3m4"),
    ):
        records = json.loads(run(tree, "service", listing, "--json"))[listing]
        assert {each["name"]: each["status"] for each in records}[name] == "draft"


def test_the_tests_of_the_tables_pass(tree: Path) -> None:
    """Without another change, and the files are formatted."""
    run(tree, "pytest", "-q", "-p", "no:cacheprovider", *TABLE_TESTS)
    run(tree, "ruff", "check", ".")
    run(tree, "ruff", "format", "--check", ".")


def test_a_step_that_is_left_out_is_noticed(tree: Path) -> None:
    """Negative control: without its row in the table of schemes, exchange.py is named."""
    table = tree / "service" / "initializers" / "schemes" / "table.py"
    whole = table.read_text(encoding="utf-8")
    table.write_text(whole.replace("_FAMILIES = (\n    exchange,\n", "_FAMILIES = (\n"))
    with pytest.raises(AssertionError, match=r"'exchange'"):
        run(tree, "pytest", "-q", "-p", "no:cacheprovider", TABLE_TESTS[0])
    table.write_text(whole, encoding="utf-8")
