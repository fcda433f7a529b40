"""The listings of schemes, activations, layers and dtypes as JSON objects."""

from service.listings.headings import under_headings
from service.listings.search import (
    SchemeFilter,
    matching,
    parse_filter_query,
    parse_filter_words,
)
from service.listings.tables import (
    SLICING,
    SchemesText,
    activations,
    dtypes,
    layers,
    scheme,
    schemes,
)

__all__ = [
    "SLICING",
    "SchemeFilter",
    "SchemesText",
    "activations",
    "dtypes",
    "layers",
    "matching",
    "parse_filter_query",
    "parse_filter_words",
    "scheme",
    "schemes",
    "under_headings",
]
