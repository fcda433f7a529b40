"""Manifests: reading, refusing, the canonical text, and the tensors that they name."""

import json
import time
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator

from service.errors import FaninError
from service.models import planning
from service.models.expansion import expanded
from service.models.manifest import canonical_text, manifest_schema, parse_manifest
from service.models.planning import plan_model
from service.models.recipe import recipes

TINY = {"architecture": "GPT2LMHeadModel", "size": "tiny", "seed": 1}
BERT = {"architecture": "BertForMaskedLM", "size": "tiny", "seed": 1}


def refused(manifest: dict[str, Any] | bytes) -> tuple[str, str, str]:
    """The reason, the field and the message of the refusal."""
    body = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    with pytest.raises(FaninError) as error:
        plan_model(parse_manifest(body), max_bytes=2**44)
    problem = error.value.problems[0]
    assert problem.hint
    return error.value.reason, problem.field, problem.message


def specs(manifest: dict[str, Any]) -> dict[str, Any]:
    """The spec of each tensor."""
    model = expanded(parse_manifest(json.dumps(manifest).encode()))
    return {each.name: each.parts[0].spec for each in model.tensors}


def tensor(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "shape": [4, 3], **fields}


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"tensors": [tensor("w", std=True)]}, "tensors[0].std"),
        ({"tensors": [tensor("w"), tensor("v", foo=1)]}, "tensors[1].foo"),
        ({"tensors": [{"name": "w"}]}, "tensors[0].shape"),
        ({"tensors": [{"shape": [1]}]}, "tensors[0]"),
        ({"tensors": [3]}, "tensors[0]"),
        ({"tensors": {}}, "tensors"),
        ({"tensors": [tensor("h.{3..1}")]}, "tensors[0].name"),
        ({"tensors": [tensor("a\u0007")]}, "tensors[0].name"),
        ({"rules": [{"fields": {}}]}, "rules[0]"),
        ({"rules": [{"match": "*", "fields": {"shape": [1]}}]}, "rules[0]"),
        ({"rules": [{"match": "*", "fields": {"std": "x"}}]}, "rules[0].std"),
        ({"rules": [{"match": "*" * 513}]}, "rules[0]"),
        ({"rules": "*"}, "rules"),
        ({"config": []}, "config"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"max_shard_size": "5 GB"}, "max_shard_size"),
        ({"max_shard_size": 0}, "max_shard_size"),
        ({"max_shard_size": True}, "max_shard_size"),
        ({"max_shard_size": 10**19}, "max_shard_size"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**53}, "seed"),
        ({"dtype": "int64"}, "dtype"),
        ({"names": "torch"}, "names"),
        ({"edition": 0}, "edition"),
        ({"edition": 1.5}, "edition"),
        ({"architecture": 3}, "architecture"),
        ({"foo": 1}, "foo"),
    ],
)
def test_a_refusal_names_the_place(members: dict[str, Any], place: str) -> None:
    _, field, _ = refused({"tensors": [tensor("w", scheme="zeros")], **members})
    assert field == place


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (b"", "malformed_json"),
        (b"[]", "malformed_json"),
        (b'{"seed":1,"seed":2}', "duplicate_field"),
        (b'{"config":{"a":1,"a":2}}', "duplicate_field"),
        (b'{"config":{"a":1e999}}', "out_of_range"),
        (b'{"config":{"a":9223372036854775808}}', None),
        (b'{"config":{"a":NaN}}', "malformed_json"),
        (b'{"config":' + b'{"a":' * 12 + b"1" + b"}" * 12 + b"}", "malformed_json"),
        (b'{"metadata":{"\\ud800":"a"}}', "malformed_text"),
        (b'{"config":{"a":"\\ud800"}}', "malformed_text"),
        (b'{"config":{"\\ud800":1}}', "malformed_text"),
        (b'{"config":{"a":[{"b":{"\\udfff":1}}]}}', "malformed_text"),
        ({"tensors": [tensor("w"), tensor("w")]}, "duplicate_name"),
        ({"tensors": [tensor("w.{0..3}"), tensor("w.2")]}, "duplicate_name"),
        ({"tensors": [tensor("__metadata__", scheme="zeros")]}, "reserved_name"),
        ({"tensors": [tensor("w.{0..200000}")]}, "too_many_tensors"),
        ({"tensors": [tensor("{0..999999999}.{0..999999999}")]}, "too_many_tensors"),
        ({"tensors": [tensor("w" * 500 + "{0..99999}", shape=[1])]}, "too_many_tensors"),
        ({"tensors": [tensor("w", dtype="int64", scheme="ones")]}, "format_cannot_carry_dtype"),
        ({"tensors": [tensor("w", order="F")]}, "format_cannot_carry_order"),
        ({"tensors": [tensor("w", scheme="normal", std=-1)]}, "not_positive"),
        ({"tensors": [tensor("w", shape=[2**57])]}, "too_large"),
        ({"tensors": [tensor("")]}, "missing_field"),
        ({"tensors": []}, "missing_field"),
        ({"config": {}}, "missing_field"),
        ({"config": {"model_type": "llama"}}, "missing_field"),
        ({"model_type": "gpt2", "n_layer": 2}, "unknown_field"),
        ({**TINY, "edition": 2000}, "other_edition"),
        ({**TINY, "config": {"model_type": "llama"}}, "bad_config"),
        ({"config": {"architectures": ["LlamaModel"]}}, "unknown_word"),
        ({"tensors": [tensor("w")], "names": "module"}, "unused_field"),
        ({"tensors": [tensor("w")], "size": "tiny"}, "unused_field"),
        ({"tensors": [tensor("w")], **TINY}, "conflicting_fields"),
        ({"architecture": "gpt2", "size": "tiny"}, "unknown_word"),
        ({"architecture": "GPT2LMHeadModel", "size": "huge"}, "unknown_word"),
        ({"architecture": "GPT2LMHeadModel"}, "missing_field"),
        ({**TINY, "config": {"n_layer": 10**9}}, "out_of_range"),
        ({**TINY, "config": {"n_layer": 10_001}}, "out_of_range"),
        ({**BERT, "config": {"num_hidden_layers": 100_000}}, "too_many_tensors"),
        ({**TINY, "config": {"n_layer": "two"}}, "out_of_range"),
        ({**TINY, "config": {"n_layer": True}}, "out_of_range"),
        ({**TINY, "config": {"n_embd": 0}}, "out_of_range"),
        ({**TINY, "config": {"initializer_range": 0}}, "out_of_range"),
        ({**TINY, "config": {"add_cross_attention": True}}, "bad_config"),
        ({**TINY, "config": {"n_embd": 10**6, "vocab_size": 10**8}}, "too_large"),
        ({**TINY, "rules": [{"match": "*"}] * 1001}, "too_many_tensors"),
    ],
)
def test_refusals(manifest: dict[str, Any] | bytes, reason: str | None) -> None:
    if reason is None:
        # A large integer is a float then, as in other readers of JSON.
        assert isinstance(manifest, bytes)
        parse_manifest(manifest)
    else:
        assert refused(manifest)[0] == reason


