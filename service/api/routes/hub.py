"""The Hub endpoint: what clients of the Hugging Face Hub ask for, answered with fresh weights."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from service.api.answers import RecentlyUsed
from service.api.digests import wanted_algorithm
from service.api.headers import DRAFT, HeaderLines
from service.api.hub_operations import (
    families_operations,
    folder_operations,
    info_operations,
    models_operations,
    nothing_operations,
    other_kinds_operations,
    paths_info_operations,
    refs_operations,
    resolve_operations,
    tree_operations,
)
from service.api.hub_places import Asked, Named, Place, asked_of, key_of, place_of
from service.api.hub_root import root_of
from service.api.hub_route import HubRoute, not_found
from service.api.planners import Planners
from service.api.ranges import partial_content, requested_ranges
from service.api.readiness import Readiness
from service.api.requests import refuse_fields, typed_body
from service.api.responses import Document, json_response, not_modified, revalidated_json
from service.api.routing import PlainRoute
from service.api.streaming import StreamPool, TensorResponse
from service.chunks import TextBody, WholeBody
from service.errors import Problem, UnreadableError
from service.fields.parsing import json_members
from service.hub.commits import is_commit
from service.hub.errors import HubError
from service.hub.repositories import families
from service.hub.revisions import MAIN, read_revision
from service.hub.snapshots import HubFile, Snapshot, model_records, planned
from service.models.body import FileBody
from service.models.store import (
    LargeModelError,
    ModelStore,
)
from service.wire.json_text import json_bytes

WAIT_SECONDS = 8.0
"""How long a request waits for all of its places together. huggingface_hub gives up after 10 s."""

MOST_COMMITS = 512
"""How many revisions have their commits kept. An endpoint with a token has up to 6 KiB in it."""

MOST_REFUSALS = 512
"""How many refusals are remembered, of models that were refused when they were planned."""

_FORM = "application/x-www-form-urlencoded"
_MOST_PATHS = 10_000
_MOST_MARKS = 64 * 1024

_PATHS_HINT = 'send {"paths": ["config.json"]}, or the form paths=config.json'

_MOST_SHOWN = 60
"""The most characters of a name that a message repeats, so that the files which are there fit."""

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Hub:
    """The handlers of the Hub endpoint and what they need.

    `planners` are the threads that plan models. A snapshot that is kept is answered on the event
    loop, and so is a model whose refusal is remembered.
    """

    store: ModelStore
    pool: StreamPool
    readiness: Readiness
    planners: Planners
    commits: RecentlyUsed[Asked, Named] = field(default_factory=partial(RecentlyUsed, MOST_COMMITS))
    refusals: RecentlyUsed[tuple[str | None, str, str], HubError] = field(
        default_factory=partial(RecentlyUsed, MOST_REFUSALS)
    )

    def routes(self) -> list[PlainRoute]:
        """The routes of Hub clients, and the list of families."""
        model, files = "/api/models/{namespace}/{name}", "/{namespace}/{name}"
        return [
            PlainRoute("/hub", _families(), families_operations()),
            HubRoute("/api/models", _models(), models_operations()),
            HubRoute("/api/{kind}/{rest}", _other_kind, other_kinds_operations("get_hub_kind")),
            HubRoute("/{kind}/{rest}", _other_kind, other_kinds_operations("get_hub_kind_file")),
            HubRoute(f"{model}/refs", self.refs, refs_operations()),
            HubRoute(f"{model}/revision/{{revision}}", self.info, info_operations("revision")),
            HubRoute(f"{model}/tree/{{revision}}", self.tree, tree_operations()),
            HubRoute(f"{model}/tree/{{revision}}/{{folder}}", self.folder, folder_operations()),
            HubRoute(f"{model}/paths-info/{{revision}}", self.paths_info, paths_info_operations()),
            HubRoute(model, self.info, info_operations()),
            *(
                HubRoute(f"{files}/{verb}/{{revision}}/{{file}}", self.file, operations)
                for verb in ("resolve", "raw")
                for operations in [resolve_operations(verb)]
            ),
            HubRoute(
                f"{model}/{{rest}}",
                self.nothing,
                nothing_operations("get_hub_other", "namespace", "name", "rest"),
            ),
            *(
                HubRoute(
                    f"{files}/{verb}/{{rest}}",
                    self.nothing,
                    nothing_operations(f"get_hub_{verb}_other", "namespace", "name", "rest"),
                )
                for verb in ("resolve", "raw")
            ),
            HubRoute("/hub/{rest}", _endpoint, nothing_operations("get_hub_endpoint", "rest")),
        ]

    async def info(self, request: Request) -> Response:
        """What a Hub says about a model."""
        snapshot, named = await self._snapshot(request, _until())
        return _json(request, snapshot.info(), named, snapshot)

    async def tree(self, request: Request) -> Response:
        """All files, on one page."""
        until = _until()
        snapshot, named = await self._snapshot(request, until)
        return _json(request, await self._tree(request, snapshot, until), named, snapshot)

    async def folder(self, request: Request) -> Response:
        """A folder of a repository. There is none."""
        snapshot, named = await self._snapshot(request, _until())
        return _no_entry("folder", request.path_params["folder"], snapshot, named)

    async def nothing(self, request: Request) -> Response:
        """What real Hubs have below a model, and this one has not. A model must be there for it."""
        place = await self._place(request, asked_of(request), _until())
        rest = request.path_params["rest"]
        if rest.startswith("revision/"):
            # Clients escape the slashes within a revision.
            read_revision(rest.removeprefix("revision/"))
        message = (
            f"nothing is at {rest[:_MOST_SHOWN]}: GET /api/models/{place.repository.id}/tree/main "
            f"lists all files, and /{place.repository.id}/resolve/main/FILE is one"
        )
        return not_found(HubError("EntryNotFound", message))

    async def refs(self, request: Request) -> Response:
        """The branches: `main` alone."""
        asked = asked_of(request)
        named = self.commits.get(asked)
        if named is None:
            named = await self._checked(request, asked)
        main = {"name": MAIN, "ref": f"refs/heads/{MAIN}", "targetCommit": named.commit}
        text = json_bytes({"branches": [main], "tags": [], "converts": [], "pullRequests": []})
        return _json(request, text, named)

    async def paths_info(self, request: Request) -> Response:
        """The entries of some files. Names that are not there are left out."""
        media_type, body = await typed_body(request, (_FORM, "application/json"))
        paths = _form_paths(body) if media_type == _FORM else _json_paths(body)
        until = _until()
        snapshot, named = await self._snapshot(request, until)
        await self._tree(request, snapshot, until)
        entries = snapshot.entries
        found = [entries[path] for path in dict.fromkeys(paths) if path in entries]
        headers = {"Cache-Control": "no-store", "X-Repo-Commit": named.commit}
        return _warned(json_response(json_bytes(found), headers), named, snapshot)

    async def file(self, request: Request) -> ASGIApp:
        """A file of a repository: a text, or tensors."""
        until = _until()
        snapshot, named = await self._snapshot(request, until)
        name = request.path_params["file"]
        file = snapshot.files.get(name)
        if file is None:
            return _no_entry("file", name, snapshot, named)
        if request.method == "HEAD":
            return self._answer(request, snapshot, named, file, None, until)
        if isinstance(file.content, bytes):
            return self._answer(request, snapshot, named, file, TextBody(file.content), until)
        layout = snapshot.known_layout(file.content)
        if layout is None:
            make = partial(snapshot.layout, file.content)
            layout = await self._made(request, snapshot, make, until)
        return self._answer(request, snapshot, named, file, FileBody(layout), until)

    def _answer(
        self,
        request: Request,
        snapshot: Snapshot,
        named: Named,
        file: HubFile,
        body: WholeBody | None,
        until: float,
    ) -> ASGIApp:
        """The answer with a file. HEAD needs no body."""
        own = f"{root_of(request.scope).prefix}/{snapshot.repository.id}/resolve/{snapshot.commit}"
        is_canonical = (
            request.scope["raw_path"] == f"{own}/{file.name}".encode()
            and not request.scope["query_string"]
        )
        caching = {
            "ETag": file.tag,
            "Cache-Control": DRAFT if is_canonical else "no-cache",
            "X-Repo-Commit": snapshot.commit,
            "X-Linked-Etag": file.tag,
            "X-Linked-Size": str(file.size),
        }
        unchanged = not_modified(request, file.tag, caching)
        if unchanged is not None:
            return _warned(unchanged, named, snapshot)
        ranges = requested_ranges(request, file.tag, file.size)
        headers = _headers(snapshot, file, caching) + _warnings(named, snapshot)
        if body is None:
            answer = Response()
            answer.raw_headers = [*headers, (b"content-length", str(file.size).encode())]
            return answer
        if not isinstance(file.content, bytes):
            self.readiness.require()
        digest = wanted_algorithm(request)
        wait = until - time.monotonic()
        if ranges is None:
            return TensorResponse(body, headers, self.pool, digest=digest, wait=wait)
        part, headers = partial_content(body, ranges, headers, file.tag)
        return TensorResponse(part, headers, self.pool, 206, digest, wait)

    async def _snapshot(self, request: Request, until: float) -> tuple[Snapshot, Named]:
        """The snapshot that the path names. Raises HubError and the errors of Aside.run_for."""
        asked = asked_of(request)
        named = self.commits.get(asked)
        if named is not None:
            known = self.store.kept(key_of(asked, named.commit), Snapshot)
            if known is not None:
                return known, named
        place = await self._place(request, asked, until)
        with self._remembered(asked, place):
            work = partial(self._planned, asked, place)
            snapshot = await self.planners.planned(request.receive, work, until)
        return snapshot, self._name(asked, place)

    async def _checked(self, request: Request, asked: Asked) -> Named:
        """The commit that the path names. Of a large model only the outline is looked at.

        Raises HubError and the errors of Aside.run_for.
        """
        until = _until()
        place = await self._place(request, asked, until)
        with self._remembered(asked, place), suppress(LargeModelError):
            work = partial(self._planned, asked, place, only_small=True)
            await self.planners.small.run_for(request.receive, work, until)
        return self._name(asked, place)

    async def _place(self, request: Request, asked: Asked, until: float) -> Place:
        """The place that a path names. Only the manifest of a token takes long to read."""
        if asked.root.token is None:
            return place_of(asked)
        return await self.planners.small.run_for(request.receive, partial(place_of, asked), until)

    @contextmanager
    def _remembered(self, asked: Asked, place: Place) -> Iterator[None]:
        """Remember a refusal within the block. Raises HubError, also for one that is remembered.

        It depends on the model and on its dtype, and not on the seed.
        """
        model = asked.root.token, asked.repo_id, place.resolved.dtype
        known = self.refusals.get(model)
        if known is not None:
            raise HubError(known.code, known.message)
        try:
            yield
        except HubError as error:
            # The error itself has a traceback, and so the manifest and all that was made of it.
            self.refusals.put(model, HubError(error.code, error.message))
            raise

    def _name(self, asked: Asked, place: Place) -> Named:
        named = Named(place.resolved.commit, place.resolved.is_main)
        self.commits.put(asked, named)
        return named

    def _planned(self, asked: Asked, place: Place, *, only_small: bool) -> Snapshot:
        key = key_of(asked, place.resolved.commit)
        known = self.store.kept(key, Snapshot)
        if known is None:
            known = planned(*place, self.store, only_small=only_small)
            known.info()
            self.store.keep(key, known)
        return known

    async def _tree(self, request: Request, snapshot: Snapshot, until: float) -> bytes:
        """The entries of all files. Small tensors are computed for them.

        Raises UnavailableError before the kernels are checked, and the errors of Aside.run_for.
        """
        if snapshot.known_tree is not None:
            return snapshot.known_tree
        self.readiness.require()
        aside = self.planners.hashes if snapshot.is_small else self.planners.large
        work = self._weighed(request, snapshot, snapshot.tree)
        return await aside.run_for(request.receive, work, until)

    async def _made(
        self, request: Request, snapshot: Snapshot, make: Callable[[], Made], until: float
    ) -> Made:
        """What `make` returns, in a thread. Raises the errors of Aside.run_for."""
        work = self._weighed(request, snapshot, make)
        return await self.planners.made(request.receive, work, until, is_small=snapshot.is_small)

    def _weighed(
        self, request: Request, snapshot: Snapshot, make: Callable[[], Made]
    ) -> Callable[[], Made]:
        """`make` for something that is kept with the snapshot, so that others may be dropped."""
        key = key_of(asked_of(request), snapshot.commit)

        def made() -> Made:
            done = make()
            self.store.weigh(key)
            return done

        return made


def _until() -> float:
    """The moment (time.monotonic) until which a request that begins now waits for its places."""
    return time.monotonic() + WAIT_SECONDS


def _no_entry(kind: str, name: str, snapshot: Snapshot, named: Named) -> Response:
    """The answer to a file or folder that is not there, with the files that are.

    huggingface_hub remembers it for the commit.
    """
    shown = name if len(name) <= _MOST_SHOWN else f"{name[:_MOST_SHOWN]}..."
    message = f"this repository has no {kind} {shown}; it has {', '.join(snapshot.files)}"
    return not_found(HubError("EntryNotFound", message), {"X-Repo-Commit": named.commit})


def _json(
    request: Request, text: bytes, named: Named, snapshot: Snapshot | None = None
) -> Response:
    answer = revalidated_json(request, text, {"X-Repo-Commit": named.commit})
    return _warned(answer, named, snapshot)


def _warned(answer: Response, named: Named, snapshot: Snapshot | None) -> Response:
    answer.raw_headers += _warnings(named, snapshot)
    return answer


def _warnings(named: Named, snapshot: Snapshot | None) -> HeaderLines:
    """What huggingface_hub prints, once for each topic: the text before the semicolon."""
    lines = list[str]()
    if snapshot is not None:
        repo_id, resolved = snapshot.repository.id, snapshot.resolved
        if named.is_main:
            lines.append(
                f"fanin-main; a request without a revision got main of {repo_id}, which is seed "
                f"{resolved.seed} in {resolved.dtype}. For other weights ask for another revision, "
                'such as revision="seed-42".'
            )
        lines.append(
            "fanin-draft; These weights were never trained. They are a draft: a later release of "
            "Fanin may change their bytes, and then the commit and all ETags change too."
        )
    return [(b"x-hf-warning", line.encode("ascii")) for line in lines]


_TYPES = {".json": "application/json", ".md": "text/markdown; charset=utf-8"}


def _headers(snapshot: Snapshot, file: HubFile, caching: dict[str, str]) -> HeaderLines:
    suffix = file.name[file.name.rindex(".") :]
    headers = {
        "content-type": _TYPES.get(suffix, "application/octet-stream"),
        "content-disposition": f'attachment; filename="{file.name}"',
        "x-content-type-options": "nosniff",
        "weights-seed": str(snapshot.resolved.seed),
        "weights-status": "draft",
        "accept-ranges": "bytes",
        **caching,
    }
    return [(field.lower().encode(), value.encode()) for field, value in headers.items()]


def _form_paths(body: bytes) -> list[str]:
    """The paths of a form, as huggingface_hub sends them."""
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=_MOST_PATHS)
    except ValueError:
        message = f"the body is not a form of at most {_MOST_PATHS} fields"
        raise UnreadableError("bad_request", Problem("", message, _PATHS_HINT)) from None
    return fields.get("paths", [])


def _json_paths(body: bytes) -> list[str]:
    """The paths of a JSON object, as the JavaScript client sends them. Raises UnreadableError."""
    try:
        members = dict(json_members(body, most_marks=_MOST_MARKS))
    except UnreadableError as error:
        problems = (Problem(each.field, each.message, _PATHS_HINT) for each in error.problems)
        raise UnreadableError(error.reason, *problems) from None
    paths = members.get("paths")
    # A number is text of another class.
    if not isinstance(paths, list) or not all(type(path) is str for path in paths):
        problem = Problem("paths", "it is not a list of names of files", _PATHS_HINT)
        raise UnreadableError("malformed_list", problem)
    return paths


async def _endpoint(request: Request) -> Response:
    """An endpoint without the path of a Hub client, or with another endpoint behind it."""
    revision, _, more = request.path_params["rest"].partition("/")
    if not is_commit(revision):
        read_revision(revision)
    message = f"/hub/{revision} is an endpoint of Hub clients: set HF_ENDPOINT to its URL"
    if more:
        message = f"nothing is at {more[:_MOST_SHOWN]} behind /hub/{revision}: an endpoint has one "
        message += "revision, and paths such as /fanin/gpt2-tiny/resolve/main/config.json follow"
    return not_found(HubError("EntryNotFound", message))


def _families() -> Callable[[Request], object]:
    known = Document.of(json_bytes({"families": families()}))

    async def answer(request: Request) -> Response:
        refuse_fields(request, "leave it out: this path takes no fields")
        return known.answer(request)

    return answer


def _models() -> Callable[[Request], object]:
    """The list of models. Fields that no list has are ignored, as on all paths of Hub clients."""
    records = model_records()

    async def answer(request: Request) -> Response:
        # Behind a token every name is a model, so there is none to list.
        found = records if root_of(request.scope).token is None else []
        author, search = (request.query_params.get(name, "") for name in ("author", "search"))
        found = [
            record
            for record in found
            if author.lower() in ("", record["author"]) and search.lower() in record["id"]
        ]
        return revalidated_json(request, json_bytes(found), {})

    return answer


async def _other_kind(request: Request) -> Response:
    kind = request.path_params["kind"]
    return not_found(HubError("RepoNotFound", f"there are no {kind} here, only models"))
