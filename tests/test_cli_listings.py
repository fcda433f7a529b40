"""The shell's tables, and the hints that lead to them."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import get_args

import pytest

from service.__main__ import main
from service.api.problems import respond
from service.cli.parser import LISTING_COMMANDS, complain_of, with_options
from service.dtypes import DTYPES
from service.errors import FaninError, Listing, Problem
from service.fields import parse_query
from service.initializers.activations import ACTIVATIONS
from service.initializers.layers import FRAMEWORKS, LAYERS
from service.initializers.schemes import SCHEMES, family_of
from service.models.recipe import recipes
from service.plan import seeded_plan
from tests.api.hostile_cases import QUERIES, SHAPES, WORDS
from tests.application import ask, serving
from tests.process import run
from tests.server import Address

NAMES = {
    "schemes": list(SCHEMES),
    "activations": list(ACTIVATIONS),
    "layers": list(LAYERS),
    "dtypes": list(DTYPES),
    "recipes": list(recipes()),
}
A_PATH = re.compile(r"(?<!\w)/[a-z]")


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with serving(warm_up=lambda: None) as address:
        yield address


def typed(capfdbinary: pytest.CaptureFixture[bytes], *words: str) -> bytes:
    """What a command that succeeds prints; it says nothing on standard error."""
    assert main(list(words)) == 0
    said = capfdbinary.readouterr()
    assert said.err == b""
    return said.out


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["schemes"], "/schemes"),
        (["schemes", "he_normal"], "/schemes/he_normal"),
        (["schemes", "kaiming_uniform"], "/schemes/he_uniform"),
        (["schemes", "zeros@1"], "/schemes/zeros"),
        (["activations"], "/activations"),
        (["layers"], "/layers"),
        (["dtypes"], "/dtypes"),
        (["recipes"], "/recipes"),
    ],
)
def test_json_is_the_body_of_the_route(
    address: Address, capfdbinary: pytest.CaptureFixture[bytes], words: list[str], path: str
) -> None:
    """Equal to the byte, wherever `--json` stands."""
    body = ask(address, path).body
    assert typed(capfdbinary, *words, "--json") == body
    assert typed(capfdbinary, words[0], "--json", *words[1:]) == body


@pytest.mark.parametrize(
    ("command", "names"), [row for row in NAMES.items() if row[0] != "schemes"]
)
def test_a_table_has_a_line_for_each_record(
    capfdbinary: pytest.CaptureFixture[bytes], command: str, names: list[str]
) -> None:
    """Below the head, in the table's order; no line ends in spaces."""
    lines = typed(capfdbinary, command).decode().splitlines()
    assert [line.split()[0] for line in lines[1 : len(names) + 1]] == names
    assert [line for line in lines if line != line.rstrip()] == []


