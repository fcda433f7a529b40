"""Random requests of all fields: a tensor or a refusal, in bounded time and memory."""

import json
import random
from collections.abc import Callable, Iterator
from itertools import pairwise
from time import perf_counter
from urllib.parse import quote

import numpy as np
import pytest

from service.api.headers import MOST_HEADER_BYTES, tensor_headers
from service.chunks import LARGEST_CHUNK_BYTES, TensorBody
from service.dtypes import DTYPES
from service.errors import FaninError
from service.fields import parse_query
from service.initializers.activations import ACTIVATIONS
from service.initializers.layers import FRAMEWORKS, LAYERS
from service.initializers.schemes import SCHEMES
from service.plan import Plan, plan
from service.stream.draws import Orthogonal
from service.wire.formats import FORMATS
from tests.application import ask, problem, ready
from tests.server import Address

HUGE = (2**20, 10**9, 2**29, 2**57, 2**58 - 1)
EXTENTS = (0, 1, 1, 2, 3, 4, 5, 6, 8, 12)
NUMBERS = ("1", "0.5", "0.02", "2", "0", "-1", "1e-5", "1e300", "5e-324", "1.7e308", "65504")
EXAMPLES = 20_000
SECONDS = 2.0
"""For a plan, its certificate and two chunks; the slowest were of 0.5 s, most of them of 2 ms."""

DRAFTED = ("identity", "orthogonal", "torch.linear", "keras.dense")


