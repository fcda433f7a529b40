"""The command line: the same specs as over HTTP, without a server."""
