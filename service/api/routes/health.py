"""What an orchestrator asks: does the process live, and may it issue bytes yet."""

from service.api.operations import health_operation
from service.api.readiness import livez, readyz
from service.api.routing import PlainRoute

_ALIVE = "The process lives"
_READY = "Its kernels are compiled and give the right bits"


def routes() -> list[PlainRoute]:
    """Two paths, which never wait for anything."""
    return [
        PlainRoute("/livez", livez, {"get": health_operation("livez", _ALIVE, may_refuse=False)}),
        PlainRoute("/readyz", readyz, {"get": health_operation("readyz", _READY, may_refuse=True)}),
    ]
