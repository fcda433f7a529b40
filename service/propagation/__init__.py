"""How variances and gradients go through a network: by mean-field theory, and by simulation."""

from service.propagation.answer import Propagation, propagate, title_of
from service.propagation.parsing import (
    parse_network_json,
    parse_stack_query,
    parse_stack_words,
)
from service.propagation.question import Inquiry, NetworkLayer, Stack

__all__ = [
    "Inquiry",
    "NetworkLayer",
    "Propagation",
    "Stack",
    "parse_network_json",
    "parse_stack_query",
    "parse_stack_words",
    "propagate",
    "title_of",
]
