"""The plan: a spec made exact, checked whole, and written in its canonical form."""

from service.plan.facts import Facts
from service.plan.planning import Plan, plan
from service.plan.warnings import WARNINGS, PlanWarning

__all__ = ["WARNINGS", "Facts", "Plan", "PlanWarning", "plan"]
