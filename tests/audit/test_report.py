"""The report of many tensors: joined rows, the faults repeated, and a page that can be opened."""

import json
import os
import re
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from service.audit.checkpoint.audit import audit
from service.audit.checkpoint.overview import joined, predicate
from service.audit.checkpoint.page import audit_page
from service.audit.checkpoint.verdicts import FAULTS, Audited
from service.audit.files.likeness import Difference
from service.cli.audit import audit_checkpoint
from service.cli.audit_text import MOST_REPEATED, audit_text
from tests.audit.drawing import Array, normal, stored
from tests.process import ROOT, run


def blocks(count: int = 4) -> dict[str, Array]:
    """A network of equal blocks, each with two norms and a weight."""
    rng = np.random.default_rng(8)
    found: dict[str, Array] = {"wte.weight": normal(rng, (400, 64), 0.02)}
    for block in range(count):
        for norm in (1, 2):
            found[f"h.{block}.ln_{norm}.weight"] = np.ones(64)
        found[f"h.{block}.fc.weight"] = normal(rng, (256, 64), 0.02)
    return {name: values.astype(np.float32) for name, values in found.items()}


def of(tensors: dict[str, Array]) -> list[Audited]:
    return audit([stored(name, values) for name, values in tensors.items()])


def names_of(audited: list[Audited]) -> list[str]:
    return [f"{each.name} {len(each.tensors)}" for each in joined(audited)]


def test_equal_blocks_are_one_row() -> None:
    """In the order of the first of each."""
    expected = ["wte.weight 1", "h.{0..3}.ln_{1,2}.weight 8", "h.{0..3}.fc.weight 4"]
    assert names_of(of(blocks())) == expected


def test_a_joined_name_names_its_tensors_and_no_others() -> None:
    """Without one combination of two numbers, no name has all the others."""
    tensors = blocks()
    tensors["h.1.fc.weight"][:] = 0
    del tensors["h.2.ln_2.weight"]
    assert names_of(of(tensors)) == [
        "wte.weight 1",
        "h.0.ln_{1,2}.weight 2",
        "h.{0,2,3}.fc.weight 3",
        "h.1.ln_{1,2}.weight 2",
        "h.1.fc.weight 1",
        "h.2.ln_1.weight 1",
        "h.3.ln_{1,2}.weight 2",
    ]


def test_names_that_braces_cannot_write_are_not_joined() -> None:
    """Zeros before a number, numbers within words, other shapes."""
    names = ("a.00.bias", "a.01.bias", "conv1.bias", "conv2.bias", "b.0.bias", "b.1.bias")
    tensors = {name: np.zeros(5, np.float32) for name in names}
    tensors["b.1.bias"] = np.zeros(6, np.float32)
    assert names_of(of(tensors)) == [f"{name} 1" for name in names]


def test_names_with_many_numbers_are_not_joined() -> None:
    """Trying all their combinations would take long, and no network has such names."""
    names = [".".join("0" * first + "1" * (1200 - first)) for first in range(1200)]
    tensors = {name: np.zeros(2, np.float32) for name in names}
    assert len(joined(of(tensors))) == 1200


def text(
    audited: list[Audited], *, every: bool = False, faults: bool = False, width: int | None = None
) -> list[str]:
    return audit_text(audited, None, every=every, faults=faults, width=width).decode().splitlines()


def test_a_joined_row_has_the_range_of_the_std() -> None:
    """And the mean of the ratios. `every` has each row."""
    audited = of(blocks())
    stds = [each.summary.std or 0 for each in audited if "fc" in each.tensor.name]
    (row,) = (line for line in text(audited) if line.startswith("h.{0..3}.fc.weight (4) "))
    assert f" {min(stds):.3g}..{max(stds):.3g} " in row
    assert f" {sum(stds) / 4 / (2 / 64) ** 0.5:.4g} " in row
    rows = text(audited, every=True)
    assert [line.split()[0] for line in rows[1:14]] == list(blocks())


def test_the_text_ends_with_the_faults_and_the_counts() -> None:
    """Each with its explanation, at most MOST_REPEATED of them."""
    tensors = blocks()
    tensors["h.1.fc.weight"][:] = 0
    tensors["h.2.fc.weight"][3, 4] = np.inf
    assert text(of(tensors))[-6:] == [
        "",
        "fault: h.1.fc.weight is forgotten: all zeros, and it is a weight",
        "fault: h.2.fc.weight has NaN or infinity: 1 infinity among 16384 elements",
        "",
        "verdicts: 1 NaN or infinity, 1 forgotten, 3 consistent, 8 expected constant",
        "13 tensors, 2 faults",
    ]
    many = of({f"a{n}.weight": np.zeros((4, 4 + n), np.float32) for n in range(25)})
    lines = text(many)
    assert sum(line.startswith("fault: ") for line in lines) == MOST_REPEATED
    assert "... and 5 more" in lines


