"""The edition of the stream. Its bytes are frozen; other bytes need another edition."""

EDITION = "v1"
"""The name of the stream in responses."""

DIGEST = "a26b2917fd383f9962c36eab269d3aab0ce3eaf795d2c19e2e70c6cf80e9825d"
"""The result of `selfcheck.digest` on every processor with IEEE 754 arithmetic.

It changes only if the self-check compares other draws. The stream itself never changes.
"""
