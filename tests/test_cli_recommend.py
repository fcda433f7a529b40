"""The shell's `recommend`: /recommend's answer, printed to be read."""

import pytest

from service.__main__ import main
from service.advice import parse_question_query, recommend
from service.cli.report import report
from tests.process import run

WORDS = ["--shape", "64,32,3,3", "--activation", "relu", "--depth=30", "--std", "0.01"]
ANSWER = recommend(
    parse_question_query(b"shape=64,32,3,3&activation=relu&depth=30&std=0.01"), max_bytes=2**44
)


def test_json_is_the_body_of_the_route() -> None:
    """`--json` writes the bytes and nothing else; a process of its own, as a shell starts it."""
    done = run("recommend", *WORDS, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == ANSWER.as_json()


def test_the_report_is_what_is_printed(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Without --json, on standard output."""
    assert main(["recommend", *WORDS]) == 0
    assert capfdbinary.readouterr().out.decode() == report(ANSWER)


def test_the_report_begins_with_the_numbers() -> None:
    """The scheme and its numbers come first, then the sections, and last the URL."""
    lines = report(ANSWER).splitlines()
    assert lines[0] == "he_normal: std 0.0833333, gain 1.41421, n = fan_in"
    assert lines[1] == "  fan_in 288, fan_out 576, letters OIHW"
    titles = [line for line in lines[1:] if line and not line.startswith(" ")]
    assert titles == (
        ["Why", "Warnings", "Alternatives", "References", "In other frameworks", "Fetch"]
    )
    assert lines[-1] == "  /v1/weights.npy?shape=64,32,3,3&scheme=he_normal"
    assert '  pytorch: torch.nn.init.kaiming_normal_(w, nonlinearity="relu")' in lines


def test_prose_is_wrapped_and_code_is_not() -> None:
    """At 96 characters, so that a terminal shows it; a URL is one line."""
    prose, _, code = report(ANSWER).partition("\nIn other frameworks")
    assert max(map(len, prose.splitlines())) <= 96
    assert len(code.splitlines()) == 1 + 10 + 1 + 2


def test_a_section_without_rows_is_left_out() -> None:
    """A named bias has no warnings."""
    question = parse_question_query(b"shape=64&layer=bias&name=a")
    text = report(recommend(question, max_bytes=2**44))
    assert text.startswith("zeros: mean 0, std 0\n  bias zeros\n\nWhy\n")
    assert "Warnings" not in text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--shape", "8,4", "--activation", "Relu"], "activation: 'Relu' is not known"),
        (["--shape", "8,4", "--position", "top"], "position: 'top' is not known"),
        (["--shape", "8,4", "--std", "-1"], "std: std is -1; it must be above 0"),
        (["--activation", "relu"], "shape: every tensor has a shape"),
        (["--shape", "8,4", "--dept", "3"], "dept: 'dept' is not known"),
    ],
)
def test_a_refusal_is_a_line_for_each_problem(
    capsys: pytest.CaptureFixture[str], words: list[str], line: str
) -> None:
    """On standard error, with status 2."""
    assert main(["recommend", *words]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert told.err.startswith(line)
