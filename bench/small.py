"""The lines about short answers: each server on the first core, wrk on the last."""

from collections.abc import Iterator
from functools import partial

from bench import servers
from bench.clients import request_cost
from bench.contest import Contest
from bench.processes import SERVER_CORE, Server

_REPEATED = "/v1/weights.npy?shape=64,64&scheme=he_normal&seed=1&name=bench"
_RECOMMEND = "/recommend?shape=64,64&activation=relu&name=bench"

_PLAIN = "/v1/weights.raw?shape=256,256&scheme=normal&seed=1&name=bench&dtype=float8_e5m2"
"""64 KiB, the most that is computed on the event loop."""

_COSTLY = (
    "/v1/weights.raw?shape=2,2,2,2,4096,16,16,16&scheme=normal&seed=1&name=bench"
    "&dtype=float8_e5m2&order=F&slice=:,:,:,:,:,0:1,0:1,0:1",
    "/v1/weights.raw?shape=65536,1025&scheme=sparse&sparsity=0.5&seed=1&name=bench"
    "&dtype=float8_e5m2&slice=:,0:1",
    "/v1/weights.raw?shape=256,257&scheme=sparse&sparsity=0.5&seed=1&name=bench"
    "&dtype=float8_e5m2&slice=:,0:256&order=F",
    "/v1/weights.raw?shape=256,1,256&layout=OIW&scheme=stft&window=blackman&dtype=float8_e5m2",
    "/v1/weights.raw?shape=1024,1,8,8&scheme=gabor&dtype=float8_e5m2",
)
"""Answers of as many bytes: the costliest layout of an elementwise scheme, whose values lie in
different blocks of random words; the costliest masks, whose units have hardly more places than a
power of 4; and the costliest index functions."""


def against_hello() -> Iterator[Contest]:
    """A tensor of 16 KiB, or advice, against a line of JSON."""
    with servers.fanin(SERVER_CORE) as fanin, servers.hello(SERVER_CORE) as hello:
        theirs = partial(request_cost, hello, servers.HELLO)
        yield Contest("small-repeated", partial(request_cost, fanin, _REPEATED), theirs)
        yield Contest("small-new", partial(request_cost, fanin, "/", new_names=True), theirs)
        yield Contest("recommend", partial(request_cost, fanin, _RECOMMEND), theirs)


def costliest() -> Iterator[Contest]:
    """The costliest answer of 64 KiB against the plain one."""
    with servers.fanin(SERVER_CORE) as fanin:
        theirs = partial(request_cost, fanin, _PLAIN)
        yield Contest("costliest-small", partial(_costliest, fanin), theirs, rounds=5)


def _costliest(fanin: Server) -> float:
    """Seconds for a request of the costliest target."""
    return max(request_cost(fanin, target) for target in _COSTLY)
