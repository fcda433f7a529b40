"""What there is to choose from: schemes, activations, layers and dtypes, as records."""

from service.listings.tables import activations, dtypes, layers, scheme, schemes

__all__ = ["activations", "dtypes", "layers", "scheme", "schemes"]
