"""Query strings: how they are taken apart, and that writing them is the inverse."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fields import FIELDS, Spec, parse_query, write_query
from service.fields.text import MOST_NAME_BYTES

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60).filter(
    lambda name: len(name.encode()) <= MOST_NAME_BYTES
)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (b"name=a+b", "a b"),
        (b"name=a%20b", "a b"),
        (b"name=a%2Bb", "a+b"),
        (b"name=a%26b%3dc", "a&b=c"),
        (b"name=a=b", "a=b"),
        (b"name=%C3%A9", "é"),
        (b"name=%c3%a9", "é"),
        (b"name=\xc3\xa9", "é"),
        (b"name=%2525", "%25"),
        (b"n%61me=x", "x"),
        (b"name=;", ";"),
    ],
)
def test_a_query_is_decoded_once_and_exactly(query: bytes, name: str) -> None:
    """Escapes of any case are bytes, plus is a space, the first = parts field and text."""
    assert parse_query(b"shape=1&" + query).name == name


def test_an_escaped_comma_is_a_comma() -> None:
    """Clients that escape more than they need ask for the same spec."""
    assert parse_query(b"shape=2%2C3&slice=%3A%2C0%3A1") == parse_query(b"shape=2,3&slice=:,0:1")


@given(NAMES)
def test_a_name_is_exact_for_any_unicode(name: str) -> None:
    """Percent-encoded or written by us, every name comes back character for character."""
    assert parse_query(f"shape=1&name={quote(name, safe='')}".encode()).name == name
    written = write_query(Spec(shape=(1,), name=name))
    assert parse_query(written.encode()).name == name


WRITTEN = [
    (Spec(shape=(64, 3, 7, 7)), "shape=64,3,7,7"),
    (Spec(shape=()), "shape=scalar"),
    (Spec(shape=(0,), dtype="bfloat16", order="F"), "shape=0&dtype=bfloat16&order=F"),
    (Spec(shape=(1,), seed=2**64 - 1), "shape=1&seed=18446744073709551615"),
    (Spec(shape=(1,), seed=0, groups=1), "shape=1&groups=1&seed=0"),
    (Spec(shape=(1,), name="a b,c:d@e/é~"), "shape=1&name=a%20b,c:d@e%2F%C3%A9~"),
    (Spec(shape=(1,), std=1e-5, mean=0.0), "shape=1&mean=0&std=1e-5"),
    (Spec(shape=(1,), low=-1e16, high=1e15), "shape=1&low=-1e16&high=1000000000000000"),
    (Spec(shape=(1,), value=0.1), "shape=1&value=0.1"),
    (Spec(shape=(1,), value=1.5e-7), "shape=1&value=1.5e-7"),
    (Spec(shape=(1,), value=2.5e300), "shape=1&value=2.5e300"),
    (Spec(shape=(1,), value=1e22), "shape=1&value=1e22"),
    (Spec(shape=(1,), bounds=(-1.0, 2.5)), "shape=1&bounds=-1,2.5"),
    (Spec(shape=(1,), stride=(2, 2)), "shape=1&stride=2,2"),
    (Spec(shape=(1, 1), slice="0:1,:"), "shape=1,1&slice=0:1,:"),
]


@pytest.mark.parametrize(("spec", "query"), WRITTEN)
def test_a_spec_is_written_in_one_way(spec: Spec, query: str) -> None:
    """Fields in the table's order, defaults left out, the shortest digits."""
    assert write_query(spec) == query
    assert parse_query(query.encode()) == spec


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_with_all_its_digits(value: float) -> None:
    """Every finite float64 is read back as itself from at most 24 characters."""
    written = write_query(Spec(shape=(1,), value=value)).partition("value=")[2]
    assert len(written) <= 24
    assert parse_query(f"shape=1&value={written}".encode()).value == value


def test_fields_are_written_in_the_documented_order() -> None:
    """The order is part of the interface: it decides which URL is the canonical one."""
    assert ",".join(FIELDS) == (
        "shape,layer,layout,groups,parts,stride,fan_in,fan_out,activation,negative_slope,scheme,"
        "mode,distribution,gain,gain_rule,scale,mean,std,std_kind,low,high,bounds,value,seed,name,"
        "dtype,order,slice,depth,decoder_depth,layer_index,branches,branch_layers,base_fan_in,"
        "inner,factor,sparsity,omega,base,period,gates,dt_min,dt_max,dt_floor,r_min,r_max,"
        "max_phase,prior,classes,variant,kernel,normalise,channels,sigma,wavelength,aspect,phase,"
        "window,periodic,scaling,sample_rate,low_frequency,high_frequency"
    )
