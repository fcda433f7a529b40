"""The plan: checks that a spec's fields fit together, and finds its laws and its canonical URL."""

from service.plan.certificate import Facts
from service.plan.planning import Plan, PlanTemplate, plan, seeded_plan
from service.plan.warnings import WARNINGS, PlanWarning

__all__ = ["WARNINGS", "Facts", "Plan", "PlanTemplate", "PlanWarning", "plan", "seeded_plan"]
