"""The models that a process has planned. A model is planned again if it has been dropped.

Small models and large ones are kept apart, so that a large one drops no small one.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol, TypeVar

from service.models.body import FileLayout
from service.models.collector import Collector
from service.models.config import OtherEditionError
from service.models.expansion import is_small
from service.models.listing import ModelListing, other_files
from service.models.manifest import Manifest, canonical_text, parse_manifest
from service.models.page import page
from service.models.planning import (
    ModelFile,
    ModelPlan,
    Outline,
    canonical_manifest,
    outline,
    plan_model,
)
from service.models.token import text_of, token_of

MOST_SMALL_BYTES = 64 << 20
"""The most memory of all small models that are kept."""

MOST_LARGE_BYTES = 128 << 20
"""The most memory of all large models that are kept. The one that was used last is kept however
large it is, because clients ask for one after a wait. It takes up to 200 MiB."""

MOST_MODELS = 1024
"""The most small models that are kept, and the most large ones."""

MOST_LISTING_BYTES = 32 << 20
"""A longer listing is made anew for each request."""

_MOST_SELECTIONS = 8


class LargeModelError(Exception):
    """The model is not small. `outline` is known of it."""

    def __init__(self, outline: Outline) -> None:
        super().__init__("the model is large")
        self.outline = outline


class OtherTokenError(Exception):
    """The token is not canonical; `token` is. `edition`: it is of another edition of a recipe."""

    def __init__(self, token: str, *, edition: bool) -> None:
        super().__init__(token)
        self.token = token
        self.edition = edition


@dataclass
class StoredModel:
    """A planned model, with what was made from the plan."""

    plan: ModelPlan
    token: str
    _layouts: dict[str, FileLayout] = field(default_factory=dict)
    _selections: OrderedDict[tuple[str, tuple[str, ...]], FileLayout] = field(
        default_factory=OrderedDict
    )
    _listing: bytes | None = None
    _page: bytes | None = None
    _others: dict[str, bytes] | None = None

    def known_layout(self, file: ModelFile, keys: tuple[str, ...] | None) -> FileLayout | None:
        """The layout of a file, or of some of its tensors, if it has been made."""
        if keys is None:
            return self._layouts.get(file.name)
        return self._selections.get((file.name, keys))

    def layout(self, file: ModelFile) -> FileLayout:
        """How a file is divided into chunks. For 45,000 tensors it takes 10 ms to make."""
        known = self._layouts.get(file.name)
        if known is None:
            known = self._layouts[file.name] = FileLayout(self.plan.kinds, file)
        return known

    def selection(self, file: ModelFile, keys: tuple[str, ...]) -> FileLayout:
        """The layout of a file with some tensors alone. Raises ImpossibleError."""
        known = self._selections.get((file.name, keys))
        if known is None:
            known = FileLayout(self.plan.kinds, self.plan.selected(file, keys))
            self._selections[file.name, keys] = known
            if len(self._selections) > _MOST_SELECTIONS:
                self._selections.popitem(last=False)
        return known

    def listing(self) -> bytes:
        """The listing as JSON."""
        if self._listing is not None:
            return self._listing
        text = ModelListing(self.plan, self.token).text()
        if len(text) <= MOST_LISTING_BYTES:
            self._listing = text
        return text

    @property
    def known_listing(self) -> bytes | None:
        """The listing, if it is kept."""
        return self._listing

    def page(self) -> bytes:
        """The listing as HTML. It has a few MiB at most."""
        if self._page is None:
            self._page = page(self.plan, self.token, self.others())
        return self._page

    def others(self) -> dict[str, bytes]:
        """The files beside those of tensors."""
        if self._others is None:
            self._others = other_files(self.plan)
        return self._others

    @property
    def is_small(self) -> bool:
        """Whether the plan has few tensors."""
        return self.plan.is_small

    @property
    def memory(self) -> int:
        """About the bytes that the plan takes, and all that was made from it and is kept."""
        layouts = (*self._layouts.values(), *self._selections.values())
        of_layouts = sum(each.memory for each in layouts)
        selected = sum(each.file.memory for each in tuple(self._selections.values()))
        others = sum(len(text) for text in (self._others or {}).values())
        texts = len(self._listing or b"") + len(self._page or b"") + others
        return self.plan.memory + of_layouts + selected + texts


class Kept(Protocol):
    """A planned model in a form that a store keeps."""

    @property
    def memory(self) -> int:
        """About the bytes that it takes."""

    @property
    def is_small(self) -> bool:
        """Whether it is kept with the small models."""


Form = TypeVar("Form", bound=Kept)


@dataclass
class _Shelf:
    """Models and the bytes that each takes, in the order in which they were used."""

    most_bytes: Callable[[], int]
    keeps_last: bool
    models: OrderedDict[str, tuple[Kept, int]] = field(default_factory=OrderedDict)
    bytes: int = 0

    def put(self, key: str, model: Kept) -> None:
        self.drop(key)
        self.models[key] = model, model.memory
        self.bytes += self.models[key][1]
        while len(self.models) > MOST_MODELS or self._is_too_large:
            self.drop(next(iter(self.models)))

    @property
    def _is_too_large(self) -> bool:
        return self.bytes > self.most_bytes() and len(self.models) > self.keeps_last

    def drop(self, key: str) -> None:
        _, size = self.models.pop(key, (None, 0))
        self.bytes -= size


class ModelStore:
    """Plans models, and keeps those that were used last.

    The key of a StoredModel is its token. Other forms have keys that cannot be tokens. Several
    threads may plan at once, and ask for what is known. What two of them make of a model at once
    is equal.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._small = _Shelf(lambda: MOST_SMALL_BYTES, False)
        self._large = _Shelf(lambda: MOST_LARGE_BYTES, True)
        self._lock = Lock()
        self._collector = Collector()

    def known(self, token: str) -> StoredModel | None:
        """The model of a token, if it is kept. It counts as used."""
        return self.kept(token, StoredModel)

    def kept(self, key: str, form: type[Form]) -> Form | None:
        """What is kept under a key, if it has this form. It counts as used."""
        with self._lock:
            for shelf in (self._small, self._large):
                known, _ = shelf.models.get(key, (None, 0))
                if isinstance(known, form):
                    shelf.models.move_to_end(key)
                    return known
        return None

    def planned(self, manifest: Manifest, *, only_small: bool = False) -> StoredModel:
        """The model of a manifest with a seed. Raises the errors of `plan`."""
        plan = self.plan(manifest, only_small=only_small)
        model = StoredModel(plan, token_of(plan.text))
        self.keep(model.token, model)
        return model

    def model(self, token: str, *, only_small: bool = False) -> StoredModel:
        """The model of a token.

        Raises UnreadableError for a damaged token, OtherTokenError for one that is not canonical,
        and the errors of `plan`.
        """
        known = self.known(token)
        if known is not None:
            return known
        text, manifest = _read(token)
        try:
            plan = self.plan(manifest, only_small=only_small)
        except OtherEditionError:
            plan = self.plan(_of_present_edition(manifest), only_small=only_small)
            raise OtherTokenError(token_of(plan.text), edition=True) from None
        if plan.text != text:
            raise OtherTokenError(token_of(plan.text), edition=False)
        model = StoredModel(plan, token)
        self.keep(token, model)
        return model

    def plan(self, manifest: Manifest, *, only_small: bool = False) -> ModelPlan:
        """The plan of a manifest with a seed, which is not kept.

        Raises UnreadableError and ImpossibleError. With `only_small` it takes little time: raises
        LargeModelError for a large model, unless its outline tells that it is refused.
        """
        if only_small and not is_small(manifest):
            raise LargeModelError(outline(manifest, max_bytes=self._max_bytes))
        with self._collector.passing_over():
            return plan_model(manifest, max_bytes=self._max_bytes)

    def keep(self, key: str, model: Kept) -> None:
        """Keep a model under a key. Models that were used least recently may be dropped."""
        with self._lock:
            (self._small if model.is_small else self._large).put(key, model)

    def weigh(self, key: str) -> None:
        """Measure a model again, because something was made from it. Others may be dropped."""
        with self._lock:
            for shelf in (self._small, self._large):
                if key in shelf.models:
                    shelf.put(key, shelf.models[key][0])


def manifest_of_token(token: str) -> Manifest:
    """The manifest of a token, without planning its model.

    Raises UnreadableError for a damaged token, OtherTokenError for one that is not canonical, and
    the errors of `choice_of`.
    """
    text, manifest = _read(token)
    try:
        canonical = canonical_text(canonical_manifest(manifest))
    except OtherEditionError:
        present = canonical_manifest(_of_present_edition(manifest))
        raise OtherTokenError(token_of(canonical_text(present)), edition=True) from None
    if canonical != text:
        raise OtherTokenError(token_of(canonical), edition=False)
    return manifest


def _read(token: str) -> tuple[bytes, Manifest]:
    """The text of a token, and its manifest with a seed."""
    text = text_of(token)
    manifest = parse_manifest(text)
    if manifest.seed is None:
        # No token of ours lacks a seed. With this one, the text is not canonical.
        manifest = manifest.model_copy(update={"seed": 0})
    return text, manifest


def _of_present_edition(manifest: Manifest) -> Manifest:
    return manifest.model_copy(update={"edition": None})