def hint(manifest: dict[str, Any] | bytes) -> str:
    """The hint of the refusal."""
    body = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    with pytest.raises(FaninError) as error:
        plan_model(parse_manifest(body), max_bytes=2**44)
    return error.value.problems[0].hint


def test_hints_lead_to_a_model() -> None:
    llama = {"config": {"model_type": "llama"}}
    assert hint(llama) == 'add "architecture": "LlamaForCausalLM"'
    sequence = {"config": {"architectures": ["LlamaForSequenceClassification"]}}
    assert hint(sequence) == "the nearest are LlamaForCausalLM"
    assert hint({"model_type": "gpt2"}) == ('put it into a manifest: {"config": {...}, "seed": 42}')
    assert hint(b"[]") == (
        'send a manifest such as {"architecture": "GPT2LMHeadModel", "size": "tiny", "seed": 42}'
    )


def test_a_misspelt_key_of_the_config_is_told() -> None:
    def codes(**config: Any) -> list[tuple[str, str]]:
        manifest = json.dumps({**TINY, "config": config}).encode()
        warnings = plan_model(parse_manifest(manifest), max_bytes=2**44).warnings
        return [(each.code, each.message) for each in warnings]

    assert codes(n_layers=3) == [
        ("config_key_unknown", "the config's n_layers is ignored: write n_layer if that is meant")
    ]
    assert codes(n_layer=3, attn_pdrop=0.1, something_else=1) == []
    [(code, message)] = codes(torch_dtype="bfloat16")
    assert code == "dtype_of_config"
    assert 'add "dtype": "bfloat16"' in message


