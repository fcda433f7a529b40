"""The rules of advice: from a layer to the choice of its scheme."""

from service.advice.rules.choice import BiasChoice, Choice
from service.advice.rules.table import RULES, choose

__all__ = ["RULES", "BiasChoice", "Choice", "choose"]
