"""Range and conditional requests that other projects test their servers with, and our answers.

The lists are those of nginx (`range`, `range_if_range`, `slice`, `not_modified` and
`proxy_cache_range` of nginx-tests), of Ceph's S3 gateway (`ranged_*`, `ifmatch`, `ifnonematch`,
`ifmodifiedsince` and `ifunmodifiedsince` of s3-tests), and the partial content of
http-tests/cache-tests. Each case is written anew, with our tensors and our limits. Where RFC 9110
leaves a choice and ours is another one, a comment says so.

`check` sends a case to any address: that of a server, or that of a proxy before servers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from service.api.ranges import MOST_PARTS, MOST_RANGES
from tests.application import Answer, ask, problem
from tests.ranges.tensors import parts_of, remembered
from tests.server import Address

SMALL = "/v1/weights.npy?shape=50,30&scheme=he_normal&seed=7&name=w"
LARGE = "/v1/weights.raw?shape=2048,1024&scheme=he_normal&seed=7&name=w"
EMPTY = "/v1/weights.raw?shape=0,3&scheme=zeros"
DRAWN = "/v1/weights.npy?shape=50,30&scheme=he_normal&name=w"
"""A seed is drawn for it, so two answers are two tensors."""

ABSENT = "/v1/weights.txt?shape=50,30"
REFUSED = "/v1/weights.npy?shape=fifty"

L = 128 + 50 * 30 * 4
"""The bytes of SMALL."""

MIB = 2**20
LARGE_BYTES = 8 * MIB

Places = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A request and its answer.

    In `fields`, the head of the request, `{tag}` stands for the current entity tag, and `{bare}`
    for the tag without its quotes. `parts` are the places of the bytes in a 206 answer: that of the
    first byte, and the one after the last.
    """

    fields: Mapping[str, str]
    status: int
    parts: Places = ()
    target: str = SMALL
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class Case:
    """Requests that are sent one after another, from one of the lists."""

    origin: str
    name: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return f"{self.origin}: {self.name}"


def part(value: str, *parts: tuple[int, int], target: str = SMALL, **fields: str) -> Step:
    """A request for ranges that gets them."""
    return Step(_head(fields | {"Range": value}), 206, parts, target)


def whole(target: str = SMALL, **fields: str) -> Step:
    """A request that gets everything."""
    return Step(_head(fields), 200, target=target)


def refused(value: str, target: str = SMALL, **fields: str) -> Step:
    """A request for ranges that is answered with 416."""
    return Step(_head(fields | {"Range": value}), 416, target=target)


def told(status: int, target: str = SMALL, method: str = "GET", **fields: str) -> Step:
    """A request with another answer."""
    return Step(_head(fields), status, target=target, method=method)


def _head(fields: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in fields.items()}


SEPARATE = ",".join(f"{place}-{place}" for place in range(0, 2 * MOST_PARTS, 2))
"""As many separate ranges of one byte as an answer may have parts."""

PARTS = tuple((place, place + 1) for place in range(0, 2 * MOST_PARTS, 2))
LATER = "Fri, 25 Feb 2174 09:42:23 GMT"
EARLIER = "Sat, 29 Oct 1994 19:43:31 GMT"


def _of(origin: str, cases: Mapping[str, Step | tuple[Step, ...]]) -> tuple[Case, ...]:
    return tuple(
        Case(origin, name, (steps,) if isinstance(steps, Step) else steps)
        for name, steps in cases.items()
    )