def groups(text: bytes) -> dict[str, list[str]]:
    """The indented lines under each heading of the table of schemes."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in text.decode().splitlines():
        if line.startswith("  "):
            found[heading].append(line)
        elif line.endswith("]"):
            heading = line
            found[heading] = []
        elif not line:
            heading = ""
        elif heading:
            raise AssertionError(line)
        else:
            break
    return found


def test_every_scheme_has_a_line_below_the_heading_of_its_family(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    """Each once. A heading names the families below it, as `--family` takes them."""
    table = groups(typed(capfdbinary, "schemes"))
    listed = {line.split()[0]: heading for heading, lines in table.items() for line in lines}
    assert sorted(listed) == sorted(SCHEMES)
    assert sum(map(len, table.values())) == len(SCHEMES)
    for heading, lines in table.items():
        families = heading.partition(" [")[2].rstrip("]").split(", ")
        assert set(families) == {family_of(line.split()[0]) for line in lines}
    assert listed["torch.linear"] == "Presets of torch [torch]"
    assert listed["box"] == listed["sobel"] == "Filters for pictures [filters]"


def test_no_line_of_the_table_of_schemes_is_long(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    """At most 100 columns. A longer summary is cut between words, where no more words fit."""
    text = typed(capfdbinary, "schemes")
    assert max(map(len, text.decode().splitlines())) <= 100
    cut = 0
    for line in (line for lines in groups(text).values() for line in lines):
        name, _, told = line.strip().partition(" ")
        start, whole = told.strip().removesuffix(" ..."), SCHEMES[name].summary
        if start != told.strip():
            cut += 1
            assert whole.startswith(f"{start} ")
            next_word = whole.removeprefix(start).split()[0]
            assert len(line) + len(f" {next_word}") > 100
        else:
            assert whole == start
    assert 0 < cut < len(SCHEMES)


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["--find", "edge"], "/schemes?q=edge"),
        (["--find", "smoothed", "edge"], "/schemes?q=smoothed+edge"),
        (["--find", "smoothed edge"], "/schemes?q=smoothed+edge"),
        (["--family", "filters"], "/schemes?family=filters"),
        (["--framework", "tf"], "/schemes?framework=tf"),
        (["--framework", "torch", "--find", "linear"], "/schemes?framework=torch&q=linear"),
    ],
)
def test_the_filters_are_those_of_the_route(
    address: Address, capfdbinary: pytest.CaptureFixture[bytes], words: list[str], path: str
) -> None:
    """As JSON equal to the byte, and as text the same schemes."""
    body = ask(address, path).body
    assert typed(capfdbinary, "schemes", "--json", *words) == body
    table = groups(typed(capfdbinary, "schemes", *words))
    names = [line.split()[0] for lines in table.values() for line in lines]
    assert names
    assert sorted(names) == sorted(record["name"] for record in json.loads(body)["schemes"])


def test_a_search_that_finds_nothing_says_so(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """On standard output with status 0, and where to look instead."""
    said = typed(capfdbinary, "schemes", "--find", "xylophone").decode()
    assert said.startswith("No scheme meets these conditions. docs/schemes.md ")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--family", "x"], "family: 'x' is not known (the families are plain, truncated, "),
        (["--framework", "x"], "framework: 'x' is not known (the frameworks are torch, keras, "),
        (["--find", " "], "find: no word is given (write a word, such as edge)"),
    ],
)
def test_a_filter_that_cannot_be_read_is_one_line(
    capfd: pytest.CaptureFixture[str], words: list[str], line: str
) -> None:
    """On standard error, status 2, with the name of the option."""
    assert main(["schemes", *words]) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith(line)
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--family", "plain", "--family", "gates"], "--family is given more than once"),
        (["--find", "a", "--find", "b"], "--find is given more than once"),
        (["he_normal", "--find", "edge"], "NAME is for one scheme alone"),
        (["he_normal", "--family", "plain"], "NAME is for one scheme alone"),
    ],
)
def test_filters_that_exclude_each_other_are_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], line: str
) -> None:
    """Status 2 and one line, whatever the options are."""
    with pytest.raises(SystemExit) as ended:
        main(["schemes", *words])
    assert ended.value.code == 2
    [said] = capsys.readouterr().err.splitlines()
    assert said.startswith(line)


def test_columns_are_aligned(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Each cell of the table of layers begins where the head of its column does."""
    head, *rows = typed(capfdbinary, "layers").decode().splitlines()[: len(LAYERS) + 1]
    places = [head.index(framework) for framework in FRAMEWORKS]
    for row, layer in zip(rows, LAYERS.values(), strict=True):
        cells = [row[place:].split()[0] for place in places]
        assert cells == [layer.letters.get(framework, "-") for framework in FRAMEWORKS]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["schemes"], "he_normal Normal that keeps the variance "),
        (["schemes"], "Variance scaled by fans [variance_scaling]"),
        (["schemes", "he_normal"], "mode fan_in"),
        (["schemes"], "embedding normal"),
        (["schemes", "he_normal"], "distribution normal, truncated_normal"),
        (["schemes", "he_normal"], "also kaiming_normal"),
        (["schemes", "he_normal"], "paper K. He, X. Zhang, S. Ren, J. Sun (2015): Delving Deep "),
        (["schemes", "he_normal"], "status frozen"),
        (["schemes", "he_normal"], "example /v1/weights.npy?shape=512,256&scheme=he_normal&seed=1"),
        (["schemes", "he_normal"], "--mode fan_in The fan that the variance is divided by."),
        (["schemes", "orthogonal"], "slices Each element is an entry of a matrix that is computed"),
        (["schemes", "torch.sparse"], "source torch/nn/init.py"),
        (["schemes", "torch.sparse"], "status draft "),
        (["schemes", "icnr"], "variant crd, dcr"),
        (["schemes", "zeros"], "options -"),
        (["activations"], "tanh - glorot_uniform 1.59254 1.46741 1.59254 1.66667 - tanh(z)"),
        (["activations"], "silu swish variance_scaling 1.67653 "),
        (["layers"], "E independent copies: "),
        (["dtypes"], "bfloat16 2 8 bits 3.38953e+38 safetensors, raw, json"),
    ],
)
def test_a_table_says_what_is_asked_most(
    capfdbinary: pytest.CaptureFixture[bytes], words: list[str], line: str
) -> None:
    """One line of each, its columns one space apart."""
    lines = typed(capfdbinary, *words).decode().splitlines()
    assert any(" ".join(each.split()).startswith(line.rstrip()) for each in lines)


