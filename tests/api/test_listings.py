"""The tables as a client of them sees them."""

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from service import listings
from service.api.problems import LISTING_PATHS, respond
from service.api.reasons import REASONS
from service.dtypes import DTYPES
from service.errors import ImpossibleError, Listing, Problem
from service.fields import FIELDS, Spec, parse_query, write_value
from service.initializers.activations import ACTIVATIONS
from service.initializers.layers import LAYERS
from service.initializers.schemes import SCHEMES
from service.initializers.schemes.record import INPUTS
from service.plan import plan
from service.plan.tag import entity_tag
from service.wire.json_text import json_bytes
from tests.application import ask, serving
from tests.filling import distinct
from tests.server import Address


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with serving(warm_up=lambda: None) as address:
        yield address


def listed(address: Address, path: str) -> Any:
    """The answer's JSON."""
    return json.loads(ask(address, path).body)


@pytest.mark.parametrize(
    ("name", "table"),
    [("schemes", SCHEMES), ("activations", ACTIVATIONS), ("layers", LAYERS), ("dtypes", DTYPES)],
)
def test_a_listing_holds_its_table(address: Address, name: str, table: dict[str, Any]) -> None:
    """Every record, in the table's order, under the table's name."""
    assert [record["name"] for record in listed(address, f"/{name}")[name]] == list(table)