NGINX_RANGE = _of(
    "nginx range",
    {
        "the first bytes": part("bytes=0-8", (0, 9)),
        "the last bytes": part("bytes=-10", (L - 10, L)),
        "from a place to the end": part(f"bytes={L - 10}-", (L - 10, L)),
        "an end past the last byte": part(f"bytes={L - 10}-{L + 990}", (L - 10, L)),
        "everything, with an end past the last byte": part("bytes=0-100000", (0, L)),
        # nginx sends parts that touch separately. RFC 9110, 15.3.7.2, lets a server join them.
        "several": part("bytes=0-9, -10, 10-19", (0, 20), (L - 10, L)),
        "several, one of which has no bytes": part(
            "bytes=0-9, -10, 100000-, 10-19", (0, 20), (L - 10, L)
        ),
        "in the order of the request": part("bytes=-10,20-29,0-9", (L - 10, L), (20, 30), (0, 10)),
        "a start past the last byte": refused(f"bytes={L}-"),
        "a word for a start": refused("bytes=alpha"),
        "a word for an end": refused("bytes=10-alpha"),
        "no hyphen": refused("bytes=10"),
        "no comma": refused("bytes=10-11 12-"),
        # nginx answers 200, because the ranges are longer than the file. Joined they are not.
        "the whole and its first byte": part("bytes=0-100000, 0-0", (0, L)),
        "as many parts as there may be": part(f"bytes={SEPARATE}", *PARTS),
        "as many parts, and a range without bytes": part(f"bytes={SEPARATE},{L}-", *PARTS),
        "one part too many": refused(f"bytes={SEPARATE},-1"),
        "one range too many": refused("bytes=" + ",".join(["0-0"] * (MOST_RANGES + 1))),
        "no ranges of a drawn seed": told(200, DRAWN, Range="bytes=0-9"),
    },
)

NGINX_IF_RANGE = _of(
    "nginx range_if_range",
    {
        "no tag at all": whole(Range="bytes=0-9", If_Range="wrong"),
        "another tag": whole(Range="bytes=0-9", If_Range='"wrong"'),
        "the tag": part("bytes=0-9", (0, 10), If_Range="{tag}"),
        "the tag, weak": whole(Range="bytes=0-9", If_Range="W/{tag}"),
        "the tag without quotes": whole(Range="bytes=0-9", If_Range="{bare}"),
        "a date": whole(Range="bytes=0-9", If_Range="Mon, 28 Sep 1970 06:00:00 GMT"),
        "a date to come": whole(Range="bytes=0-9", If_Range=LATER),
        "the tag, without a range": whole(If_Range="{tag}"),
        "another tag, and no byte in the range": whole(Range=f"bytes={L}-", If_Range='"wrong"'),
        "the tag, and no byte in the range": refused(f"bytes={L}-", If_Range="{tag}"),
    },
)

NGINX_SLICE = _of(
    "nginx slice",
    {
        "nothing there": told(404, ABSENT, Range="bytes=0-1023"),
        "no range": whole(),
        "slice after slice": tuple(
            part(f"bytes={place}-{place + 1023}", (place, min(place + 1024, L)))
            for place in range(0, L, 1024)
        ),
        "the slice after the last": refused("bytes=6144-7167"),
        "one byte again, then its neighbours": (
            part("bytes=0-0", (0, 1)),
            part("bytes=0-0", (0, 1)),
            part("bytes=1-1", (1, 2)),
            part("bytes=2-2", (2, 3)),
        ),
        "a later slice first": (part("bytes=2048-2048", (2048, 2049)), part("bytes=0-0", (0, 1))),
        "across two slices": part("bytes=1023-1024", (1023, 1025)),
        "across slices of a mebibyte": part(
            f"bytes={MIB - 1}-{2 * MIB}", (MIB - 1, 2 * MIB + 1), target=LARGE
        ),
        "from the middle of a slice to the end": part("bytes=1500-", (1500, L)),
        "neighbours are one range": part("bytes=3-3,4-4", (3, 5)),
        "the last bytes": part("bytes=-3000", (L - 3000, L)),
        "If-None-Match": told(304, If_None_Match="{tag}"),
        "If-None-Match with no tag": whole(If_None_Match="bad"),
        "If-Match": whole(If_Match="{tag}"),
        "If-Match with no tag": told(412, If_Match="bad"),
        "If-Range of a first slice": part("bytes=3-4", (3, 5), If_Range="{tag}"),
        "If-Range with no tag": whole(Range="bytes=3-4", If_Range="bad"),
        "If-Range of a later slice, twice": (
            part("bytes=2050-2051", (2050, 2052), If_Range="{tag}"),
            part("bytes=2050-2051", (2050, 2052), If_Range="{tag}"),
            part("bytes=1026-1027", (1026, 1028)),
        ),
    },
)

