"""Which stream this is: every change of a byte changes the digest, and with it the edition."""

DIGEST = "f5e8db1004b78fbf524ccaa716fb8ee3c80b51ede002b3ec845d9f049c05566c"
"""SHA-256 of what `selfcheck.digest` fills on every processor that does IEEE arithmetic."""

EDITION = f"v1 draft {DIGEST[:8]}"
"""What answers call the stream, and what their entity tags depend on."""