@pytest.mark.parametrize(
    "path",
    ["/schemes", "/schemes/he_normal", "/activations", "/layers", "/dtypes", "/problems/internal"],
)
def test_a_listing_may_be_kept_and_is_asked_for_anew(address: Address, path: str) -> None:
    """no-cache with the body's own tag: who has it gets 304; HEAD has GET's headers."""
    answer = ask(address, path)
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = ask(address, path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    head = ask(address, path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers | {"date": ""} == answer.headers | {"date": ""}


@pytest.mark.parametrize(
    "path", ["/schemes/he_normal", "/activations", "/layers", "/dtypes", "/problems/internal"]
)
def test_a_listing_takes_no_field(address: Address, path: str) -> None:
    """None is ignored: each is named; a bare question mark is none."""
    answer = ask(address, f"{path}?name=he&x=1")
    problem = json.loads(answer.body)
    assert (answer.status, problem["reason"]) == (400, "unknown_field")
    assert [entry["field"] for entry in problem["errors"]] == ["name", "x"]
    assert ask(address, f"{path}?").status == 200


def found(address: Address, query: str) -> list[str]:
    """The names of the schemes that `/schemes` lists for a query."""
    return [record["name"] for record in listed(address, f"/schemes?{query}")["schemes"]]


def test_schemes_of_a_family(address: Address) -> None:
    """Every family by its exact name, and together all schemes; a framework is a family too."""
    families: dict[str, list[str]] = {}
    for record in listed(address, "/schemes")["schemes"]:
        families.setdefault(record["family"], []).append(record["name"])
    for family, names in families.items():
        assert found(address, f"family={family}") == names
    assert "sobel" in families["filters"]
    assert "torch.linear" in families["torch"]


def test_schemes_of_a_framework(address: Address) -> None:
    """By the part of the name before the dot: `tf` does not find `tfjs`."""
    for framework in ("torch", "tf", "tfjs", "jax"):
        names = [name for name in SCHEMES if name.startswith(f"{framework}.")]
        assert names
        assert found(address, f"framework={framework}") == names


@pytest.mark.parametrize(
    ("query", "expected", "others"),
    [
        ("q=edge", ["sobel", "prewitt", "laplacian"], ["box", "he_normal"]),
        ("q=EdGe", ["sobel", "prewitt", "laplacian"], ["box"]),
        ("q=edge+smoothed", ["sobel"], ["prewitt"]),
        ("q=smoothed%20edge", ["sobel"], ["prewitt"]),
        ("q=kaiming_normal", ["he_normal", "torch.kaiming_normal"], ["he_uniform"]),
        ("q=mamba_a", ["mamba_a_log"], ["mamba2_a_log"]),
        ("q=softplus(b)", ["mamba_dt_bias"], ["mamba_a_log"]),
        ("q=exp(-x%5E2/(2+sigma", ["gaussian_filter"], ["box"]),
        ("q=checkerboard+artifact+free", ["icnr"], ["bilinear"]),
        ("q=linear&framework=torch", ["torch.linear"], ["mlx.linear", "torch.conv2d.bias"]),
        ("q=normal&family=plain", ["normal"], ["he_normal"]),
    ],
)
def test_schemes_with_words(
    address: Address, query: str, expected: list[str], others: list[str]
) -> None:
    """In names, aliases, summaries, formulas and titles; all words and all fields hold at once."""
    names = found(address, query)
    assert set(expected) <= set(names)
    assert not set(others) & set(names)


def test_a_search_is_what_the_records_say(address: Address) -> None:
    """`transformer` finds the schemes that have it in one of the five places, in their order."""
    expected = []
    for record in listed(address, "/schemes")["schemes"]:
        titles = [paper["title"] for paper in record["references"]]
        places = [record["name"], *record["aliases"], record["summary"], record["formula"], *titles]
        if any("transformer" in place.lower() for place in places):
            expected.append(record["name"])
    assert 5 < len(expected) < len(SCHEMES) / 2
    assert found(address, "q=transformer") == expected


def test_words_that_no_scheme_has_find_nothing(address: Address) -> None:
    """An empty list, not a refusal. Words from two places do not join into one word."""
    assert found(address, "q=xylophone") == []
    assert found(address, "framework=torch&family=plain") == []


def test_a_filtered_listing_is_whole_records_with_its_own_tag(address: Address) -> None:
    """The records and `auto` are those of the whole list; the tag changes with the body."""
    whole, part = ask(address, "/schemes"), ask(address, "/schemes?q=edge")
    records = {record["name"]: record for record in json.loads(whole.body)["schemes"]}
    answer = json.loads(part.body)
    assert answer["auto"] == json.loads(whole.body)["auto"]
    assert all(record == records[record["name"]] for record in answer["schemes"])
    assert part.headers["etag"] == entity_tag(part.body) != whole.headers["etag"]
    assert part.headers["cache-control"] == "no-cache"
    again = ask(address, "/schemes?q=edge", headers={"If-None-Match": part.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    stale = ask(address, "/schemes?q=edge", headers={"If-None-Match": whole.headers["etag"]})
    assert (stale.status, stale.body) == (200, part.body)
    head = ask(address, "/schemes?q=edge", "HEAD")
    assert (head.status, head.headers["etag"]) == (200, part.headers["etag"])


@pytest.mark.parametrize("query", ["", "?"])
def test_without_a_field_the_listing_is_whole(address: Address, query: str) -> None:
    """To the byte what it is made of without a filter."""
    assert ask(address, f"/schemes{query}").body == json_bytes(listings.schemes())


@pytest.mark.parametrize("query", ["q=e", "q=edge", "framework=torch", "q=xylophone"])
def test_a_joined_listing_is_the_one_written_at_once(address: Address, query: str) -> None:
    """To the byte, with every scheme, with some and with none."""
    wanted = listings.parse_filter_query(query.encode())
    expected = json_bytes(listings.schemes(wanted))
    assert ask(address, f"/schemes?{query}").body == expected


@pytest.mark.parametrize(
    ("query", "reason", "fields", "hint"),
    [
        ("name=he&x=1", "unknown_field", ["name", "x"], "the nearest are "),
        ("size=3", "unknown_field", ["size"], "the nearest are "),
        ("shape=3", "unknown_field", ["shape"], "the nearest are "),
        ("q=edge&q=spot", "duplicate_field", ["q"], "give it once"),
        ("family=", "empty_field", ["family"], "give a value"),
        ("q=", "empty_field", ["q"], "give a value"),
        ("q=+%20", "empty_field", ["q"], "write a word, such as edge"),
        (f"q={101 * 'x'}", "malformed_text", ["q"], "write fewer words"),
        ("q=%ff", "malformed_text", ["q"], "percent-encode"),
        ("q", "malformed_query", ["q"], "write field=value"),
        ("family=filter", "unknown_word", ["family"], "the families are plain, truncated, "),
        ("family=Filters", "unknown_word", ["family"], "the families are plain, truncated, "),
        ("framework=pytorch", "unknown_word", ["framework"], "the frameworks are torch, keras, "),
        ("framework=to", "unknown_word", ["framework"], "the frameworks are torch, keras, "),
        ("family=a&framework=b", "unknown_word", ["family", "framework"], "the families are "),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(
    address: Address, query: str, reason: str, fields: list[str], hint: str
) -> None:
    """With a problem for each field, and the words that it takes."""
    answer = ask(address, f"/schemes?{query}")
    problem = json.loads(answer.body)
    assert (answer.status, problem["reason"]) == (400, reason)
    assert [entry["field"] for entry in problem["errors"]] == fields
    assert problem["errors"][0]["hint"].startswith(hint)


def test_the_refusal_of_a_word_names_all_that_are_known(address: Address) -> None:
    """No name is cut off, and each is accepted."""
    for field, heading in (("family", "the families are "), ("framework", "the frameworks are ")):
        [entry] = json.loads(ask(address, f"/schemes?{field}=nothing").body)["errors"]
        words = entry["hint"].removeprefix(heading).split(", ")
        assert len(words) > 10
        assert all(found(address, f"{field}={word}") for word in words)
        parameters = listed(address, "/openapi.json")["components"]["parameters"]
        assert parameters[field]["schema"]["enum"] == words


def test_the_filters_are_documented(address: Address) -> None:
    """As parameters of the operation in OpenAPI, and under their own heading in /docs/plain."""
    document = listed(address, "/openapi.json")
    parameters = document["paths"]["/schemes"]["get"]["parameters"]
    names = [each["$ref"].rpartition("/")[2] for each in parameters]
    assert names == ["family", "framework", "q", "If-None-Match", "If-Match"]
    assert not any("required" in document["components"]["parameters"][name] for name in names)
    page = ask(address, "/docs/plain").body.decode()
    _, _, after = page.partition("<h2>Fields of /schemes</h2>")
    assert re.findall(r"<code>(\w+)=", after) == ["family", "framework", "q"]


def test_a_scheme_tells_all_it_is_made_of(address: Address) -> None:
    """He's record, by its name, an alias and a revision."""
    record = listed(address, "/schemes/he_normal")
    assert record["aliases"] == ["kaiming_normal"]
    assert record["mode"] == "fan_in"
    assert record["references"][0]["year"] == 2015
    assert listed(address, "/schemes/kaiming_normal") == record
    assert listed(address, "/schemes/he_normal@1") == record


def test_every_scheme_tells_what_its_record_holds(address: Address) -> None:
    """Parameters with the meanings of the field table, access in words, source, fault and draft."""
    for told in listed(address, "/schemes")["schemes"]:
        scheme = SCHEMES[told["name"]]
        assert [each["name"] for each in told["parameters"]] == list(scheme.fields)
        for each in told["parameters"]:
            assert each["meaning"] == Spec.model_fields[each["name"]].description
        assert told["source"] == scheme.source
        assert told["fault"] == (scheme.fault and scheme.fault.replace(INPUTS, "I"))
        assert told["variants"] == list(scheme.variants)
        assert told["draft"] == scheme.draft
        assert (told["status"] == "draft") == (scheme.draft is not None)
        assert ("matrix that is computed as a whole" in told["slicing"]) == (
            scheme.access == "materialised"
        )
        assert told["example_url"].startswith(f"/v1/weights.npy?{scheme.example}&scheme=")


@pytest.mark.parametrize(
    ("fits", "too_large", "limit"),
    [
        ("8192,8192", "8192,8193", "67,108,864 elements"),
        ("1048576,2", "1048577,2", "sides are at most 1,048,576"),
    ],
)
def test_the_limits_of_materialised_schemes_are_those_told(
    address: Address, fits: str, too_large: str, limit: str
) -> None:
    """The plan accepts the largest tensor of the sentence and refuses a larger one."""
    assert limit in listed(address, "/schemes/orthogonal")["slicing"]
    assert canonical(f"shape={fits}&scheme=orthogonal&seed=1")
    with pytest.raises(ImpossibleError) as refused:
        canonical(f"shape={too_large}&scheme=orthogonal&seed=1")
    assert refused.value.reason == "too_large"


def test_a_family_is_a_framework_or_a_kind(address: Address) -> None:
    """A name with a dot begins with its framework."""
    for told in listed(address, "/schemes")["schemes"]:
        framework, dot, _ = told["name"].partition(".")
        assert not dot or told["family"] == framework
        assert told["preset"] is None or dot
    assert listed(address, "/schemes/he_normal")["family"] == "variance_scaling"


def canonical(query: str) -> str:
    """The canonical URL of a request."""
    return plan(parse_query(query.encode()), "npy", max_bytes=2**40).url


@pytest.mark.parametrize("name", distinct())
def test_the_default_of_a_parameter_is_what_a_request_without_it_gets(
    address: Address, name: str
) -> None:
    """With the default written out, the canonical URL of the example is the same."""
    told = listed(address, f"/schemes/{name}")
    query = told["example_url"].partition("?")[2]
    for each in told["parameters"]:
        field, default = each["name"], each["default"]
        if default is None or f"&{field}=" in query:
            continue
        cut = field in ("std_kind", "bounds") and "truncated_normal" in told["distributions"][1:]
        base = f"{query}&distribution=truncated_normal" if cut else query
        assert canonical(f"{base}&{field}={write_value(field, default)}") == canonical(base), field


def test_another_default_would_be_another_url() -> None:
    """Negative control of the test above."""
    query = "shape=8,8&scheme=identity"
    assert canonical(f"{query}&gain=1") == canonical(query) != canonical(f"{query}&gain=2")


def test_auto_is_told_whole(address: Address) -> None:
    """Edition 1: by layer where that decides, else by activation."""
    auto = listed(address, "/schemes")["auto"]
    assert auto["edition"] == 1
    assert auto["layers"] == {"embedding": "normal", "bias": "zeros", "scale": "ones"}
    assert set(auto["activations"]) == set(ACTIVATIONS)
    assert auto["activations"]["relu"] == "he_normal"


def test_numbers_are_exact(address: Address) -> None:
    """A gain in JSON reads back as the very float64."""
    gains = {
        record["name"]: record["gain"] for record in listed(address, "/activations")["activations"]
    }
    assert gains == {name: activation.gain for name, activation in ACTIVATIONS.items()}


def test_layers_come_with_the_letters_of_each_framework(address: Address) -> None:
    """What a porter needs: the same kernel in two frameworks, and what a letter means."""
    answer = listed(address, "/layers")
    [conv] = [layer for layer in answer["layers"] if layer["name"] == "conv2d"]
    assert (conv["letters"]["torch"], conv["letters"]["keras"]) == ("OIHW", "HWIO")
    assert set(answer["frameworks"]) >= set(conv["letters"])
    assert list(answer["letters"]) == list("EOIDHW")


def test_a_dtype_tells_its_precision(address: Address) -> None:
    """bfloat16 whole: 8 significant bits, normal from 2^-126 on, up to (2 - 2^-7) 2^127."""
    [record] = [r for r in listed(address, "/dtypes")["dtypes"] if r["name"] == "bfloat16"]
    assert record == {
        "name": "bfloat16",
        "status": "frozen",
        "draft": None,
        "exponent_bits": 8,
        "fraction_bits": 7,
        "finite_only": False,
        "itemsize": 2,
        "npy_descr": None,
        "safetensors_code": "BF16",
        "significand": 8,
        "least_exponent": -126,
        "largest": 3.3895313892515355e38,
        "formats": ["safetensors", "raw", "json"],
    }


def test_dtypes_tell_which_formats_carry_them(address: Address) -> None:
    """bfloat16 has no .npy."""
    formats = {record["name"]: record["formats"] for record in listed(address, "/dtypes")["dtypes"]}
    assert formats["bfloat16"] == ["safetensors", "raw", "json"]
    assert formats["float32"] == ["npy", "safetensors", "raw", "json"]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/schemes/auto", "name the scheme that it chooses; /schemes lists all"),
        ("/schemes/HeNormal", "write keras.he_normal; /schemes lists all"),
        ("/schemes/he_norml", "the nearest are he_normal, "),
        ("/schemes/he_normal@2", "write he_normal or he_normal@1"),
        ("/problems/unknwon_word", "the nearest are unknown_word, "),
    ],
)
def test_a_record_nobody_knows_is_not_found(address: Address, path: str, hint: str) -> None:
    """404 with what was probably meant."""
    answer = ask(address, path)
    problem = json.loads(answer.body)
    assert (answer.status, problem["reason"]) == (404, "not_found")
    assert problem["errors"][0]["hint"].startswith(hint)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("listing", get_args(Listing))
def test_every_listing_has_a_path(address: Address, listing: Listing) -> None:
    """A hint ends with it, and it is served."""
    problem = Problem("a", "b", "c", listing)
    [entry] = json.loads(bytes(respond(400, "unknown_word", problem).body))["errors"]
    path = LISTING_PATHS[listing]
    assert entry == {"field": "a", "message": "b", "hint": f"c; {path} lists all"}
    assert ask(address, path).status == 200


def test_a_lost_reason_is_told_where_all_are(address: Address) -> None:
    """The reasons are listed in the OpenAPI document only."""
    hint = json.loads(ask(address, "/problems/unknwon_word").body)["errors"][0]["hint"]
    assert hint.endswith("; /openapi.json lists all")
    assert '"unknown_word"' in ask(address, "/openapi.json").body.decode()


def test_the_page_for_people_needs_nothing_else(address: Address) -> None:
    """/docs/plain has paths and fields in one answer: no script, style sheet or other host."""
    answer = ask(address, "/docs/plain")
    page = answer.body.decode()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<code>GET /v1/weights.npy</code>" in page
    assert all(f"<code>{field}=" in page for field in FIELDS)
    assert not re.search("<script|<link|src=|//", page)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    assert answer.headers["content-security-policy"] == policy
    assert (
        ask(address, "/docs/plain", headers={"If-None-Match": answer.headers["etag"]}).status == 304
    )


def test_every_problem_type_leads_to_its_explanation(address: Address) -> None:
    """/problems/{reason} answers for each code there is."""
    for reason, row in REASONS.items():
        expected = {"reason": reason, "title": row.title, "explanation": row.explanation}
        assert listed(address, f"/problems/{reason}") == expected
