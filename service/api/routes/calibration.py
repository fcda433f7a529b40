"""/calibrate: weights of a corrected scale, from the measured variance of a layer's output."""

from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from service.api.aside import Aside
from service.api.operations import calibrate_operations
from service.api.requests import json_body
from service.api.responses import json_response
from service.api.routing import PlainRoute
from service.calibration import calibrate, parse_measurement_json


@dataclass(frozen=True, slots=True)
class Calibrator:
    """The handler of /calibrate; `max_bytes` limits the size of a tensor."""

    max_bytes: int
    aside: Aside

    def routes(self) -> list[PlainRoute]:
        """The only route."""
        return [PlainRoute("/calibrate", self.answer, calibrate_operations())]

    async def answer(self, request: Request) -> Response:
        """The next step of a layer for a measurement in JSON. Nothing is kept."""
        body = await json_body(request)
        step = await self.aside.run_if_costly(body, partial(self._step, body))
        return json_response(step, {"Cache-Control": "no-store"})

    def _step(self, body: bytes) -> bytes:
        return calibrate(parse_measurement_json(body), max_bytes=self.max_bytes).as_json()
