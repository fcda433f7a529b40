"""Which stream this is. It is frozen: another byte would be another stream, under another name."""

EDITION = "v1"
"""What answers call the stream."""

DIGEST = "f5e8db1004b78fbf524ccaa716fb8ee3c80b51ede002b3ec845d9f049c05566c"
"""SHA-256 of what `selfcheck.digest` fills on every processor that does IEEE arithmetic.

Another value means a wrong kernel or a check that looks at more, never another stream.
"""
