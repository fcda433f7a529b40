"""/livez and /readyz, the probes of an orchestrator."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from service.api.operations import health_operations
from service.api.routing import PlainRoute

_ALIVE = "The process is running"
_READY = "The kernels are compiled and give the right bits"
_NO_STORE = {"cache-control": "no-store"}


def routes() -> list[PlainRoute]:
    """The two routes, which answer without waiting."""
    return [
        PlainRoute("/livez", livez, health_operations("livez", _ALIVE, may_refuse=False)),
        PlainRoute("/readyz", readyz, health_operations("readyz", _READY, may_refuse=True)),
    ]


async def livez(request: Request) -> JSONResponse:
    """200 whenever the process can answer."""
    return JSONResponse({"status": "alive"}, headers=_NO_STORE)


async def readyz(request: Request) -> JSONResponse:
    """200 if any process of the server is ready and is not ending.

    Otherwise `app.state.readiness` raises UnavailableError. The answer is about all processes,
    because new connections go to the ready ones.
    """
    request.app.state.readiness.require_any()
    return JSONResponse({"status": "ready"}, headers=_NO_STORE)
