"""docs/stream-v1.md and the code state the same constants and tables."""

import re
from pathlib import Path

from pydantic_core import PydanticUndefined

from checks.write_reference import DRAFTS_PATH
from service.fields import DEFAULTS, parse_query
from service.fields.writing import write_value
from service.initializers.activations import ACTIVATIONS
from service.initializers.auto import resolve_auto
from service.initializers.layers import FRAMEWORKS, LAYERS
from service.initializers.schemes import SCHEMES
from service.initializers.truncation import between
from service.plan import plan
from service.stream import literals

PAGE = (Path(__file__).parent.parent.parent / "docs" / "stream-v1.md").read_text(encoding="utf-8")
FROZEN_ACTIVATIONS = {name: each for name, each in ACTIVATIONS.items() if each.draft is None}
STRUCTURAL = {"PURPOSE_VALUES", "PURPOSE_LOW_WORDS", "PURPOSE_SHIFT", "PHILOX_ROUNDS"}
"""Small integers that the page says in words."""


def floats_of_the_page() -> set[float]:
    found = re.findall(r"-?0x1(?:\.[0-9a-f]+)?p[+-]\d+", PAGE)
    return {float.fromhex(text) for text in found} | {42.0}


def rows_under(head: str) -> list[list[str]]:
    """The cells of the one table whose head begins so, without the marks of code."""
    (table,) = re.findall(rf"^\| {re.escape(head)}.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    lines = table.replace("`", "").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def hexadecimal(cell: str) -> float | None:
    return None if cell == "-" else float.fromhex(cell)


def test_every_constant_stands_on_the_page() -> None:
    """Floats by value, words by their digits."""
    floats = floats_of_the_page()
    for name, value in vars(literals).items():
        if not name.isupper() or name in STRUCTURAL:
            continue
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float):
                assert floats & {number, -number}, name
            else:
                assert f"{number:X}" in PAGE, name


def test_the_page_has_no_constant_of_its_own() -> None:
    """Negative control, and the converse: every constant of the page is in the code."""
    known = {1.5 / 2, float.fromhex("0x1.c25e4b6dba981p-1"), float.fromhex("0x1.fep+127")}
    for value in vars(literals).values():
        numbers = value if isinstance(value, tuple) else (value,)
        known |= {sign * n for n in numbers if isinstance(n, float) for sign in (1, -1)}
    for row in rows_under("activation | exact") + rows_under("a, b | below"):
        known |= {float.fromhex(cell) for cell in row[1:] if "0x" in cell}
    assert floats_of_the_page() <= known
    assert float.fromhex("0x1.000001p+0") not in known


def test_the_letters_are_those_of_the_layers() -> None:
    """Every layer in every framework."""
    expected = [
        [name, *(layer.letters.get(framework, "-") for framework in FRAMEWORKS)]
        for name, layer in LAYERS.items()
    ]
    assert rows_under("layer | torch") == expected
    assert f"| layer | {' | '.join(FRAMEWORKS)} |" in PAGE


def test_auto_is_the_table_of_activations() -> None:
    """Each activation stands once, beside the scheme that auto stands for."""
    stated = {name: scheme for names, scheme in rows_under("activations") for name in names.split()}
    assert stated == {name: resolve_auto("dense", name) for name in FROZEN_ACTIVATIONS}


def test_the_schemes_are_the_records() -> None:
    """What each is by default, and which fields it takes; drafts stand on a page of their own."""
    expected = [
        [
            name,
            scheme.distribution.replace("_", " "),
            scheme.mode or "-",
            scheme.gain or "-",
            " ".join(scheme.fields) or "-",
        ]
        for name, scheme in SCHEMES.items()
        if scheme.draft is None
    ]
    assert rows_under("scheme | distribution") == expected


def test_the_gains_are_the_activations() -> None:
    """To the last bit, and null where there is none."""
    stated = {
        name: (*map(hexadecimal, gains), None if slope == "-" else float(slope))
        for name, *gains, slope in rows_under("activation | exact")
    }
    expected = {
        name: (a.gain, a.backward_gain, a.pytorch_gain, a.slope)
        for name, a in FROZEN_ACTIVATIONS.items()
    }
    assert stated == expected


def test_the_constants_of_truncation_are_the_programs() -> None:
    """Examples from both forms and from the tail."""
    rows = rows_under("a, b | below")
    assert len(rows) >= 5
    for bounds, *numbers in rows:
        a, b = map(float, bounds.split(","))
        cut = between(a, b)
        found = (cut.below, cut.mass, cut.above, cut.mean, cut.ratio)
        assert tuple(map(float.fromhex, numbers)) == found


def test_the_fields_are_the_specs_in_order() -> None:
    """With what each is if it is not given."""
    words = {None: "absent", "": "empty", PydanticUndefined: "refused"}
    rows = rows_under("field | value | without it")
    frozen = [row[0] for row in rows]
    assert [*frozen, *later_fields()] == list(DEFAULTS)
    for field, _, without in rows:
        default = DEFAULTS[field]
        assert without == (words[default] if default in words else write_value(field, default))


def later_fields() -> list[str]:
    """The fields in the table of the page of drafts."""
    page = DRAFTS_PATH.read_text(encoding="utf-8")
    _, _, after = page.partition("the table of fields from here -->")
    return re.findall(r"^\| `(\w+)` \|", after.partition("<!-- to here. -->")[0], re.MULTILINE)


def test_the_examples_are_canonical() -> None:
    """What is asked, and what the program makes of it."""
    rows = rows_under("asked | canonical")
    assert len(rows) >= 4
    for asked, canonical in rows:
        spec = parse_query(f"{asked}&seed=1&name=a".encode())
        url = plan(spec, "npy", max_bytes=2**44).url
        assert url == f"/v1/weights.npy?{canonical}&seed=1&name=a"
