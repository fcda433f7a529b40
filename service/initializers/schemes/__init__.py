"""Schemes, the initializers. Each is one record with its law, in the module of its family."""

from service.initializers.schemes.record import (
    NUMBER_FIELDS,
    Law,
    Numbers,
    Request,
    Scheme,
    variant_hint,
)
from service.initializers.schemes.table import AUTO, SCHEMES, family_of, find_scheme, scheme_meant

__all__ = [
    "AUTO",
    "NUMBER_FIELDS",
    "SCHEMES",
    "Law",
    "Numbers",
    "Request",
    "Scheme",
    "family_of",
    "find_scheme",
    "scheme_meant",
    "variant_hint",
]
