"""The seam between scoring and the metrics that compare two texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from schemas.benchmark import TextField


class Seen(NamedTuple):
    """How much of one text an embedding metric sees, in its model's tokens."""

    window: int
    """Tokens that the model takes at once."""
    tokens: int
    scored: int
    first_window: int
    """What would be seen if the text were cut at the window."""


class Similarity(Protocol):
    """Compares two texts by one metric or several that share their preparation.

    All values lie in [0, 1] for lexical metrics and in [-1, 1] for embeddings; all are symmetric; and a text without
    any words is unlike every text, itself included: the value is 0.
    """

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what :meth:`compare` gives, in order."""

    @property
    def definitions(self) -> Mapping[str, str]:
        """What pins each metric, by its name: definition, tokenizer, versions, model."""

    def prepare(self, field: TextField, texts: Sequence[str]) -> Sequence[Any]:
        """Do once what every comparison of a text needs."""

    def compare(self, one: Any, other: Any) -> tuple[float, ...]:
        """How like two prepared texts of the same field are: one value per metric."""

    def see(self, prepared: Any) -> Seen | None:
        """How much of a prepared text counts; ``None`` where that is always all of it."""
