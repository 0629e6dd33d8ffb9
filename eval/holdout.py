"""Does anything of the benchmark stand in the train split? Checked on the selection, before a teacher is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.tables import read_rows
from schemas.errors import ConservationError
from schemas.image import SelectedImage


@dataclass(frozen=True, slots=True)
class Leak:
    """One benchmark image that train has seen in some way."""

    image_id: str
    kind: str
    """``bytes``: the same file; ``near_duplicate``: the same group; ``synset``: its class was to be held out whole."""


def find_leaks(selection: Path) -> Iterator[Leak]:
    """Yield every benchmark image that shares bytes, near-duplicates or (where held out) its class with train.

    Independent of the code that draws the splits: it looks at the finished ``selection.parquet`` alone, in two passes.
    """
    digests: set[bytes] = set()
    groups: set[str] = set()
    classes: set[str] = set()
    for image in read_rows(selection, SelectedImage):
        if image.split == "train":
            digests.add(bytes.fromhex(image.facts.sha256))
            groups.add(image.duplicate_group)
            classes.add(image.ref.wnid)
    for image in read_rows(selection, SelectedImage):
        if image.split == "benchmark":
            if bytes.fromhex(image.facts.sha256) in digests:
                yield Leak(image.ref.image_id, "bytes")
            if image.duplicate_group in groups:
                yield Leak(image.ref.image_id, "near_duplicate")
            if image.holdout in ("synset", "subtree") and image.ref.wnid in classes:
                yield Leak(image.ref.image_id, "synset")


def check_holdout(selection: Path) -> None:
    """Refuse a selection whose benchmark leaks.

    Raises:
        ConservationError: it does; the message names the first image.
    """
    for leak in find_leaks(selection):
        raise ConservationError(f"{selection}: benchmark image {leak.image_id} leaks into train ({leak.kind})")
