"""/v1/models: whole models. A token in the path has the manifest, and nothing is stored."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from service.api.digests import wanted_algorithm
from service.api.headers import DRAFT, HeaderLines
from service.api.long_answers import SHORT_BYTES, LongAnswers
from service.api.model_operations import (
    model_file_operations,
    model_operations,
    model_page_operations,
    models_operations,
    recipe_operations,
    recipes_operations,
    schema_operations,
)
from service.api.pages import revalidated_page
from service.api.planners import Planners
from service.api.problems import respond
from service.api.ranges import partial_content, requested_ranges
from service.api.readiness import Readiness
from service.api.requests import LongBodies, json_body, refuse_fields
from service.api.responses import Document, json_response, not_modified, revalidated_json
from service.api.routing import PlainRoute
from service.api.streaming import StreamPool, TensorResponse
from service.errors import Problem
from service.fields.errors import FieldError, refusal
from service.fields.syntax import decode
from service.models.body import FileBody, FileLayout
from service.models.listing import PAGE_PATH, PATH, model_url, other_names, summary
from service.models.manifest import MOST_MANIFEST_BYTES, Manifest, manifest_schema, parse_manifest
from service.models.recipe import recipes
from service.models.recipe_listing import recipe_record, recipe_records
from service.models.store import ModelStore, OtherTokenError, StoredModel
from service.plan.planning import DRAWN_BELOW
from service.wire.json_text import json_bytes

_NO_FIELDS = "leave it out: this path takes no fields"
_MOST_KEYS = 64
_SCHEMA = "https://json-schema.org/draft/2020-12/schema"


Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Modeller:
    """The handlers of /v1/models and what they need.

    Planning a model takes up to seconds, so it happens in the threads of `planners`. A model that
    is kept is answered on the event loop.
    """

    store: ModelStore
    pool: StreamPool
    readiness: Readiness
    planners: Planners = field(default_factory=Planners)
    long_bodies: LongBodies = field(default_factory=LongBodies)
    long_answers: LongAnswers = field(default_factory=LongAnswers)

    def routes(self) -> list[PlainRoute]:
        """The routes of models and of recipes."""
        known = Document.of(json_bytes({"recipes": recipe_records()}))
        schema = Document.of(json_bytes({"$schema": _SCHEMA} | manifest_schema()))
        return [
            PlainRoute(PATH, self.post, models_operations()),
            PlainRoute(f"{PATH}/{{token}}", self.listing, model_operations()),
            PlainRoute(f"{PATH}/{{token}}/{{file}}", self.file, model_file_operations()),
            PlainRoute(f"{PAGE_PATH}/{{token}}", self.page, model_page_operations()),
            PlainRoute("/recipes", _fixed(known), recipes_operations()),
            PlainRoute("/recipes/{family}", recipe, recipe_operations()),
            PlainRoute("/manifest.schema.json", _fixed(schema), schema_operations()),
        ]

    async def post(self, request: Request) -> Response:
        """Check a manifest. The answer has the URL of its model."""
        body = await json_body(request, MOST_MANIFEST_BYTES, self.long_bodies)
        text = await self.planners.planned(request.receive, partial(self._posted, body))
        return self.long_answers.sent(json_response(text, {"Cache-Control": "no-store"}))

    async def listing(self, request: Request) -> Response:
        """What a model has."""
        refuse_fields(request, _NO_FIELDS)
        model = await self._model(request)
        if isinstance(model, Response):
            return model
        return await self._json(request, model, model.known_listing, model.listing)

    async def page(self, request: Request) -> Response:
        """What a model has, as HTML."""
        refuse_fields(request, _NO_FIELDS)
        model = await self._model(request)
        if isinstance(model, Response):
            return model
        text = await self._made(request, model, model.page)
        return revalidated_page(request, text)

    async def file(self, request: Request) -> ASGIApp:
        """A file of a model: its tensors, or the index, or the config."""
        model = await self._model(request)
        if isinstance(model, Response):
            return model
        name = request.path_params["file"]
        file = model.plan.file(name)
        if file is None:
            refuse_fields(request, _NO_FIELDS)
            return await self._other(request, model, name)
        keys, canonical = _keys(request.scope["query_string"])
        layout = model.known_layout(file, keys)
        if layout is None:
            make = model.layout if keys is None else partial(model.selection, keys=keys)
            layout = await self._made(request, model, partial(make, file))
        return self._answer(request, model, layout, keys or (), canonical)

    def _answer(
        self,
        request: Request,
        model: StoredModel,
        layout: FileLayout,
        keys: tuple[str, ...],
        canonical: bool,
    ) -> ASGIApp:
        name = layout.file.name
        tag = model.plan.tag(name, *keys)
        plain = (
            canonical and request.scope["raw_path"] == f"{model_url(model.token)}/{name}".encode()
        )
        caching = {"ETag": tag, "Cache-Control": DRAFT if plain else "no-cache"}
        unchanged = not_modified(request, tag, caching)
        if unchanged is not None:
            return unchanged
        ranges = requested_ranges(request, tag, layout.file.length)
        digest = None
        if request.method != "HEAD":
            self.readiness.require()
            digest = wanted_algorithm(request)
        headers = _headers(model, name, caching)
        body = FileBody(layout)
        if ranges is None:
            return TensorResponse(body, headers, self.pool, digest=digest)
        part, headers = partial_content(body, ranges, headers, tag)
        return TensorResponse(part, headers, self.pool, status=206, digest=digest)

    async def _other(self, request: Request, model: StoredModel, name: str) -> Response:
        others = other_names(model.plan)
        if name in others:
            return await self._json(request, model, None, lambda: model.others()[name])
        names = [*(each.name for each in model.plan.files), *others]
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if names[4:] else "")
        message = f"this model has no file {name[:80]}"
        return respond(404, "not_found", Problem("", message, f"it has {shown}"))

    async def _json(
        self,
        request: Request,
        model: StoredModel,
        known: bytes | None,
        make: Callable[[], bytes],
    ) -> Response:
        """An answer of JSON. The tag of a long text takes milliseconds, so it is made aside."""
        if known is not None and len(known) <= SHORT_BYTES:
            return revalidated_json(request, known)
        document = await self._made(request, model, lambda: Document.of(make()))
        return self.long_answers.sent(document.answer(request))

    async def _model(self, request: Request) -> StoredModel | Response:
        """The model of the path's token, or the refusal of a token that is not canonical."""
        token = request.path_params["token"]
        known = self.store.known(token)
        if known is not None:
            return known
        try:
            return await self.planners.planned(request.receive, partial(self.store.model, token))
        except OtherTokenError as error:
            problem = Problem("token", "the token is not the right one", "use `url` of this answer")
            members = {"url": model_url(error.token), "token": error.token}
            if error.edition:
                return respond(400, "other_edition", problem, members=members)
            return respond(400, "token_not_canonical", problem, members=members)

    async def _made(self, request: Request, model: StoredModel, make: Callable[[], Made]) -> Made:
        """What `make` returns, in a thread. It may be kept with the model.

        Raises the errors of Aside.run_for.
        """

        def made() -> Made:
            done = make()
            self.store.weigh(model.token)
            return done

        return await self.planners.made(request.receive, made, is_small=model.is_small)

    def _posted(self, body: bytes, *, only_small: bool) -> bytes:
        model = self.store.planned(seeded(parse_manifest(body)), only_small=only_small)
        return json_bytes(summary(model.plan, model.token))


