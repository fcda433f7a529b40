"""No request holds the event loop for long, however hostile it is.

The server runs in a thread of this process. The CPU time of that thread is measured, so that work
in other threads and other programs do not count. A request is compared with a plain POST of 64 KiB
that is answered, so a slower machine changes both.
"""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from statistics import median

import pytest

from service import listings
from service.wire.json_text import json_bytes
from tests.application import ask, ready
from tests.server import Address

MOST_TIMES = 3
"""A request may take so many times the CPU of a plain one of 64 KiB, which takes about 2 ms.

The hostile ones took 0.2 to 1.4 times as much. Before they had bounds, they took 3 to 25 times.
"""

REPEATS = 9
"""The median of so many counts."""

BYTES = 65_000
PLAIN = b'{"shape":[3],"seed":2,"scheme":"normal","std":1}'


def filled(start: bytes, item: bytes, end: bytes) -> bytes:
    """`start`, `item` as often as fits into 65,000 bytes, and `end`."""
    times = (BYTES - len(start) - len(end)) // len(item)
    return start + item * times + end


BODIES = {
    "ones": filled(b'{"shape":[', b"1,", b"1]}"),
    "nulls": filled(b'{"shape":[', b"null,", b"1]}"),
    "infinities": filled(b'{"shape":[', b"Infinity,", b"1]}"),
    "parts": filled(b'{"shape":[3],"parts":[', b"1,", b"1]}"),
    "strings": filled(b'{"shape":[3],"parts":[', b'"",', b"1]}"),
    "kernel": filled(b'{"shape":[3],"kernel":[', b"1e5,", b"1]}"),
    "fields": PLAIN[:-1] + b"".join(b',"a%d":1' % number for number in range(6000)) + b"}",
    "equal fields": filled(PLAIN[:-1], b',"std":1', b"}"),
    "fields of 40 letters": PLAIN[:-1] + b"".join(b',"%040d":1' % n for n in range(120)) + b"}",
    "surrogates": filled(PLAIN[:-1], b',"\\ud800":1', b"}"),
    "brackets": b"[" * BYTES,
    "braces": filled(b"", b'{"a":', b""),
    "pairs of brackets": filled(b'{"shape":[', b"[],", b"1]}"),
    "closing brackets": b"]" * BYTES,
    "objects": filled(b'{"shape":[3],"std":[', b'{"a":1},', b"1]}"),
    "quotes": b'"' * BYTES,
    "escaped quotes": filled(b'"', b'\\"', b""),
    "open strings": filled(b"", b'"a', b""),
    "escapes": filled(b'{"shape":[3],"name":"', b"\\u0041", b'"}'),
    "digits": filled(b'{"shape":[', b"1", b"]}"),
    "a list as text": filled(b'{"shape":"[', b"1,", b'1]"}'),
    "a slice": filled(b'{"shape":[3],"slice":"', b":,", b':"}'),
    "bounds of other frameworks": (
        b'{"shape":[3],"scheme":"truncated_normal"'
        + b"".join(b',"%s":1' % name for name in (b"a", b"lo", b"lower", b"min", b"minval"))
        + b"".join(b',"%s":1' % (b"x" * 39 + b"%d" % n) for n in range(100))
        + b"}"
    ),
}

CALIBRATE = {
    "escapes of a URL": filled(
        b'{"measured_variance":1,"weights_url":"/v1/weights.npy?', b"%41", b'"}'
    ),
    "items of a URL": filled(
        b'{"measured_variance":1,"weights_url":"/v1/weights.npy?', b"a=1&", b'"}'
    ),
    "a URL of URLs": filled(b'{"measured_variance":1,"weights_url":"', b"http://a/", b'"}'),
}

HEIGHTS = ",".join(map(str, range(1, 65)))
BLOCKS = f"layout=OI&shape={sum(range(1, 65))},64&parts={HEIGHTS}&seed=1"
WORDS = (
    *("layer", "activation", "scheme", "mode", "distribution", "gain_rule", "std_kind", "dtype"),
    *("order", "inner", "variant", "normalise", "channels", "window", "scaling", "normalization"),
    *("input_activation", "residual", "position", "role"),
)
LONG_FIELD = "shapefaninfanoutactivationlayerlayout"