def test_the_rows_of_faults_alone() -> None:
    """Nothing is said twice, and without a fault there is no table."""
    tensors = blocks()
    tensors["h.1.fc.weight"][:] = 0
    lines = text(of(tensors), faults=True)
    firsts = [line.split()[0] for line in lines if line]
    assert firsts == ["tensor", "h.1.fc.weight", "verdicts:", "13"]
    assert text(of(blocks()), faults=True)[0].startswith("verdicts: ")


def test_equal_faults_of_blocks_are_one_line() -> None:
    """But two tensors that are equal to each other are named."""
    tensors = blocks()
    for block in range(4):
        tensors[f"h.{block}.fc.weight"][:] = 0
    assert "fault: h.{0..3}.fc.weight (4) are forgotten: all zeros, and it is a weight" in text(
        of(tensors)
    )
    tensors = blocks()
    tensors["h.1.fc.weight"] = tensors["h.0.fc.weight"]
    assert [line for line in text(of(tensors)) if line.startswith("fault")] == [
        "fault: h.0.fc.weight is duplicated: equal to h.1.fc.weight, element by element",
        "fault: h.1.fc.weight is duplicated: equal to h.0.fc.weight, element by element",
    ]


def test_every_fault_is_the_predicate_of_a_sentence() -> None:
    """About one tensor and about several."""
    told = {(predicate(verdict, 1), predicate(verdict, 3)) for verdict in FAULTS}
    assert told == {
        ("has NaN or infinity", "have NaN or infinity"),
        ("has the fans of a wrong layout", "have the fans of a wrong layout"),
        ("is forgotten", "are forgotten"),
        ("is constant", "are constant"),
        ("is duplicated", "are duplicated"),
        ("is uncorrected", "are uncorrected"),
    }


def test_many_differences_are_not_all_printed() -> None:
    """The last line has their number."""
    found = [Difference(f"a{n}", "is only there") for n in range(30)]
    lines = audit_text(of(blocks()), found).decode().splitlines()
    assert sum(line.endswith("is only there") for line in lines) == MOST_REPEATED
    assert "... and 10 more" in lines
    assert lines[-1] == "13 tensors, no faults, 30 differences"


def words(lines: list[str]) -> list[str]:
    return " ".join(lines).split()


def many_laws() -> list[Audited]:
    """Long names, an undecided tensor with several laws, and a fault."""
    rng = np.random.default_rng(3)
    uniform = rng.uniform(-0.5, 0.5, (12, 12)).astype(np.float32)
    tensors = {"encoder.layers.encoder_layer_0.self_attention.in_proj.weight": uniform}
    tensors |= {"c.weight": rng.uniform(-0.5, 0.5, (12, 12)).astype(np.float32)}
    return of({**tensors, "fc.weight": np.zeros((8, 8), np.float32)})


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_text_fits_a_terminal(width: int) -> None:
    """No line is longer, and no word is lost. The last column continues on indented lines."""
    audited = many_laws()
    whole, lines = text(audited), text(audited, width=width)
    assert max(map(len, whole)) > width
    assert max(map(len, lines)) <= width
    assert {word.rstrip(":") for word in words(lines)} == {
        word.rstrip(":") for word in words(whole)
    }
    assert text(audited, width=10_000) == whole
    rest = next(place for place, line in enumerate(lines) if line.startswith("c.weight")) + 1
    assert lines[rest].startswith("  ")


def test_a_long_name_has_its_own_line_in_a_narrow_terminal() -> None:
    """Its numbers are below those of the other rows."""
    lines = text(many_laws(), width=80)
    place = next(i for i, line in enumerate(lines) if line.endswith("in_proj.weight"))
    column = lines[0].index("shape")
    assert lines[place + 1].strip().startswith("12x12")
    assert lines[place + 1].index("12x12") == column
    row = next(line for line in lines if line.startswith("c.weight"))
    assert row.index("12x12") == column
    assert lines[1] == "  verdict: law or explanation"
    assert "  forgotten: all zeros, and it is a weight" in lines


def test_only_a_terminal_is_fitted(tmp_path: Path) -> None:
    """The size is that of the terminal. A pipe has whole rows."""
    path = str(tmp_path / "model.safetensors")
    save_file({"a.very.long.name.of.a.layer.weight": blocks()["h.0.fc.weight"]}, path)
    piped = run("audit", path).stdout.decode().splitlines()
    assert len(piped) == 5
    watcher, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 70))
    command = [sys.executable, "-m", "service", "audit", path]
    environment = {name: text for name, text in os.environ.items() if name != "COLUMNS"}
    subprocess.run(command, cwd=ROOT, stdout=terminal, env=environment, check=True)
    shown = os.read(watcher, 65536).decode().splitlines()
    os.close(terminal)
    os.close(watcher)
    assert max(map(len, shown)) <= 70
    assert shown[1] == "  verdict: law or explanation"


