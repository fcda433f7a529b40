"""The edition of the stream. Its bytes are frozen; other bytes need another edition."""

EDITION = "v1"
"""The name of the stream in responses."""

DIGEST = "77d618eb45db049ef6b2d410c5bbe619e04915ce0f22e55f5452d4c7708f363f"
"""The result of `selfcheck.digest` on every processor with IEEE 754 arithmetic.

It changes only if the self-check compares other draws, boxes or functions, or if a draft that it
compares gets other bytes. The stream itself never
changes.
"""
