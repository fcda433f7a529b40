"""The port, bound before anything heavy is imported: a busy one is known at once."""

import socket


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises OSError where there is none to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


def origin(listener: socket.socket) -> str:
    """The URL of what listens there, without a slash at the end."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