class Requests:
    """Queries at random; most stand for a tensor, and every field is in some."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def query(self) -> str:
        """One request's query."""
        fields = self._fields()
        return "&".join(f"{field}={quote(text, safe=',:')}" for field, text in fields.items())

    def form(self) -> str:
        """A format."""
        return self._random.choice(tuple(FORMATS))

    def _maybe(self, share: float) -> bool:
        return self._random.random() < share

    def _fields(self) -> dict[str, str]:
        pick = self._random.choice
        shape = [self._extent() for _ in range(pick([0, 1, 2, 2, 2, 2, 3, 3, 4, 5, 6, 8]))]
        scheme = pick([*SCHEMES, "auto", *DRAFTED, *DRAFTED])
        fields = {"shape": ",".join(map(str, shape)) or "scalar", "scheme": scheme}
        optional: dict[str, tuple[float, Callable[[], str]]] = {
            "layout": (0.5, lambda: self._layout(len(shape))),
            "layer": (0.1, lambda: pick(list(LAYERS))),
            "parts": (0.3, lambda: self._parts(shape)),
            "groups": (0.05, lambda: pick(["1", "2", "3", str(2**57)])),
            "stride": (0.05, lambda: pick(["1", "2", "2,2", "1,1"])),
            "fan_in": (0.05, lambda: pick(["1", "13.5", "1e-60", "2e17"])),
            "fan_out": (0.05, lambda: pick(["1", "0.75", "1e-60", "2e17"])),
            "activation": (0.1, lambda: pick(list(ACTIVATIONS))),
            "negative_slope": (0.02, lambda: pick(NUMBERS)),
            "slice": (0.3 if shape else 0, lambda: self._slice(shape)),
            "seed": (0.9, lambda: pick(["0", "7", str(2**64 - 1)])),
            "name": (0.3, lambda: pick(["a", "é" * 9, "x" * 200, '"\\'])),
            "dtype": (0.5, lambda: pick(list(DTYPES))),
            "order": (0.4, lambda: pick("CF")),
            "mode": (0.03, lambda: pick(["fan_in", "fan_out", "fan_avg", "fan_geo_avg"])),
            "distribution": (0.03, lambda: pick(["normal", "uniform", "truncated_normal"])),
            "gain_rule": (0.01, lambda: pick(["exact", "backward", "pytorch"])),
            "std_kind": (0.01, lambda: pick(["corrected", "parent"])),
            "bounds": (0.01, lambda: pick(["2", "-2,1", "1,3"])),
            "gain": (0.2, lambda: pick(NUMBERS)),
        }
        optional |= {
            field: (0.8 if field in SCHEMES[scheme].fields else 0.005, lambda: pick(NUMBERS))
            for field in ("scale", "mean", "std", "low", "high", "value")
            if scheme in ("constant", "uniform", "normal")
        }
        return fields | {f: make() for f, (share, make) in optional.items() if self._maybe(share)}

    def _extent(self) -> int:
        return self._random.choice(HUGE if self._maybe(0.02) else EXTENTS)

    def _layout(self, rank: int) -> str:
        if self._maybe(0.2):
            return self._random.choice(FRAMEWORKS)
        letters = self._random.choice(["OIDHWEOI", "OIEOIHWD", "EOIDHWOI", "EIOHWDEO", "HWDEOIIE"])
        return "".join(self._random.sample(letters[:rank], rank))

    def _parts(self, shape: list[int]) -> str:
        if self._maybe(0.3):
            return self._random.choice(["1", "2", "3", "4", "256", "257", str(2**57)])
        if self._maybe(0.1):
            return ",".join([self._random.choice(["1", "2", str(2**57)])] * 256)
        total = self._random.choice([*shape, 4])
        edges = sorted(self._random.randrange(1, max(total, 2)) for _ in range(2))
        return ",".join(map(str, (b - a for a, b in pairwise([0, *edges, total]))))

    def _slice(self, shape: list[int]) -> str:
        ends = (sorted(self._random.choices([0, n, n // 2, min(n, 3)], k=2)) for n in shape)
        return ",".join(f"{start}:{stop}" for start, stop in ends)


def check(planned: Plan, form: str) -> None:
    """The canonical URL leads to itself; headers and certificate can be written, chunks be made."""
    again = plan(parse_query(planned.url.partition("?")[2].encode()), form, max_bytes=2**58)
    assert (again.url, again.tensor) == (planned.url, planned.tensor)
    json.dumps(planned.certificate(), allow_nan=False)
    headers = tensor_headers(planned, {"Content-Location": planned.url}, ranges=True)
    assert sum(len(name) + len(text) + 4 for name, text in headers) < MOST_HEADER_BYTES
    if form == "json" or planned.needs_seed:
        return
    body = TensorBody(planned)
    if body.materialised and body.chunk_bytes > LARGEST_CHUNK_BYTES:
        return
    assert body.chunk_bytes <= LARGEST_CHUNK_BYTES
    memory = np.empty(body.chunk_bytes, np.uint8)
    for index in sorted({0, body.chunk_count - 1}) if body.chunk_count else ():
        body.chunk(index, memory)


@pytest.mark.slow
@pytest.mark.ci
def test_twenty_thousand_plans() -> None:
    """The only error is a refusal. Each answer takes bounded time, compiling aside."""
    requests, planned_count = Requests(1), 0
    for number in range(EXAMPLES):
        query, form, start = requests.query(), requests.form(), perf_counter()
        try:
            planned = plan(parse_query(query.encode()), form, max_bytes=2**58)
        except FaninError:
            continue
        planned_count += 1
        check(planned, form)
        seconds = perf_counter() - start
        matrices = isinstance(planned.tensor.law.draw, Orthogonal)
        assert number < EXAMPLES / 10 or seconds < SECONDS or matrices, query
    assert planned_count > EXAMPLES / 8


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def test_requests_over_http(address: Address) -> None:
    """Each is answered with 200 and its exact length, or refused with a problem."""
    requests, statuses = Requests(2), []
    for _ in range(300):
        target = f"/v1/weights.{requests.form()}?{requests.query()}"
        head = ask(address, target, "HEAD")
        length = int(head.headers["content-length"])
        if head.status == 200 and length > 2**22:
            continue
        answer = ask(address, target)
        assert answer.status == head.status, target
        assert answer.status in (200, 400, 422), target
        statuses.append(answer.status)
        if answer.status == 200:
            assert len(answer.body) == int(answer.headers["content-length"])
        else:
            problem(answer)
    assert statuses.count(200) > 30


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("shape=0,5&scheme=identity", 200),
        ("shape=0,5&scheme=orthogonal&seed=1", 200),
        ("shape=1,1&scheme=identity&parts=1", 200),
        ("shape=1,1&scheme=orthogonal&seed=1&dtype=float8_e4m3fn", 200),
        ("shape=3,4&layout=EE&scheme=identity", 200),
        ("shape=3,4&layout=II&scheme=identity", 200),
        ("shape=3,4&layout=OO&scheme=identity", 200),
        ("shape=3,4&layout=HW&scheme=identity", 200),
        ("shape=3,4&layout=HH&scheme=identity", 400),
        ("shape=3,4&layout=EE&scheme=orthogonal&seed=1", 422),
        ("shape=3,4&layout=HW&scheme=orthogonal&seed=1", 422),
        ("shape=1000000000,1000000000&scheme=identity&slice=:1,:1", 422),
        ("shape=1000000000,100&scheme=identity&slice=:1,:1", 200),
        ("shape=8,5&scheme=glorot_normal&parts=4,4611686018427387904&seed=1", 400),
        (f"shape=8,5&scheme=glorot_normal&parts={2**58 - 1},{2**58 - 1}&seed=1", 422),
        (f"shape={2**39},5&scheme=glorot_normal&parts={2**39 - 1},1&seed=1&slice=-2:,:", 200),
    ],
)
def test_edges(address: Address, query: str, status: int) -> None:
    """Empty, tiny, huge and strange ones."""
    answer = ask(address, f"/v1/weights.raw?{query}")
    assert answer.status == status, answer.body
    if status == 200:
        url = answer.headers.get("content-location", f"/v1/weights.raw?{query}")
        assert ask(address, url).body == answer.body
        assert ask(address, url.replace(".raw", ".json")).status == 200
