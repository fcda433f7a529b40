"""The listings of schemes, activations, layers and dtypes as JSON objects."""

from service.listings.tables import activations, dtypes, layers, scheme, schemes

__all__ = ["activations", "dtypes", "layers", "scheme", "schemes"]