NGINX_NOT_MODIFIED = _of(
    "nginx not_modified",
    {
        # A tensor has no Last-Modified, so dates are ignored (RFC 9110, 13.1.3 and 13.1.4).
        "If-Modified-Since to come": whole(If_Modified_Since=LATER),
        "If-Modified-Since of 2038": whole(If_Modified_Since="Tue, 19 Jan 2038 03:14:07 GMT"),
        "If-None-Match": told(304, If_None_Match="{tag}"),
        "If-None-Match, another tag": whole(If_None_Match='"foo"'),
        "If-None-Match, a list": told(304, If_None_Match='"foo", "bar", {tag} , "baz"'),
        "If-None-Match, empty members": told(304, If_None_Match=', "foo",, {tag}'),
        "If-None-Match, any": told(304, If_None_Match="*"),
        "If-None-Match, weak": told(304, If_None_Match="W/{tag}"),
        "If-None-Match, a list of HEAD": told(
            304, method="HEAD", If_None_Match='"foo", W/"bar", {tag}'
        ),
        "If-Match": whole(If_Match="{tag}"),
        "If-Match, another tag": told(412, If_Match='"foo"'),
        "If-Match, a list": whole(If_Match='"foo", "bar", \t{tag} , "baz"'),
        "If-Match, any": whole(If_Match="*"),
        "If-Match, weak": told(412, If_Match="W/{tag}"),
        "If-Match of HEAD": told(412, method="HEAD", If_Match='"foo"'),
        "If-Match, where there is nothing": told(404, ABSENT, If_Match='"foo"'),
        "If-Match, where the request is refused": told(400, REFUSED, If_Match='"foo"'),
        "If-Match before If-None-Match": told(412, If_Match='"foo"', If_None_Match="{tag}"),
        "If-None-Match before the date": whole(If_None_Match='"foo"', If_Modified_Since=LATER),
    },
)

NGINX_CACHE_RANGE = _of(
    "nginx proxy_cache_range",
    {
        "a range first": part("bytes=4-", (4, L)),
        "several ranges first": part("bytes=0-2,4-", (0, 3), (4, L)),
        "a range, and again": (part("bytes=4-", (4, L)), part("bytes=4-", (4, L))),
        "the whole, then several ranges": (whole(), part("bytes=0-2,4-", (0, 3), (4, L))),
        "the beginning of a long one": part("bytes=0-19", (0, 20), target=LARGE),
    },
)

CEPH = _of(
    "s3-tests",
    {
        "a range": part("bytes=4-7", (4, 8)),
        "a large range": part(f"bytes={3 * MIB}-{5 * MIB}", (3 * MIB, 5 * MIB + 1), target=LARGE),
        "without the leading bytes": part("bytes=4-", (4, L)),
        "the trailing bytes": part("bytes=-7", (L - 7, L)),
        "more trailing bytes than there are": part("bytes=-100000", (0, L)),
        "no trailing bytes": refused("bytes=-0"),
        "a range past the end": refused("bytes=7000-7010"),
        "a range of nothing": refused("bytes=40-50", EMPTY),
        "the trailing bytes of nothing": told(200, EMPTY, Range="bytes=-7"),
        "ifmatch good": whole(If_Match="{tag}"),
        "ifmatch failed": told(412, If_Match='"ABCORZ"'),
        "ifnonematch good": told(304, If_None_Match="{tag}"),
        "ifnonematch failed": whole(If_None_Match="ABCORZ"),
        "ifmodifiedsince good": whole(If_Modified_Since=EARLIER),
        # S3 knows when an object was stored, and answers these two with 304 and 412.
        "ifmodifiedsince failed": whole(If_Modified_Since=LATER),
        "ifunmodifiedsince good": whole(If_Unmodified_Since=EARLIER),
        "ifunmodifiedsince failed": whole(If_Unmodified_Since=LATER),
        "ifmatch good with a range": part("bytes=4-7", (4, 8), If_Match="{tag}"),
        "ifmatch failed with a range": told(412, Range="bytes=4-7", If_Match='"ABCORZ"'),
        "ifnonematch good with a range": told(304, Range="bytes=4-7", If_None_Match="{tag}"),
        "ifnonematch failed with a range": part("bytes=4-7", (4, 8), If_None_Match='"ABCORZ"'),
        "the head of a range": told(200, method="HEAD", Range="bytes=4-7"),
    },
)