def test_options_of_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The rows, and the counts of the JSON."""
    tensors = blocks()
    tensors["h.1.fc.weight"][:] = 0
    path = str(tmp_path / "model.safetensors")
    save_file(tensors, path)

    def printed(*options: str) -> str:
        assert audit_checkpoint([path, *options]) == 1
        return capfd.readouterr().out

    counts = {
        option: printed(*option.split()).partition("\n\n")[0].count("\n")
        for option in ("", "--all", "--faults", "--faults --all")
    }
    assert counts == {"": 4, "--all": 13, "--faults": 1, "--faults --all": 1}
    assert json.loads(printed("--json"))["verdicts"] == {
        "forgotten": 1,
        "consistent": 4,
        "expected constant": 8,
    }


def page(tensors: dict[str, Array], found: list[Difference] | None = None) -> str:
    return audit_page("model", of(tensors), found, "other.npz").decode().replace("<wbr>", "")


def test_the_page_begins_with_the_faults() -> None:
    """The counts, the explanations, and a link to each row; the rows of faults are the first."""
    tensors = blocks()
    tensors["h.1.fc.weight"][:] = 0
    tensors["h.3.fc.weight"][0, 0] = np.nan
    content = page(tensors)
    chips = re.findall(r'<li class="(fault)?">([0-9]+ [^<]*)</li>', content)
    assert chips == [
        ("fault", "1 NaN or infinity"),
        ("fault", "1 forgotten"),
        ("", "3 consistent"),
        ("", "8 expected constant"),
    ]
    links = re.findall(r'<a href="#(t[0-9]+)"><bdi>([^<]*)</bdi></a> ([^<]*)</li>', content)
    assert links == [
        ("t0", "h.1.fc.weight", "is forgotten: all zeros, and it is a weight"),
        ("t1", "h.3.fc.weight", "has NaN or infinity: 1 NaN among 16384 elements"),
    ]
    rows = re.findall(r"<tr( id=\"t[0-9]+\")?><th [^>]*><bdi>([^<]*)", content)
    assert rows[:3] == [
        (' id="t0"', "h.1.fc.weight"),
        (' id="t1"', "h.3.fc.weight"),
        ("", "wte.weight"),
    ]
    assert len(rows) == 13


def test_a_histogram_has_the_ends_of_its_axis() -> None:
    """In the title of the picture, and below it."""
    content = page({"a.weight": np.linspace(-1, 1, 4096, dtype=np.float32).reshape(64, 64)})
    assert "histogram from -1.125 to 1.125" in content
    assert '<div class="ends"><span>-1.125</span><span>1.125</span></div>' in content


def test_names_are_broken_after_their_separators() -> None:
    """Not within a word, nor within a number."""
    tensors = {
        "block_4.batch_normalization.moving_mean": np.zeros(3, np.float32),
        "a/b.weight": normal(np.random.default_rng(1), (256, 64), 0.02).astype(np.float32),
    }
    content = audit_page("model", of(tensors), None).decode()
    name = "<bdi>block_4.<wbr>batch_<wbr>normalization.<wbr>moving_<wbr>mean</bdi>"
    assert name in content
    assert "<bdi>a/<wbr>b.<wbr>weight</bdi>" in content
    assert "normal std 0.02 (normal&amp;<wbr>std=0.02, " in content
    assert re.findall(r"[^./;=_]<wbr>|<wbr>[0-9]", content) == []


def test_differences_of_the_page() -> None:
    """It says which side has which value, and how many are not listed."""
    first = Difference("a", "1 element differs", 1, (2,), 0.5, 0.25)
    found = [first, *(Difference(f"b{n}", "is only there") for n in range(300))]
    content = page(blocks(), found)
    assert "<li>a: 1 element differs, at [2]: here 0.5, there 0.25</li>" in content
    assert "Here is this checkpoint, and there is other.npz" in content
    assert "<p>and 101 more differences</p>" in content


def test_the_page_of_many_tensors_is_small() -> None:
    """At most 1.5 KiB for a tensor, in tables of which a browser lays out those in view."""
    audited = of(blocks(200))
    content = audit_page("model", audited, None)
    assert len(content) < 4096 + 1536 * len(audited)
    assert content.count(b"<section><table>") == -(-len(audited) // 200)
