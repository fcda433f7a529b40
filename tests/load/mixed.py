"""Clients that do what clients do, all at once, and check every byte.

    python -m tests.load.mixed PORT SECONDS CLIENTS

The tensors are computed in this process first, without HTTP, and the answers have to have the same
SHA-256. Prints a line of JSON when it is ready, begins when it gets a line, and prints what it saw.
"""

import json
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import sha256
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import parse_qsl

from service.chunks import TensorBody
from service.errors import FaninError
from service.fields import parse_query
from service.plan import plan
from tests.filling import distinct, smallest

TENSORS = 160
"""How many different large tensors are asked for."""

SEED = 12

SCHEMES = (
    "he_normal",
    "glorot_uniform",
    "truncated_normal&std=0.02",
    "uniform&low=-1&high=2",
    "orthogonal",
    "identity",
    "sparse&sparsity=0.5",
    "torch.linear",
    "zeros",
)
SHAPES = (
    ("8,8", ("", "&layout=IO", "&slice=1:7,2:5", "&order=F")),
    ("256,384", ("", "&layout=IO", "&slice=:,7:300", "&order=F")),
    ("1024,1000", ("", "&layout=IO", "&slice=10:900,:", "&order=F")),
    ("3,3,128,160", ("&layout=HWIO", "&layout=HWIO&slice=:,1:2,:,:")),
    ("256,128,3,3", ("", "&slice=3:200,:,:,:", "&order=F")),
    ("4096,4096", ("", "&layout=IO", "&slice=1:4000,:")),
)
DTYPES = ("float32", "float16", "bfloat16", "float64", "float8_e4m3fn", "float8_e5m2")
FORMATS = ("npy", "safetensors", "raw")

TEXTS = (
    "/schemes",
    "/schemes/he_normal",
    "/dtypes",
    "/layers",
    "/activations",
    "/livez",
    "/openapi.json",
    "/recommend?shape=512,256&activation=relu",
    "/v1/weights.json?shape=64,3,7,7&scheme=he_normal&seed=1&name=conv1.weight",
)

LEAVE_BYTES = 100_000
SLOW_PAUSES = 30
PATIENCE = 60.0


@dataclass(frozen=True)
class Expected:
    """A tensor to ask for, and what has to come: the length and the SHA-256."""

    target: str
    query: str
    form: str
    length: int
    digest: str


def expected(query: str, form: str) -> Expected | None:
    """What a request has to be answered with; None if it is refused."""
    try:
        planned = plan(parse_query(query.encode()), form, max_bytes=2**30)
    except FaninError:
        return None
    if planned.needs_seed:
        return None
    digest = sha256()
    body = TensorBody(planned)
    for chunk in body.chunks():
        digest.update(chunk)
    target = f"/v1/weights.{form}?{query}"
    return Expected(target, query, form, body.length, digest.hexdigest())


def small_tensors() -> Iterator[Expected]:
    """One of each distinct scheme, by its example."""
    for name in distinct():
        found = expected(smallest(name), "raw")
        if found is not None and found.length < 1 << 20:
            yield found


def large_tensors(pick: random.Random) -> Iterator[Expected]:
    """Tensors of all shapes, layouts, dtypes and formats, at random."""
    count = 0
    while count < TENSORS:
        shape, layouts = pick.choice(SHAPES)
        scheme = pick.choice(SCHEMES)
        if scheme == "orthogonal" and shape == "4096,4096":
            # 2.4 s of one core for each.
            continue
        query = f"shape={shape}&scheme={scheme}{pick.choice(layouts)}&seed={count}&name=t{count}"
        found = expected(f"{query}&dtype={pick.choice(DTYPES)}", pick.choice(FORMATS))
        if found is not None:
            count += 1
            yield found


class Wrong(Exception):
    """An answer that is not the one expected."""