CACHES = _of(
    "cache-tests partial",
    {
        "the same suffix twice": (part("bytes=-5", (L - 5, L)), part("bytes=-5", (L - 5, L))),
        "the whole, then its beginning": (whole(), part("bytes=0-1", (0, 2))),
        "the whole, then all but its beginning": (whole(), part("bytes=1-", (1, L))),
        "the whole, then its last byte": (whole(), part("bytes=-1", (L - 1, L))),
        "a suffix, then a range in it": (
            part("bytes=-5", (L - 5, L)),
            part(f"bytes={L - 4}-{L - 2}", (L - 4, L - 1)),
        ),
        "a suffix, then its end": (
            part("bytes=-5", (L - 5, L)),
            part(f"bytes={L - 3}-", (L - 3, L)),
        ),
        "a suffix, then its last byte": (
            part("bytes=-5", (L - 5, L)),
            part("bytes=-1", (L - 1, L)),
        ),
        "the beginning, then the rest": (
            part("bytes=0-4", (0, 5)),
            part("bytes=5-", (5, L), If_Range="{tag}"),
        ),
        "the beginning, then the whole": (part("bytes=0-4", (0, 5)), whole()),
    },
)

CASES = (
    *NGINX_RANGE,
    *NGINX_IF_RANGE,
    *NGINX_SLICE,
    *NGINX_NOT_MODIFIED,
    *NGINX_CACHE_RANGE,
    *CEPH,
    *CACHES,
)
"""All cases."""


def check(case: Case, address: Address) -> list[Answer]:
    """Send the requests of a case to this address, and compare each answer with what it must be.

    The bytes must be those that the library computes. Returns the answers, one for each step.
    Raises AssertionError.
    """
    answers = list[Answer]()
    for step in case.steps:
        head = ask(address, step.target, "HEAD")
        tag = head.headers.get("etag", "")
        fields = {
            name: value.replace("{tag}", tag).replace("{bare}", tag.strip('"'))
            for name, value in step.fields.items()
        }
        answer = ask(address, step.target, step.method, fields)
        assert answer.status == step.status, (step, answer)
        _CHECKS[step.status](step, answer)
        if step.status in (200, 206, 304) and step.target != DRAWN:
            _check_caching(answer, head)
        answers.append(answer)
    return answers


def _check_caching(answer: Answer, head: Answer) -> None:
    """What a cache needs to keep the answer is that of a 200 (RFC 9110, 15.3.7 and 15.4.5)."""
    assert re.fullmatch('"[!-~]+"', head.headers["etag"])
    for name in ("etag", "cache-control", "content-location", "vary"):
        assert answer.headers.get(name) == head.headers.get(name), name


def _check_whole(step: Step, answer: Answer) -> None:
    assert "content-range" not in answer.headers
    if step.target == DRAWN:
        assert answer.headers["accept-ranges"] == "none"
        assert len(answer.body) == L
        return
    expected = remembered(step.target)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == str(len(expected))
    assert answer.body == (b"" if step.method == "HEAD" else expected)


def _check_parts(step: Step, answer: Answer) -> None:
    expected = remembered(step.target)
    parts = [(each.start, each.stop, each.length, each.content) for each in parts_of(answer)]
    assert parts == [
        (start, stop, len(expected), expected[start:stop]) for start, stop in step.parts
    ]


def _check_unchanged(_: Step, answer: Answer) -> None:
    assert answer.body == b""
    assert "content-range" not in answer.headers


def _check_unsatisfiable(step: Step, answer: Answer) -> None:
    length = len(remembered(step.target))
    assert answer.headers["content-range"] == f"bytes */{length}"
    assert problem(answer)["reason"] == "range_not_satisfiable"


def _check_problem(step: Step, answer: Answer) -> None:
    assert "content-range" not in answer.headers
    if step.method == "HEAD":
        assert answer.body == b""
    else:
        problem(answer)


_CHECKS = {
    200: _check_whole,
    206: _check_parts,
    304: _check_unchanged,
    400: _check_problem,
    404: _check_problem,
    412: _check_problem,
    416: _check_unsatisfiable,
}
