"""The edition of the stream. Its bytes are frozen; other bytes need another edition."""

EDITION = "v1"
"""The name of the stream in responses."""

DIGEST = "6a8b5320dbbf1d238543eb468f7bbf57e4e268cef6b5ac5a827a69ccaa0a4f08"
"""The result of `selfcheck.digest` on every processor with IEEE 754 arithmetic.

It changes only if the self-check compares other draws. The stream itself never changes.
"""
