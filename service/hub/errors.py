"""The refusals of the Hub routes, with the codes that Hub clients understand."""

import re
from typing import Literal

HubCode = Literal["RepoNotFound", "RevisionNotFound", "EntryNotFound"]
"""The values of X-Error-Code that huggingface_hub turns into exceptions of their own."""

MOST_MESSAGE = 200
"""The most characters of a message. It goes into a header."""

_UNPRINTABLE = re.compile(r"[^ -~]")


def hub_text(text: str) -> str:
    """The text in printable ASCII (space to ~), at most MOST_MESSAGE characters.

    Every other character becomes a question mark, CR and LF too. A text that is cut ends in three
    points.
    """
    if len(text) > MOST_MESSAGE:
        text = text[: MOST_MESSAGE - 3] + "..."
    return _UNPRINTABLE.sub("?", text)


class HubError(Exception):
    """Something is not there. `code` says what, and `message` what to ask for instead."""

    def __init__(self, code: HubCode, message: str) -> None:
        self.code = code
        self.message = hub_text(message)
        super().__init__(self.message)