class Client:
    """One client. It does one thing after the other until the end."""

    def __init__(
        self, port: int, number: int, small: list[Expected], large: list[Expected]
    ) -> None:
        self._port = port
        self._pick = random.Random(f"{SEED} {number}")
        self._small, self._large = small, large
        self._texts: dict[str, str] = {}
        self._kept = self._new()
        self.told = Counter[str]()
        self.wrong: list[str] = []
        self._actions: dict[str, tuple[int, Callable[[], None]]] = {
            "GET": (40, self._get),
            "GET on a new connection": (10, self._get_new),
            "small": (20, self._get_small),
            "HEAD": (8, self._head),
            "conditional": (8, self._conditional),
            "POST": (8, self._post),
            "text": (8, self._text),
            "leave": (6, self._leave),
            "slow": (2, self._slow),
            "pipelined": (4, self._pipelined),
        }

    def run(self, until: float) -> None:
        """Act until this time of the monotonic clock."""
        names = list(self._actions)
        weights = [weight for weight, _ in self._actions.values()]
        while time.monotonic() < until:
            (name,) = self._pick.choices(names, weights)
            try:
                self._actions[name][1]()
            except (Wrong, OSError, ValueError) as error:
                self.told["wrong"] += 1
                self.wrong.append(f"{name}: {error!r}"[:300])
                self._kept.close()
                self._kept = self._new()
            self.told[name] += 1

    def _new(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)

    def _either(self) -> Expected:
        return self._pick.choice(self._pick.choice((self._small, self._large)))

    def _get(self) -> None:
        wanted = self._either()
        self._check(wanted, self._asked(self._kept, "GET", wanted.target))

    def _get_new(self) -> None:
        wanted = self._either()
        with closing(self._new()) as client:
            self._check(wanted, self._asked(client, "GET", wanted.target))

    def _get_small(self) -> None:
        wanted = self._pick.choice(self._small)
        self._check(wanted, self._asked(self._kept, "GET", wanted.target))

    def _post(self) -> None:
        wanted = self._either()
        body = json.dumps({**dict(parse_qsl(wanted.query)), "format": wanted.form}).encode()
        self._check(wanted, self._asked(self._kept, "POST", "/v1/weights", body))

    def _head(self) -> None:
        wanted = self._either()
        answer = self._asked(self._kept, "HEAD", wanted.target)
        if answer.status != 200 or answer.getheader("Content-Length") != str(wanted.length):
            raise Wrong(f"HEAD {wanted.target}: {answer.status} {answer.getheaders()}")
        if answer.read():
            raise Wrong("a body after HEAD")

    def _conditional(self) -> None:
        wanted = self._either()
        answer = self._asked(self._kept, "HEAD", wanted.target)
        answer.read()
        tag = answer.getheader("ETag") or ""
        self._kept.request("GET", wanted.target, headers={"If-None-Match": tag})
        answer = self._kept.getresponse()
        if answer.status != 304 or answer.read():
            raise Wrong(f"If-None-Match {wanted.target}: {answer.status}")

    def _text(self) -> None:
        target = self._pick.choice(TEXTS)
        answer = self._asked(self._kept, "GET", target)
        body = answer.read()
        if answer.status != 200:
            raise Wrong(f"{target}: {answer.status}")
        json.loads(body)
        digest = sha256(body).hexdigest()
        if self._texts.setdefault(target, digest) != digest:
            raise Wrong(f"{target} has changed")

    def _leave(self) -> None:
        wanted = self._pick.choice(self._large)
        with closing(self._new()) as client:
            self._asked(client, "GET", wanted.target).read(LEAVE_BYTES)

    def _slow(self) -> None:
        wanted = self._pick.choice(self._large)
        with closing(self._new()) as client:
            answer = self._asked(client, "GET", wanted.target)
            piece = max(65536, wanted.length // SLOW_PAUSES)
            self._check(wanted, answer, piece, pause=0.1)

    def _pipelined(self) -> None:
        wanted = [self._pick.choice(self._small) for _ in range(5)]
        request = "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE) as client:
            client.sendall("".join(request.format(each.target) for each in wanted).encode())
            with client.makefile("rb") as answers:
                for each in wanted:
                    status = int(answers.readline().split()[1])
                    lines = [line.lower() for line in iter(answers.readline, b"\r\n")]
                    (length,) = (int(x[15:]) for x in lines if x.startswith(b"content-length:"))
                    body = answers.read(length)
                    if status == 503:
                        self.told["busy"] += 1
                    elif (status, sha256(body).hexdigest()) != (200, each.digest):
                        raise Wrong(f"pipelined {each.target}: {status}")

    def _asked(
        self, client: HTTPConnection, method: str, target: str, body: bytes | None = None
    ) -> HTTPResponse:
        """The answer to a request, which is sent again after an answer with 503."""
        while True:
            headers = {"Content-Type": "application/json"} if body else {}
            client.request(method, target, body, headers)
            answer = client.getresponse()
            if answer.status != 503:
                return answer
            answer.read()
            if answer.getheader("Retry-After") is None:
                raise Wrong(f"503 without Retry-After: {target}")
            self.told["busy"] += 1
            time.sleep(0.2)

    def _check(
        self, wanted: Expected, answer: HTTPResponse, piece: int = 1 << 20, pause: float = 0.0
    ) -> None:
        if answer.status != 200:
            raise Wrong(f"{wanted.target}: {answer.status} {answer.read(300)!r}")
        digest, length = sha256(), 0
        while got := answer.read(piece):
            digest.update(got)
            length += len(got)
            time.sleep(pause)
        if (length, digest.hexdigest()) != (wanted.length, wanted.digest):
            raise Wrong(f"{wanted.target}: {length} of {wanted.length} bytes, or another digest")
        self.told["downloads"] += 1
        self.told["bytes"] += length


def main(port: int, seconds: float, clients: int, spoil: bool) -> None:
    """Compute what is expected, then let the clients act. `spoil` spoils some digests."""
    small = list(small_tensors())
    large = list(large_tensors(random.Random(SEED)))
    if spoil:
        large[::8] = [replace(each, digest=sha256(b"").hexdigest()) for each in large[::8]]
    print(json.dumps({"small": len(small), "large": len(large)}), flush=True)
    sys.stdin.readline()
    all_clients = [Client(port, number, small, large) for number in range(clients)]
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=each.run, args=(until,)) for each in all_clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = Counter(wrong=0, busy=0)
    for each in all_clients:
        told.update(each.told)
    wrong = [line for each in all_clients for line in each.wrong]
    print(json.dumps({"told": told, "wrong": wrong[:10]}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), "spoil" in sys.argv)
