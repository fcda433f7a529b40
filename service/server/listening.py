"""Binding the port.

Imports only the standard library, so that a busy port is reported at once.
"""

import errno
import socket
from contextlib import ExitStack
from typing import Any

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""The addresses that mean all addresses of the machine, each with the loopback address to show."""

_LOCALHOST = ("127.0.0.1", "::1")
"""The addresses of `localhost` (RFC 6761, section 6.3), whatever the hosts file says."""

_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
"""The errors of a system without IPv6, or with IPv6 turned off."""

_PORT_TRIALS = 10
"""How many times to look for a port that is free at every address."""

BACKLOG = 4096
"""How many connections may wait in the system until they are accepted. The system may limit it
more.

If there is no place, the client's system tries to connect again after a second or more.
"""

RECEIVE_BYTES = 128 * 1024
"""The system's buffer for what a client has sent: twice the largest body."""

DEAD_MILLISECONDS = 120_000
"""How long sent bytes may stay unacknowledged before the system gives a connection up (tcp(7))."""

_SocketAddress = tuple[Any, ...]


def listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on one port, one for each address of `host`.

    Port 0 means any port that is free at all addresses. On a machine without IPv6, IPv6 addresses
    are skipped. Raises OSError if an address cannot be bound or all addresses were skipped.
    """
    addresses = _addresses(host, port)
    trials = _PORT_TRIALS if port == 0 and len(addresses) > 1 else 1
    for _ in range(trials - 1):
        try:
            return _listen_at(addresses, port)
        except OSError as error:
            # The port chosen at the first address is in use at another one. Try again.
            if error.errno != errno.EADDRINUSE:
                raise
    return _listen_at(addresses, port)


def origin(listener: socket.socket) -> str:
    """The URL of the listener for a client on this machine, without a slash at the end."""
    host, port = listener.getsockname()[:2]
    host = _LOOPBACK.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _addresses(host: str, port: int) -> dict[_SocketAddress, socket.AddressFamily]:
    """The distinct socket addresses of `host`; raises OSError for a name without addresses."""
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
    """A listener at each address; closes all of them if one address cannot be bound."""
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
    # asyncio sets TCP_NODELAY only on sockets whose protocol is IPPROTO_TCP. Without it, an answer
    # on a keep-alive connection waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _limit_connections(listener)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _limit_connections(listener: socket.socket) -> None:
    """Set what the connections of this listener inherit: limits on memory and on time."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # It also ends connections that are closed with bytes under way.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_MILLISECONDS)
