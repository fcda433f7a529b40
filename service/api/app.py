"""The composition root of the API: makes the ASGI application from the settings."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from service.api import problems
from service.api.admission import Admission, Limits
from service.api.aside import Aside
from service.api.cors import CorsSend, options_response
from service.api.hub_root import without_root
from service.api.openapi import OpenapiDocument, openapi, openapi_route
from service.api.readiness import Readiness
from service.api.routes import docs, health, listings, page
from service.api.routes.advice import Adviser
from service.api.routes.audit import Auditor
from service.api.routes.calibration import Calibrator
from service.api.routes.digests import Digester
from service.api.routes.hub import Hub
from service.api.routes.models import Modeller
from service.api.routes.propagation import Propagator
from service.api.routes.weights import Issuer
from service.api.routing import PlainRoute, route_table, routed
from service.api.streaming import StreamPool
from service.api.table import Row, alone
from service.audit.spec.of_spec import compile_loops
from service.errors import FaninError
from service.models.store import ModelStore
from service.settings import Settings
from service.stream import selfcheck


class Application(FastAPI):
    """FastAPI with an OpenAPI document made from the operations of PlainRoutes.

    A request for a path without parameters goes directly to its route, because FastAPI's middleware
    and routers take longer than the route itself. All other requests go through them.
    """

    def __init__(self, routes: Sequence[PlainRoute], **options: Any) -> None:
        super().__init__(routes=[*routes], **options)
        self._table = route_table(routes)
        self._methods = {method for method, _ in self._table}
        self.document = OpenapiDocument(self.openapi)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if self.openapi_schema is None:
            plain = [route for route in self.routes if isinstance(route, PlainRoute)]
            self.openapi_schema = openapi(plain)
        return self.openapi_schema

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        scope, cors_send = without_root(routed(scope)), CorsSend(send)
        route = self._table.get((scope["method"], scope["path"]))
        if scope["method"] == "OPTIONS" and scope["path"] == "*":
            # The server as a whole is asked for its methods (RFC 9110, section 9.3.7).
            response = options_response(Request(scope), self._methods)
            await response(scope, receive, cors_send)
        elif route is None:
            await super().__call__(scope, receive, cors_send)
        else:
            scope["app"] = self
            await _answer(route, scope, receive, cors_send)


async def _answer(route: PlainRoute, scope: Scope, receive: Receive, send: CorsSend) -> None:
    """Let a route answer, and answer its errors as FastAPI's middleware does.

    The server logs what this raises: an error that is not a refusal, and any error after the
    answer has begun.
    """
    try:
        await route.app(scope, receive, send)
    except Exception as error:
        if send.started:
            raise
        response = await problems.error_response(Request(scope), error)
        await response(scope, receive, send)
        if not isinstance(error, FaninError | HTTPException):
            raise


def warm_up() -> None:
    """Compile everything that requests need, and check the kernels of tensors.

    Raises WrongBitsError if these compute other bits.
    """
    selfcheck.warm_up()
    compile_loops()


def create_app(
    settings: Settings,
    *,
    warm_up: Callable[[], None] = warm_up,
    row: Row | None = None,
    announce: Callable[[], None] | None = None,
) -> Application:
    """The application with these settings. It issues no bytes until `warm_up` has returned.

    `row` is this process's row of the table that all processes of the server share; without one the
    process is alone. `announce` is called in a thread once the process is ready.
    """
    row = row or alone()
    readiness = Readiness(row)
    admission = Admission(Limits.of(settings), row)
    pool = StreamPool(settings.stream_threads, admission)
    aside = Aside()
    store = ModelStore(settings.max_bytes)
    modeller = Modeller(store, pool, readiness)
    propagator = Propagator(settings.max_bytes, readiness, admission)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        readiness.start(warm_up, announce)
        yield
        pool.close()
        propagator.close()
        aside.close()
        modeller.planners.close()

    issuer = Issuer(settings.max_bytes, pool, readiness, aside)
    routes = [
        *issuer.routes(),
        *Digester(settings.max_bytes, pool, readiness, aside).routes(),
        *Auditor(settings.max_bytes, pool, readiness, aside).routes(),
        *Adviser(settings.max_bytes, aside).routes(),
        *propagator.routes(),
        *Calibrator(settings.max_bytes, aside).routes(),
        *modeller.routes(),
        *Hub(store, pool, readiness, modeller.planners).routes(),
        *listings.routes(),
        *health.routes(),
        *page.routes(),
        *docs.routes(),
        openapi_route(),
    ]
    app = Application(
        routes,
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.readiness = readiness
    problems.install(app)
    return app