def ids_outside(architecture: str, **config: Any) -> list[str]:
    """The warnings about ids that the vocabulary of a config does not have."""
    manifest = json.dumps({"architecture": architecture, "config": config, "seed": 1}).encode()
    warnings = plan_model(parse_manifest(manifest), max_bytes=2**44).warnings
    return [each.message for each in warnings if each.code == "token_id_outside"]


def test_an_id_that_the_vocabulary_does_not_have_is_told() -> None:
    """Given, or the default of the class. The last id of the vocabulary is inside."""
    small = {"n_layer": 1, "n_embd": 8, "n_head": 2, "n_positions": 8}
    gpt2 = partial(ids_outside, "GPT2LMHeadModel", **small)
    way_out = "and vocab_size is 512: give an id below it, or a larger vocabulary"
    assert gpt2(vocab_size=512) == [
        f"bos_token_id is 50256 by default, {way_out}",
        f"eos_token_id is 50256 by default, {way_out}",
    ]
    assert gpt2(vocab_size=512, bos_token_id=512, eos_token_id=[3, 600]) == [
        f"bos_token_id is 512, {way_out}",
        f"eos_token_id is 600, {way_out}",
    ]
    assert gpt2(vocab_size=512, bos_token_id=511, eos_token_id=None, pad_token_id=-1) == []
    assert len(gpt2(vocab_size=50256)) == 2
    assert gpt2(vocab_size=50257) == gpt2() == []


def test_a_vocabulary_that_is_the_default_of_the_class() -> None:
    """Llama has 32,000 entries if the config does not say it."""
    small = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2}
    llama = partial(ids_outside, "LlamaForCausalLM", intermediate_size=8, **small)
    assert llama(eos_token_id=31_999) == []
    [message] = llama(eos_token_id=32_000)
    assert message.startswith("eos_token_id is 32000, and vocab_size is 32000:")


def test_the_word_for_an_architecture_is_said() -> None:
    with pytest.raises(FaninError) as error:
        expanded(parse_manifest(b'{"architecture":"gpt2","size":"tiny"}'))
    assert error.value.problems[0].hint == "write GPT2LMHeadModel"


@pytest.mark.parametrize("count", [10**7, 10**9, 10**18])
def test_absurd_counts_take_no_time(count: int) -> None:
    """They are refused before a name or a layer is made."""
    begun = time.perf_counter()
    refused({"tensors": [tensor(f"w.{{0..{min(count, 999_999_999)}}}")]})
    refused({**TINY, "config": {"n_layer": count}})
    assert time.perf_counter() - begun < 1


def test_many_rules_and_names_are_refused_before_they_are_compared() -> None:
    rules = [{"match": f"*{n}*", "fields": {"std": 1}} for n in range(200)]
    assert refused({"tensors": [tensor("w.{0..99999}")], "rules": rules})[0] == "too_many_tensors"


def test_hostile_patterns_take_no_time() -> None:
    """Backtracking would take years for these."""
    names = [tensor("a" * 60 + "{0..99}", scheme="zeros")]
    rules = [{"match": "*a" * 200 + "b", "fields": {"value": 1}}, {"match": "*[!b-", "fields": {}}]
    begun = time.perf_counter()
    expanded(parse_manifest(json.dumps({"tensors": names, "rules": rules}).encode()))
    assert time.perf_counter() - begun < 5


def test_the_first_rule_that_matches_is_used() -> None:
    found = specs(
        {
            "tensors": [tensor("a.w"), tensor("b.w"), tensor("B.w")],
            "rules": [
                {"match": "a.*", "fields": {"scheme": "normal", "std": 0.5}},
                {"match": "[ab].?", "fields": {"scheme": "normal", "std": 0.25}},
            ],
        }
    )
    assert {name: spec.std for name, spec in found.items()} == {
        "a.w": 0.5,
        "b.w": 0.25,
        "B.w": None,
    }


def test_a_tensor_is_stronger_than_its_rule() -> None:
    rules = [{"match": "*", "fields": {"scheme": "normal", "std": 0.5, "dtype": "float16"}}]
    found = specs({"tensors": [tensor("a", std=2), tensor("b", scheme="zeros")], "rules": rules})
    assert (found["a"].scheme, found["a"].std, found["a"].dtype) == ("normal", 2, "float16")
    # Another scheme takes none of the rule's numbers.
    assert (found["b"].scheme, found["b"].std, found["b"].dtype) == ("zeros", None, "float16")


