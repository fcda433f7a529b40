"""Activations. Each is one record with its moments and gains, in the module of its kind."""

from service.initializers.activations.record import Activation, Family
from service.initializers.activations.table import ACTIVATIONS, find_activation
from service.initializers.activations.words import NOT_ISSUED_ACTIVATIONS

__all__ = ["ACTIVATIONS", "NOT_ISSUED_ACTIVATIONS", "Activation", "Family", "find_activation"]