def seeded(manifest: Manifest) -> Manifest:
    """The manifest with a seed. One is drawn at random below 2^53 if it has none."""
    if manifest.seed is not None:
        return manifest
    return manifest.model_copy(update={"seed": secrets.randbelow(DRAWN_BELOW)})


def _headers(model: StoredModel, name: str, caching: dict[str, str]) -> HeaderLines:
    headers = {
        "content-type": "application/octet-stream",
        "content-disposition": f'attachment; filename="{name}"',
        "x-content-type-options": "nosniff",
        "weights-seed": str(model.plan.seed),
        "weights-status": "draft",
        "accept-ranges": "bytes",
        **caching,
    }
    return [(field.lower().encode(), value.encode()) for field, value in headers.items()]


def _keys(query: bytes) -> tuple[tuple[str, ...] | None, bool]:
    """The patterns in `keys`, None without it, and whether the query is the usual spelling.

    A comma separates patterns. Within a name it is written as %2C. Raises UnreadableError.
    """
    if not query:
        return None, True
    field, equals, raw = query.partition(b"=")
    if field != b"keys" or not equals or b"&" in raw:
        hint = "write keys=transformer.wte.weight,transformer.h.0.*"
        raise refusal([("keys", FieldError("unknown_field", "keys is the only field", hint))])
    try:
        patterns = [decode(each) for each in raw.split(b",")]
    except FieldError as error:
        raise refusal([("keys", error)]) from None
    if len(patterns) > _MOST_KEYS or "" in patterns:
        message = f"keys has from 1 to {_MOST_KEYS} names or patterns"
        hint = "use * for several tensors: transformer.h.0.*"
        raise refusal([("keys", FieldError("out_of_range", message, hint))])
    ordered = tuple(sorted(set(patterns)))
    return ordered, b"%" not in raw and b"+" not in raw and list(ordered) == patterns


def _fixed(document: Document) -> Callable[[Request], object]:
    async def answer(request: Request) -> Response:
        refuse_fields(request, _NO_FIELDS)
        return document.answer(request)

    return answer


async def recipe(request: Request) -> Response:
    """One recipe: its architectures, sizes and sources."""
    refuse_fields(request, _NO_FIELDS)
    found = recipes().get(request.path_params["family"])
    if found is None:
        raise HTTPException(404)
    return revalidated_json(request, json_bytes(recipe_record(found)))
