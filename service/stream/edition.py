"""The edition of the stream. Its bytes are frozen; other bytes need another edition."""

EDITION = "v1"
"""The name of the stream in responses."""

DIGEST = "35f617537b6f9271add8045e89dc2c2a0169ba3bd24dce2843e1975f341e3721"
"""The result of `selfcheck.digest` on every processor with IEEE 754 arithmetic.

It changes only if the self-check compares other draws or boxes. The stream itself never changes.
"""
