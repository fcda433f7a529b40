"""The threads in which models are planned, and things are made from them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from starlette.types import Receive

from service.api.aside import Aside
from service.models.store import LargeModelError

SMALL_SECONDS = 0.02
LARGE_SECONDS = 4.0
"""The times of planning a small model and a large one, for Retry-After, before any is measured."""

Made = TypeVar("Made", covariant=True)


class Planning(Protocol[Made]):
    """Work that plans a model. If it does only small ones, it raises LargeModelError for others."""

    def __call__(self, *, only_small: bool) -> Made:
        """Plan the model, and make something from it."""


@dataclass(frozen=True, slots=True)
class Planners:
    """A thread for small models, so that they never wait for seconds, and one for large ones.

    A third one, `hashes`, is for work on small models that takes up to 0.3 s.
    """

    small: Aside = field(default_factory=partial(Aside, SMALL_SECONDS))
    large: Aside = field(default_factory=partial(Aside, LARGE_SECONDS))
    hashes: Aside = field(default_factory=Aside)

    async def planned(
        self, receive: Receive, work: Planning[Made], until: float | None = None
    ) -> Made:
        """What the work makes of a model, small or large.

        Raises the errors of the work and of Aside.run_for.
        """
        try:
            return await self.small.run_for(receive, partial(work, only_small=True), until)
        except LargeModelError:
            return await self.large.run_for(receive, partial(work, only_small=False), until)

    async def made(
        self,
        receive: Receive,
        work: Callable[[], Made],
        until: float | None = None,
        *,
        is_small: bool,
    ) -> Made:
        """What the work makes from a model that is planned. Raises the errors of Aside.run_for."""
        aside = self.small if is_small else self.large
        return await aside.run_for(receive, work, until)

    def close(self) -> None:
        """End the threads after what they are doing."""
        for aside in (self.small, self.large, self.hashes):
            aside.close()
