"""The plan: a spec made exact, checked whole, and written in its canonical form."""

from service.plan.certificate import Facts
from service.plan.planning import Plan, plan, seeded_plan
from service.plan.warnings import WARNINGS, PlanWarning

__all__ = ["WARNINGS", "Facts", "Plan", "PlanWarning", "plan", "seeded_plan"]
