"""Answers to GET requests for tensors, and the caches that make similar requests cheap."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.api.headers import HeaderLines, HeaderTemplate, caching_headers
from service.chunks import TensorBody
from service.fields import Spec
from service.plan import PlanTemplate
from service.plan.canonical import is_small
from service.plan.tag import tensor_tag
from service.stream.address import Address, stream_of

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class RecentlyUsed(Generic[Key, Value]):
    """A cache of the `most` values that were used last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """The value of this key, if it is in the cache."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Add a value; drop the least recently used one if there are more than `most`."""
        self._values[key] = value
        if len(self._values) > self._most:
            self._values.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything in the answer to a GET except the values.

    `drawn`: the request had no seed, so one was drawn at random for this answer alone. `caching`
    are the headers that a 304 repeats, and `headers` are all of them.
    """

    drawn: bool
    tag: str
    caching: dict[str, str]
    headers: HeaderLines
    body: TensorBody


@dataclass(frozen=True, slots=True)
class _First:
    """The parts of an answer that are made once, from the plan of the first request."""

    headers: HeaderTemplate
    body: TensorBody


class AnswerTemplate:
    """Makes the answers to requests that differ only in seed and name.

    Either all of them have a name or none has one, because a missing name is a warning. `small`:
    the template and each answer take a few KiB at most, so a cache may keep them.
    """

    def __init__(self, spec: Spec, format_name: str, *, max_bytes: int) -> None:
        """Raises the errors of PlanTemplate. The seed of `spec` does not matter."""
        self._plans = PlanTemplate(spec, format_name, max_bytes=max_bytes)
        self._first: _First | None = None
        self.small = is_small(spec)

    def answer(self, seed: int | None, name: str, target: bytes) -> Answer:
        """The answer to a GET of `target`. Raises the errors of PlanTemplate.issued."""
        identity, url, drawn = issued = self._plans.seeded(seed, name)
        if self._first is None:
            plan = self._plans.plan(issued, name)
            self._first = _First(HeaderTemplate(plan), TensorBody(plan))
        tag = tensor_tag(url, self._plans.drafts)
        caching = caching_headers(url, self._plans.drafts, tag, target, drawn=drawn)
        headers = self._first.headers.headers(identity.seed, name, caching, ranges=not drawn)
        address = Address(identity.seed or 0, stream_of(identity.name))
        return Answer(drawn, tag, caching, headers, self._first.body.at(identity.head, address))
