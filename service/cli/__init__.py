"""The shell: the same specs as over HTTP, without a server."""
