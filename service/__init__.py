"""Fanin: initialized weight tensors over HTTP and from the shell."""

__version__ = "0.1.0"
"""The release. pyproject.toml reads it from here."""