def test_a_rule_is_stronger_than_the_recipe() -> None:
    rules = [
        {"match": "*.c_fc.weight", "fields": {"scheme": "he_normal"}},
        {"match": "*.wte.weight", "fields": {"std": 0.1}},
    ]
    plain, changed = specs(TINY), specs({**TINY, "rules": rules})
    name = "transformer.h.0.mlp.c_fc.weight"
    assert (changed[name].scheme, changed[name].std) == ("he_normal", None)
    assert changed[name].layout == plain[name].layout == "IO"
    assert changed["transformer.wte.weight"].std == 0.1
    others = {each for each in plain if plain[each] != changed[each]}
    assert others == {f"transformer.h.{n}.mlp.c_fc.weight" for n in (0, 1)} | {
        "transformer.wte.weight"
    }


def test_fields_of_a_rule_may_stand_beside_its_pattern() -> None:
    rules = (
        [{"match": "a", "std": 0.5}],
        [{"match": "a", "fields": {"std": 0.5}}],
        [{"match": "a", "fields": None, "std": 0.5}],
    )
    texts = [
        canonical_text(
            parse_manifest(json.dumps({"tensors": [tensor("a")], "rules": each}).encode())
        )
        for each in rules
    ]
    assert len(set(texts)) == 1


def test_rules_that_match_nothing_are_told() -> None:
    manifest = {"tensors": [tensor("a", scheme="zeros")], "rules": [{"match": "A"}]}
    plan = plan_model(parse_manifest(json.dumps(manifest).encode()), max_bytes=2**44)
    assert [(each.code, each.message) for each in plan.warnings] == [
        ("rule_unused", "no name matches A")
    ]


def test_the_canonical_text_has_no_defaults_and_one_spelling() -> None:
    spellings: list[dict[str, Any]] = [
        {"seed": 5, "tensors": [{"name": "w", "shape": [4, 3], "std": 1, "scheme": "normal"}]},
        {"tensors": [{"shape": "4,3", "scheme": "normal", "std": 1.0, "name": "w"}], "seed": "5"},
        {
            "dtype": "float32",
            "names": "checkpoint",
            "rules": [],
            "metadata": {},
            "seed": 5,
            "tensors": [
                {"scheme": "normal", "name": "w", "dtype": "float32", "shape": [4, 3], "std": "1e0"}
            ],
        },
    ]
    texts = {canonical_text(parse_manifest(json.dumps(each).encode())) for each in spellings}
    assert texts == {b'{"tensors":[{"name":"w","shape":[4,3],"scheme":"normal","std":1}],"seed":5}'}


@pytest.mark.parametrize(("own", "all_of_them"), [("float32", "bfloat16"), ("bfloat16", "float32")])
def test_the_dtype_of_a_tensor_stays_beside_that_of_the_manifest(
    own: str, all_of_them: str
) -> None:
    """The token has nothing but the text, so a plan is made from the text."""
    manifest = {"seed": 1, "dtype": all_of_them, "tensors": [tensor("w", dtype=own), tensor("v")]}
    plan = plan_model(parse_manifest(json.dumps(manifest).encode()), max_bytes=2**44)
    again = plan_model(parse_manifest(plan.text), max_bytes=2**44)
    assert again.text == plan.text
    for each in (plan, again):
        dtypes = {stored.name: stored.dtype for stored in each.files[0].tensors}
        assert dtypes == {"w": own, "v": all_of_them}


