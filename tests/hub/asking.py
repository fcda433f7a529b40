"""What the tests of repo ids, revisions and commits share."""

import pytest

from service.hub.errors import MOST_MESSAGE, HubCode, HubError
from service.hub.repositories import Repository, repository_of, repository_under
from service.models.manifest import Manifest, canonical_text
from service.models.token import token_of


def refused(repo_id: str) -> str:
    """The message with which a repo id is refused."""
    with pytest.raises(HubError) as caught:
        repository_of(repo_id)
    return checked(caught.value, "RepoNotFound")


def under_token(repo_id: str, manifest: Manifest) -> Repository:
    """The repository of a name at the endpoint of the manifest's token."""
    return repository_under(repo_id, manifest, token_of(canonical_text(manifest)))


def checked(error: HubError, code: HubCode) -> str:
    """The message of an error, which fits into a header."""
    assert error.code == code
    assert len(error.message) <= MOST_MESSAGE
    assert all(" " <= character <= "~" for character in error.message)
    return error.message
