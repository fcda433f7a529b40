"""The shell's `recommend`: /recommend's answer, printed to be read."""

import pytest

from service.__main__ import main
from service.advice import Recommendation, parse_question_query, recommend
from service.cli.report import SCREEN_LINES, SCREEN_WIDTH, report, short_report
from tests.process import run

WORDS = ["--shape", "64,32,3,3", "--activation", "relu", "--depth=30", "--std", "0.01"]


def answered(query: str) -> Recommendation:
    """The recommendation for a query."""
    return recommend(parse_question_query(query.encode()), max_bytes=2**44)


ANSWER = answered("shape=64,32,3,3&activation=relu&depth=30&std=0.01")


def test_json_is_the_body_of_the_route() -> None:
    """`--json` writes the bytes and nothing else; a process of its own, as a shell starts it."""
    done = run("recommend", *WORDS, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == ANSWER.as_json()


@pytest.mark.parametrize(("option", "written"), [((), short_report), (("--long",), report)])
def test_the_report_is_what_is_printed(
    capfdbinary: pytest.CaptureFixture[bytes], option: tuple[str, ...], written: object
) -> None:
    """One screen on standard output, or everything with --long."""
    assert main(["recommend", *WORDS, *option]) == 0
    assert callable(written)
    assert capfdbinary.readouterr().out.decode() == written(ANSWER)


def test_the_short_report_is_the_decision_and_its_reasons() -> None:
    """It begins with the decision and ends with the URL and what --long adds."""
    lines = short_report(ANSWER).splitlines()
    assert lines[0].startswith("Use he_normal: N(0, std^2) with std = gain / sqrt(fan_in) = ")
    assert lines[2] == f"  {ANSWER.equation}"
    assert any(
        line.startswith("- Your own std of 0.01 multiplies the variance by 0.0144 ")
        for line in lines
    )
    assert any(line.startswith("Or normal (std 0.01) if you know more about") for line in lines)
    assert lines[-2] == "/v1/weights.npy?shape=64,32,3,3&scheme=he_normal"
    assert lines[-1].startswith("--long adds ")


def test_the_short_report_fits_the_smallest_screen() -> None:
    """24 lines of 80 characters. Only URLs are wider, and what is left out is named."""
    crowded = answered(
        "shape=96,256&activation=hardshrink&depth=50&scheme=he_normal&dtype=float8_e4m3fn"
    )
    for answer in (ANSWER, crowded):
        lines = short_report(answer).splitlines()
        assert len(lines) <= SCREEN_LINES
        assert all(len(line) <= SCREEN_WIDTH for line in lines if not line.startswith("/v1/"))
    text = short_report(crowded)
    told = [each.code for each in crowded.warnings if f"Warning {each.code}: " in text]
    hidden = [each.code for each in crowded.warnings if each.code not in told]
    assert told
    assert hidden
    assert f"left out here: {', '.join(hidden)}" in text


def test_the_long_report_has_every_part() -> None:
    """The numbers, then the sections. Prose is wrapped at 100 characters, code and URLs are not."""
    lines = report(ANSWER).splitlines()
    assert "  fan_in 288, fan_out 576, letters OIHW" in lines
    assert "  hidden, reads relu, feeds relu, normalization none, residual none" in lines
    assert "  /v1/weights.npy?shape=64,32,3,3&scheme=he_normal" in lines
    titles = [line for line in lines[2:] if line and not line.startswith(" ")]
    assert titles == ["Why", "Warnings", "Alternatives", "References", "In other frameworks"]
    prose, _, code = report(ANSWER).partition("\nIn other frameworks")
    assert all(len(line) <= 100 for line in prose.splitlines() if "/v1/" not in line)
    written = [each for each in ANSWER.equivalents.values() if each.code]
    assert len(code.strip().splitlines()) == len(written)


def test_a_section_without_rows_is_left_out() -> None:
    """A named bias has no warnings, and no fans."""
    text = report(answered("shape=64&layer=bias&name=a"))
    assert text.startswith(
        "Use zeros: every value is 0.\n  /v1/weights.npy?shape=64&scheme=zeros\n"
    )
    assert "Warnings" not in text


def test_random_biases_have_a_url_of_their_own() -> None:
    """At the edge of chaos, in both reports."""
    answer = answered("shape=64,64&activation=tanh&depth=50&name=a")
    assert answer.bias_url
    for text in (report(answer), short_report(answer)):
        assert answer.bias_url in text


def test_what_else_must_be_multiplied_is_told() -> None:
    """DeepNorm's factor of the skip."""
    query = "shape=64,64&activation=relu&residual=post_norm&depth=18&position=branch_last"
    assert "  multiply skip by 2.44949\n" in report(answered(query))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--shape", "8,4", "--activation", "Relu"], "activation: 'Relu' is not known"),
        (["--shape", "8,4", "--position", "top"], "position: 'top' is not known"),
        (["--shape", "8,4", "--role", "boss"], "role: 'boss' is not known"),
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
