"""The shell's `propagate`: /propagate's answer, printed to be read."""

import pytest

from service.__main__ import main
from service.cli.propagating import text_of
from service.propagation import parse_stack_query, propagate
from tests.process import run

WORDS = ["--width", "512", "--depth", "50", "--activation", "tanh", "--gain", "1.6666667"]
QUERY = b"width=512&depth=50&activation=tanh&gain=1.6666667"
ANSWER = propagate(parse_stack_query(QUERY), max_bytes=2**44)


def test_json_is_the_body_of_the_route() -> None:
    """`--json` writes the bytes and nothing else; a process of its own, as a shell starts it."""
    done = run("propagate", *WORDS, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == ANSWER.as_json()


def test_the_text_is_what_is_printed(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Without --json, on standard output."""
    assert main(["propagate", *WORDS]) == 0
    assert capfdbinary.readouterr().out.decode() == text_of(ANSWER)


def test_the_text_fits_a_screen() -> None:
    """Verdict, changes and nine layers in 24 lines of 96 characters."""
    lines = text_of(ANSWER).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 96
    assert lines[0].startswith("Exploding: ")
    assert any(line.startswith("Change: Give every layer gain 1.46741") for line in lines)
    head, *rows = lines[lines.index("") + 1 :]
    assert head.split() == ["layer", "name", "stream", "gradient", "chi_1", "correlation"]
    assert [row.split()[0] for row in rows] == ["1", "7", "13", "19", "25", "32", "38", "44", "50"]


@pytest.mark.parametrize(
    "words",
    [
        "--width 64 --depth 1000 --activation gelu --gain 3 --name x",
        "--width 64 --depth 9 --activation relu --residual pre_norm --normalization batch",
        "--width 64 --depth 1 --activation relu --simulate true",
        "--shape 64,64,3,3 --depth 7 --activation silu --simulate true",
    ],
)
def test_every_text_fits_a_screen(words: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Also with a simulation, notes, and numbers that float64 cannot hold."""
    assert main(["propagate", *words.split()]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 120


def test_simulated_numbers_stand_beside_the_predicted_ones(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A column after each of the two, and how many are in the bands."""
    words = "--width 64 --depth 4 --activation relu --simulate true"
    assert main(["propagate", *words.split()]) == 0
    text = capfd.readouterr().out
    assert "Simulated: 4 networks of issued tensors." in text
    head = text.splitlines()[-5].split()
    assert head[2:6] == ["stream", "simulated", "gradient", "simulated"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--width", "64"], "depth: a stack has a depth (add --depth 50)"),
        (["--depth", "5"], "width: a stack has a width (add --width 512)"),
        (["--width", "64", "--depth", "5000"], "depth: 5000 layers are more than 1000"),
        (["--widht", "64", "--depth", "5"], "widht: 'widht' is not known"),
        (["--width", "64", "--depth", "5", "--activation", "relo"], "activation: 'relo' is not"),
    ],
)
def test_a_refusal_is_a_line_for_each_problem(
    capsys: pytest.CaptureFixture[str], words: list[str], line: str
) -> None:
    """On standard error, with status 2."""
    assert main(["propagate", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(line)
