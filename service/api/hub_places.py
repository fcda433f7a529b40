"""What the path of a Hub client names: an endpoint, a repository, and a revision."""

from typing import NamedTuple

from starlette.requests import Request

from service.api.hub_root import Root, root_of
from service.errors import FaninError
from service.hub.errors import HubError
from service.hub.repositories import Repository, repository_of, repository_under
from service.hub.revisions import MAIN, Resolved, Revision, revision_of
from service.models.manifest import Manifest
from service.models.store import OtherTokenError, manifest_of_token


class Asked(NamedTuple):
    """What a path names: an endpoint, a repository, and a revision as it is written."""

    root: Root
    repo_id: str
    revision: str


class Place(NamedTuple):
    """What an `Asked` means: a repository at a commit."""

    repository: Repository
    resolved: Resolved


class Named(NamedTuple):
    """The commit of an `Asked`, and whether it was asked for as `main`."""

    commit: str
    is_main: bool


def asked_of(request: Request) -> Asked:
    """What the path of a request names. Without a revision it is `main`."""
    parameters = request.path_params
    return Asked(root_of(request.scope), parameters["repo"], parameters.get("revision", MAIN))


def key_of(asked: Asked, commit: str) -> str:
    """The key of a snapshot in the store. No token has a line break."""
    return f"{asked.root.token or ''}\n{asked.repo_id}\n{commit}"


def place_of(asked: Asked) -> Place:
    """What a path means. Raises HubError."""
    root, repo_id, revision = asked
    if root.token is not None:
        manifest = _manifest(root.token)
        repository = repository_under(repo_id, manifest, root.token)
        main = Revision(manifest.seed or 0)
    else:
        repository, main = repository_of(repo_id), Revision(0)
    if root.revision is not None:
        resolved = revision_of(root.revision, repository, main)
        main = Revision(resolved.seed, resolved.dtype)
    return Place(repository, revision_of(revision, repository, main))


def _manifest(token: str) -> Manifest:
    """The manifest of the token in the endpoint. Raises HubError."""
    try:
        return manifest_of_token(token)
    except OtherTokenError as error:
        why = "of another edition of its recipe" if error.edition else "not in its canonical form"
    except FaninError as error:
        why = f"no token of a manifest ({error.problems[0].message})"
    message = f"the endpoint's token is {why}: POST the manifest to /v1/models and use `url`"
    raise HubError("RepoNotFound", message)
