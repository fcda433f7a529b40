"""The listings of schemes, activations, layers and dtypes as JSON objects."""

from service.listings.tables import SLICING, activations, dtypes, layers, scheme, schemes

__all__ = ["SLICING", "activations", "dtypes", "layers", "scheme", "schemes"]
