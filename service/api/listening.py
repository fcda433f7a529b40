"""The port, bound before anything heavy is imported: a busy one is known at once."""

import socket

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that stand for all of a machine's, and one of them."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises OSError where there is none to be had."""
    # asyncio turns Nagle's algorithm off only for sockets that name their protocol; with it an
    # answer on a kept connection waits 40 ms for the client's delayed acknowledgement.
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def origin(listener: socket.socket) -> str:
    """The URL of what listens there, as this machine can type it, without a slash at the end."""
    host, port = listener.getsockname()[:2]
    host = _LOOPBACK.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
