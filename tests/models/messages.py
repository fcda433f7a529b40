"""What no message for a user has."""

import re

INTERNAL = re.compile(r"\b(True|False|None|stage|mae)\b|\w\[|//|==|'[^']*[*+%(]")
"""Python's words, and what only expressions and laws of recipe files have."""
