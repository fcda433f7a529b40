"""The port, bound before anything heavy is imported: a busy one is known at once."""

import errno
import socket
from contextlib import ExitStack
from typing import Any

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that stand for all of a machine's, and one of them."""

_LOCALHOST = ("127.0.0.1", "::1")
"""What `localhost` means (RFC 6761, section 6.3), whether or not the system's files say so."""

_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
"""What a system says that was built without IPv6, or that has it turned off."""

_PORT_TRIALS = 10
"""How often a free port is looked for that is free at every address."""

_SocketAddress = tuple[Any, ...]


def listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on one port, one for each address of `host`.

    Port 0 is any port that is free at all of them. IPv6 addresses are left out on a machine without
    IPv6. Raises OSError where an address cannot be had, or none is left.
    """
    addresses = _addresses(host, port)
    trials = _PORT_TRIALS if port == 0 and len(addresses) > 1 else 1
    for _ in range(trials - 1):
        try:
            return _listen_at(addresses, port)
        except OSError as error:
            # The first address chose a port that is taken at another one.
            if error.errno != errno.EADDRINUSE:
                raise
    return _listen_at(addresses, port)


def origin(listener: socket.socket) -> str:
    """The URL of what listens there, as this machine can type it, without a slash at the end."""
    host, port = listener.getsockname()[:2]
    host = _LOOPBACK.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _addresses(host: str, port: int) -> dict[_SocketAddress, socket.AddressFamily]:
    """The socket addresses of `host`, each once; raises OSError for a name that has none."""
    names = _LOCALHOST if host.lower() == "localhost" else (host,)
    return {
        address: family
        for name in names
        for family, _, _, _, address in socket.getaddrinfo(
            name, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
    }


def _listen_at(
    addresses: dict[_SocketAddress, socket.AddressFamily], port: int
) -> list[socket.socket]:
    """A listener at each address; if one cannot be had, none is left open."""
    listeners: list[socket.socket] = []
    missing: OSError | None = None
    with ExitStack() as opened:
        for (host, _, *scope), family in addresses.items():
            try:
                listener = opened.enter_context(_listener(family, (host, port, *scope)))
            except OSError as error:
                if family != socket.AF_INET6 or error.errno not in _NO_IPV6:
                    raise
                missing = error
                continue
            listeners.append(listener)
            port = listener.getsockname()[1]
        if missing is not None and not listeners:
            raise missing
        opened.pop_all()
    return listeners


def _listener(family: socket.AddressFamily, address: _SocketAddress) -> socket.socket:
    # asyncio turns Nagle's algorithm off only for sockets that name their protocol; with it an
    # answer on a kept connection waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener
