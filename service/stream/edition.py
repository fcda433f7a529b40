"""The edition of the stream. Its bytes are frozen; other bytes need another edition."""

EDITION = "v1"
"""The name of the stream in responses."""

DIGEST = "f1c25ef86917dd8c95e62c5c89e2ac31ba004a153e53f186bcd097c299dbef7f"
"""The result of `selfcheck.digest` on every processor with IEEE 754 arithmetic.

It changes only if the self-check compares other draws, boxes or functions. The stream itself never
changes.
"""