def test_names_with_one_stream_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows such names: the numbers have 64 bits. So the numbers are made equal here."""
    monkeypatch.setattr(planning, "stream_of", len)
    two = {"tensors": [tensor("ab", scheme="zeros"), tensor("cd", scheme="zeros")]}
    reason, _, message = refused(two)
    assert reason == "stream_collision"
    assert message == "ab and cd have one stream of random words"


def test_a_fused_tensor_needs_one_dtype() -> None:
    manifest = {
        "architecture": "MixtralForCausalLM",
        "size": "tiny",
        "names": "module",
        "rules": [{"match": "*.experts.1.w3.weight", "fields": {"dtype": "float16"}}],
    }
    assert refused(manifest)[0] == "cannot_join"


def test_int64_is_zeros() -> None:
    assert specs({"tensors": [tensor("w", dtype="int64")]})["w"].scheme == "zeros"


def test_a_seed_above_2_53_is_a_string() -> None:
    text = canonical_text(parse_manifest(b'{"seed":"18446744073709551615"}'))
    assert text == b'{"seed":"18446744073709551615"}'


fields_of = st.fixed_dictionaries(
    {"shape": st.lists(st.integers(0, 2**40), max_size=8)},
    optional={
        "scheme": st.sampled_from(["zeros", "normal", "he_normal", "orthogonal", "auto"]),
        "std": st.floats(1e-300, 1e300),
        "parts": st.integers(1, 9) | st.lists(st.integers(1, 99), min_size=2, max_size=5),
        "stride": st.lists(st.integers(1, 5), min_size=1, max_size=3),
        "seed": st.integers(0, 2**53 - 1),
        "dtype": st.sampled_from(["float16", "float32", "int64"]),
        "slice": st.sampled_from(["0:8,:", "-1:,1:2"]),
        "fan_in": st.integers(1, 2**50) | st.floats(0.5, 1e6),
        "layout": st.sampled_from(["OI", "torch", "HWIO"]),
    },
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False)
)
json_values = st.recursive(
    scalars,
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=4), each, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="{}"), min_size=1, max_size=20
)


@given(
    st.fixed_dictionaries(
        {"tensors": st.lists(st.tuples(NAMES, fields_of), max_size=4)},
        optional={
            "rules": st.lists(st.tuples(NAMES, fields_of), max_size=3),
            "metadata": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
            "config": st.dictionaries(st.text(max_size=5), json_values, max_size=4),
            "max_shard_size": st.integers(1, 2**63 - 1) | st.sampled_from(["5GB", "100MB"]),
            "dtype": st.sampled_from(["bfloat16", "float32"]),
            "seed": st.integers(0, 2**53 - 1),
        },
    )
)
def test_the_canonical_text_is_read_as_itself(manifest: dict[str, Any]) -> None:
    manifest["tensors"] = [{"name": name, **fields} for name, fields in manifest["tensors"]]
    for rule, (match, fields) in enumerate(manifest.get("rules", [])):
        del fields["shape"]
        manifest["rules"][rule] = {"match": match, "fields": fields}
    text = canonical_text(parse_manifest(json.dumps(manifest).encode()))
    assert canonical_text(parse_manifest(text)) == text


def test_the_config_of_a_size_can_be_changed() -> None:
    model = expanded(parse_manifest(json.dumps({**TINY, "config": {"n_layer": 1}}).encode()))
    assert model.choice is not None
    assert model.choice.config == recipes()["gpt2"].sizes["tiny"] | {"n_layer": 1}


def test_a_config_of_the_hub_names_its_architecture() -> None:
    config = recipes()["gpt2"].sizes["tiny"]
    model = expanded(parse_manifest(json.dumps({"config": config}).encode()))
    assert model.choice is not None
    assert model.choice.architecture == "GPT2LMHeadModel"


def test_keys_that_the_family_does_not_have_are_listed() -> None:
    config = {"activation_function": "gelu", "new": {"a": 1}, "n_layer": 1}
    model = expanded(parse_manifest(json.dumps({**TINY, "config": config}).encode()))
    assert model.ignored == ("new",)


def test_the_schema_accepts_what_the_reader_accepts() -> None:
    validator = OAS31Validator(manifest_schema())
    good: list[dict[str, Any]] = [
        TINY,
        {"tensors": [tensor("h.{0..3}.w", scheme="he_normal", dtype="int64")]},
        {"tensors": [tensor("w")], "rules": [{"match": "*", "fields": {"std": 1}}], "seed": "7"},
        {"tensors": [tensor("w")], "rules": [{"match": "*", "std": 1}, {"match": "a"}]},
        {"config": {"a": [1]}, "max_shard_size": "5GB", "metadata": {"a": "b"}},
    ]
    for manifest in good:
        parse_manifest(json.dumps(manifest).encode())
        assert [error.message for error in validator.iter_errors(manifest)] == []
    for manifest in ({"foo": 1}, {"tensors": [{"shape": [1]}]}, {"seed": -1}, {"names": "torch"}):
        assert list(validator.iter_errors(manifest))
