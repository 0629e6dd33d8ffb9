"""Which images of a stream are worth keeping as they pass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Keep:
    """What a source that can only be streamed keeps on disk while it is indexed.

    Of each wanted class the ``per_class`` images with the smallest ranks (``schemas.identity.rank``): those that the
    draw comes to first. It only saves passes over the stream; what is not kept and yet needed is fetched.
    """

    directory: Path
    seed: int
    per_class: int
    wanted: frozenset[str]
    """Wnids."""
    ids: frozenset[str] | None = None
    """Where it is known which images are needed: no others are kept."""