def test_a_process_of_its_own_prints_the_table() -> None:
    """As a shell starts it."""
    done = run("dtypes")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"DTYPE ")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "KaimingNormal",
            "scheme: 'KaimingNormal' is not known "
            "(write he_normal; python -m service schemes lists all)",
        ),
        (
            "auto",
            "scheme: auto is not a scheme: it chooses one by the layer and its activation "
            "(name the scheme that it chooses; python -m service schemes lists all)",
        ),
        ("he_normal@2", "scheme: he_normal has revision 1 only (write he_normal or he_normal@1)"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_scheme_nobody_knows_is_one_line(
    capfdbinary: pytest.CaptureFixture[bytes], name: str, line: str, more: list[str]
) -> None:
    """On standard error, status 2."""
    assert main(["schemes", name, *more]) == 2
    said = capfdbinary.readouterr()
    assert (said.out, said.err.decode()) == (b"", line + "\n")


@pytest.mark.parametrize("words", [["layers", "dense"], ["schemes", "a", "b"], ["dtypes", "--x"]])
def test_what_a_table_does_not_take_is_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Status 2, and where the options are listed."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(f"(python -m service {words[0]} --help lists the options)")


@pytest.mark.parametrize("command", ["weights", "recommend"])
def test_help_names_the_tables(capfd: pytest.CaptureFixture[str], command: str) -> None:
    """Where a command takes fields; the help of all commands lists the tables too."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    helped = " ".join(capfd.readouterr().out.split())
    assert "python -m service schemes, activations, layers and dtypes list the words" in helped
    assert main(["--help"]) == 0
    listed = capfd.readouterr().out
    assert all(re.search(rf"^  {name} ", listed, re.MULTILINE) for name in NAMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("add std_kind=parent", "add --std-kind parent"),
        ("write low=-1 and high=1", "write --low -1 and --high 1"),
        ("give fan_in", "give fan_in"),
        ("see colour=red", "see colour=red"),
        ("/v1/weights.npy?shape=4&std=1", "/v1/weights.npy?shape=4&std=1"),
    ],
)
def test_a_field_with_a_value_becomes_an_option(text: str, expected: str) -> None:
    """A field's name alone stays as it is, and so do the fields of a URL."""
    assert with_options(text) == expected


def refusals() -> Iterator[Problem]:
    """The problems of every hostile query."""
    start = "shape=4,3&seed=1&name=w"
    queries = [f"{start}&{query}" for query, *_ in [*QUERIES, *WORDS]]
    queries += [f"shape={shape}" for shape, _ in SHAPES]
    for query in queries:
        try:
            seeded_plan(parse_query(query.encode()), "npy", max_bytes=2**44)
        except FaninError as error:
            yield from error.problems


def test_no_line_of_the_shell_names_a_path(capsys: pytest.CaptureFixture[str]) -> None:
    """Over all hostile queries; the problem bodies of the same refusals name many (control)."""
    problems = list(refusals())
    complain_of(problems)
    assert A_PATH.findall(capsys.readouterr().err) == []
    answer = json.loads(bytes(respond(400, "bad_request", *problems).body))
    assert len([each for each in answer["errors"] if A_PATH.search(each["hint"])]) > 20


@pytest.mark.parametrize("listing", get_args(Listing))
def test_every_listing_has_a_command(capfd: pytest.CaptureFixture[str], listing: Listing) -> None:
    """The line of a refusal ends with it, and it prints the words of the table."""
    complain_of([Problem("a", "b", "c", listing)])
    [line] = capfd.readouterr().err.splitlines()
    python, command = "python -m service ", LISTING_COMMANDS[listing]
    assert line == f"a: b (c; {command} lists all)"
    words = ["weights", command] if listing == "fields" else [command.removeprefix(python)]
    with suppress(SystemExit):
        main(words)
    printed = capfd.readouterr().out
    assert all(word in printed for word in NAMES.get(listing, ["--negative-slope", "--std-kind"]))