TARGETS = {
    "one letter": "/schemes?q=e",
    "fifty words": "/schemes?q=" + "+".join("etaoinshrdlucmfwypvb"),
    "no scheme": "/schemes?q=xylophone",
    "a whole listing": "/schemes",
    "a scheme with its schema": "/schemes/he_normal",
    "an unknown scheme": "/schemes/he_norml",
    "a long unknown scheme": "/schemes/" + "he_norma" * 1000,
    "an unknown reason": "/problems/" + "too_larg" * 100,
    "the document": "/openapi.json",
    "the page": "/docs/plain",
    "no path": "/v1/weightss.npy",
    "a long path": "/" + "ab" * 4000,
    "an escaped path": "/schemes/" + "%41" * 2600,
    "unknown fields": "/v1/weights.npy?" + "&".join(f"shap{n}=1" for n in range(128)),
    "long unknown fields": "/recommend?" + "&".join(f"{LONG_FIELD}{n}=1" for n in range(128)),
    "too many fields": "/v1/weights.npy?" + "&".join(["a=1"] * 1900),
    "bad words": "/recommend?shape=3&" + "&".join(f"{f}={'he_norma' * 5}" for f in WORDS),
    "bad words of a tensor": "/v1/weights.json?shape=3&"
    + "&".join(f"{f}={'zyxw' * 9}" for f in WORDS[:15]),
    "an unknown module": "/v1/weights.npy?shape=3&scheme=torch.lstmmmm_kernel",
    "escapes": "/v1/weights.npy?shape=3&name=" + "%41" * 2600,
    "bad escapes": "/v1/weights.npy?" + "&".join(["a=%zz"] * 128),
    "blocks": f"/v1/weights.json?scheme=orthogonal&name=@&{BLOCKS}",
    "blocks of a law": f"/v1/weights.json?scheme=glorot_normal&dtype=float16&name=@&{BLOCKS}",
    "bytes of blocks": f"/v1/weights.raw?scheme=he_normal&slice=0:1,:&name=@&{BLOCKS}",
    "shapes of matrices": "/v1/weights.json?scheme=orthogonal&seed=1&shape=@,64",
    "shapes of kernels": "/v1/weights.json?scheme=delta_orthogonal&seed=1&shape=@,64,3,3",
    "shapes": "/v1/weights.npy?scheme=he_normal&dtype=float16&seed=1&shape=@,2",
    "names": "/recommend?shape=64,3,7,7&layer=conv2d&activation=relu&name=@",
    "slopes": "/recommend?shape=64,64&activation=prelu&residual=norm_free&depth=9"
    "&negative_slope=0.1@",
    "a filter": "/v1/weights.json?shape=1,1,16,16&scheme=literal&name=@&kernel="
    + ",".join(["1e5"] * 256),
}
"""`@` is another number in each request."""

_numbers = count(1000)


@dataclass(frozen=True, slots=True)
class Loop:
    """The server, and the clock of the thread that has its event loop."""

    address: Address
    clock: int

    def spent(self, method: str, target: str, body: bytes | None = None) -> float:
        """The median of the CPU time of the event loop in a request, in seconds."""
        return median(self._once(method, target, body) for _ in range(REPEATS))

    def _once(self, method: str, target: str, body: bytes | None) -> float:
        path = target.replace("@", str(next(_numbers)))
        headers = {} if body is None else {"Content-Type": "application/json"}
        with closing(http.client.HTTPConnection(self.address.host, self.address.port)) as client:
            client.connect()
            client.request("GET", "/livez")
            client.getresponse().read()
            began = time.clock_gettime(self.clock)
            client.request(method, path, body=body, headers=headers)
            client.getresponse().read()
            # An answer that the client has read may leave the server something to finish.
            client.request("GET", "/livez")
            client.getresponse().read()
            return time.clock_gettime(self.clock) - began


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with ready() as address:
        [thread] = [each for each in threading.enumerate() if each.name == "uvicorn"]
        assert thread.ident is not None
        ask(address, "/openapi.json")
        yield Loop(address, time.pthread_getcpuclockid(thread.ident))


@pytest.fixture(scope="module")
def most(loop: Loop) -> float:
    """The most seconds that a request may take: blanks after a plain body are the comparison."""
    return MOST_TIMES * loop.spent("POST", "/v1/weights", PLAIN.ljust(BYTES))


@pytest.mark.parametrize("path", ["/v1/weights", "/recommend", "/calibrate"])
@pytest.mark.parametrize("name", BODIES)
def test_no_body_holds_the_loop(loop: Loop, most: float, path: str, name: str) -> None:
    """Lists, members, brackets, quotes and texts of 64 KiB, on each path that reads on the loop."""
    assert loop.spent("POST", path, BODIES[name]) < most


@pytest.mark.parametrize("name", CALIBRATE)
def test_no_url_in_a_body_holds_the_loop(loop: Loop, most: float, name: str) -> None:
    """A weights_url is refused by its length before it is decoded."""
    assert loop.spent("POST", "/calibrate", CALIBRATE[name]) < most


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", TARGETS)
def test_no_target_holds_the_loop(loop: Loop, most: float, method: str, name: str) -> None:
    """Searches, documents, unknown words and fields, and plans of many blocks."""
    assert loop.spent(method, TARGETS[name]) < most


def test_work_that_was_on_the_loop_is_too_long(most: float) -> None:
    """Negative control: writing the listing of the schemes anew takes longer than allowed."""
    began = time.thread_time()
    json_bytes(listings.schemes())
    assert time.thread_time() - began > most
