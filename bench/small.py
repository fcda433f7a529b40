"""The lines about short answers: each server on the first core, wrk on the last."""

from collections.abc import Iterator
from functools import partial

from bench import servers
from bench.clients import request_cost
from bench.contest import Contest
from bench.processes import SERVER_CORE

_REPEATED = "/v1/weights.npy?shape=64,64&scheme=he_normal&seed=1&name=bench"
_RECOMMEND = "/recommend?shape=64,64&activation=relu&name=bench"


def against_hello() -> Iterator[Contest]:
    """A tensor of 16 KiB, or advice, against a line of JSON."""
    with servers.fanin(SERVER_CORE) as fanin, servers.hello(SERVER_CORE) as hello:
        theirs = partial(request_cost, hello, servers.HELLO)
        yield Contest("small-repeated", partial(request_cost, fanin, _REPEATED), theirs)
        yield Contest("small-new", partial(request_cost, fanin, "/", new_names=True), theirs)
        yield Contest("recommend", partial(request_cost, fanin, _RECOMMEND), theirs)
