"""The edition of the stream. Its bytes are frozen; other bytes need another edition."""

EDITION = "v1"
"""The name of the stream in responses."""

DIGEST = "65bca9ff2c6a02d60491fbc48fd52362b0548414a4e6136e7e7095636ffe5fef"
"""The result of `selfcheck.digest` on every processor with IEEE 754 arithmetic.

It changes only if the self-check compares other draws. The stream itself never changes.
"""
