"""Requests whose answers are drafts: at least one for each draft in `service.plan.drafts`.

Each is what follows `/v1/weights.`, as in `frozen_requests`.
"""

REQUESTS: tuple[str, ...] = ()
