"""What was selected and what was packed: small JSON files that let anyone check the large ones."""

from __future__ import annotations

import hashlib
from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.base import Contract, Count, Hash64, ImageId, Sha256, canonical_json
from schemas.identity import GenerationIdentity
from schemas.image import Split
from schemas.rejection import RejectReason, Stage

UNSIGNED = "0" * 64

PIXELS_ENGINE = "pixels"
"""The embedded engine: its texts were written by no model."""

Edition = Literal["pictures", "annotations"]
"""``pictures``: a sample is ``.cls``, ``.jpg`` and ``.json``. ``annotations``: the same without the photograph."""


class Signed(Contract):
    """A manifest that carries its own SHA-256: that of its canonical JSON with zeros in the digest's place."""

    sha256: Sha256 = UNSIGNED

    def signed(self) -> Self:
        """A copy with the right digest."""
        return self.model_copy(update={"sha256": self.digest()})

    def digest(self) -> str:
        """The digest that this manifest must carry."""
        fields = self.model_copy(update={"sha256": UNSIGNED}).model_dump(mode="json")
        return hashlib.sha256(canonical_json(fields)).hexdigest()


class Thresholds(Contract):
    """Quantiles of the collection, estimated from a sample that does not depend on how many images are drawn."""

    pilot: Count
    """Usable images in the sample."""
    complexity: tuple[float, float]
    """Terciles of visual complexity, in bits per pixel: where the middle and the high stratum begin."""
    sharpness: float = Field(ge=0)
    """First percentile; what is below counts as blurred."""


class SelectionManifest(Signed):
    """The draw: candidates = drawn + rejected + left over."""

    seed: int
    target: int = Field(gt=0)
    candidates: Count
    left_over: Count
    """Candidates that were not needed for the target."""
    rejected: dict[RejectReason, Count]
    near_duplicate_groups: Count
    rule: str
    """By which classes share the draw."""
    thresholds: Thresholds
    screening: str
    """Version of the checks and measures."""
    taxonomy_sha256: Sha256
    versions: dict[str, str]
    """Of the libraries that decide whether a damaged file decodes."""
    ids: dict[Split, tuple[ImageId, ...]]
    """Per split, in the order of the draw."""

    @property
    def drawn(self) -> int:
        """Number of selected images."""
        return sum(len(ids) for ids in self.ids.values())


class ShardEntry(Contract):
    """One tar file. ``path`` is relative to the dataset's root."""

    path: str
    split: Split
    images: Count
    bytes: int = Field(gt=0)
    sha256: Sha256


class TeacherEntry(Contract):
    """Who wrote, and how."""

    identity: GenerationIdentity
    """Model, sampling and all else that the fingerprint of its pairs stands for."""
    fingerprint: Hash64
    engine: str
    licence: str
    pairs: Count
    pairs_by_rung: dict[str, Count]
    attempts_by_status: dict[str, Count]
    """All attempts on the selected images, by what the parser made of the text."""

    @property
    def name(self) -> str:
        """The teacher's name."""
        return self.identity.teacher

    @property
    def is_measured(self) -> bool:
        """Whether any of its texts come from the embedded engine, and so were written by no model."""
        return PIXELS_ENGINE in self.engine.split(", ")

    @model_validator(mode="after")
    def validate_fingerprint(self) -> Self:
        """The fingerprint is that of the identity."""
        if self.fingerprint != self.identity.fingerprint:
            raise ValueError(f"fingerprint {self.fingerprint} is not that of the identity")
        return self


class PromptEntry(Contract):
    """What the teachers were asked."""

    id: str
    sha256: Sha256
    language: str
    """ISO 639-1."""
    text: str
    """The template."""
    label_shown: bool


class DatasetManifest(Signed):
    """The packed dataset: selected = packed + rejected, and every byte accounted for."""

    name: str
    record_version: str
    edition: Edition
    made_from: Sha256 | None
    """Digest of the manifest of the dataset that this edition was made from; null for what packing wrote."""
    prompt: PromptEntry
    config_sha256: Sha256
    """Of the configuration's identity (what decides the bytes, not where or how fast they were made)."""
    selection_sha256: Sha256
    collection: str
    """What the pictures are, in the configuration's words."""
    picture_licence: str
    seen: Count
    """Entries of the source: packed + rejected (at any stage) + left over."""
    left_over: Count
    """Candidates that were not needed for the target; most were never looked at."""
    selected: Count
    packed: Count
    rejected: dict[Stage, dict[RejectReason, Count]]
    """All rejections from the source to here; those of ``pack`` are what the selection lost."""
    teachers: tuple[TeacherEntry, ...]
    shards: tuple[ShardEntry, ...]
    pictured: tuple[ShardEntry, ...]
    """In an edition without pictures: the same shards as they are with them, so that whoever puts the pictures back
    can tell whether the result is the original. Empty in an edition that has them."""
    preview: ShardEntry | None
    """The first rows of the first training shard once more, for looking at; null where that is not worth it."""
    files: dict[str, Sha256]
    """The other files, by path; the card and ``SHA256SUMS`` excepted, which are made from this manifest."""
