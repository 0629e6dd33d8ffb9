"""The benchmark: what a model is asked, what the teachers wrote, and the proof that nothing of it was trained on."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

from schemas.base import Contract, Count, Hash64, ImageId, Sha256, Wnid
from schemas.image import Stratum
from schemas.manifest import PIXELS_ENGINE, PromptEntry, Signed

BENCHMARK_VERSION = "1"

Level = Literal["image", "synset", "subtree"]
"""How far an item is from train: another image of a trained synset, a synset never trained on, or one of a whole
WordNet subtree never trained on."""
LEVELS: tuple[Level, ...] = get_args(Level)

TextField = Literal["thinking", "answer"]
"""The two texts that are scored, apart."""
TEXT_FIELDS: tuple[TextField, ...] = get_args(TextField)


class Picture(Contract):
    """An encoded photograph, in the form that ``datasets`` decodes as an image."""

    bytes: bytes
    path: str
    """A name for it, e.g. ``n00005787_11054.jpg``; no file of that name need exist."""


class Hypernym(Contract):
    """A synset above an item's class."""

    wnid: Wnid
    lemmas: tuple[str, ...] = Field(min_length=1)
    steps: int = Field(ge=1)
    """Fewest steps up from the class."""


class Reference(Contract):
    """What one teacher wrote about an item."""

    teacher: str
    thinking: str = Field(min_length=1)
    answer: str = Field(min_length=1)


class BenchmarkItem(Contract):
    """One question: a picture, the words that go with it, and what is known of both."""

    key: ImageId
    image: Picture | None
    """``None`` in a benchmark without pictures, which can be scored with but not asked."""
    image_sha256: Sha256
    """Of the photograph's file in its collection. ``image`` is that file, unless it had to be encoded anew as a JPEG or
    turned upright."""
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    prompt: str = Field(min_length=1)
    wnid: Wnid
    lemmas: tuple[str, ...] = Field(min_length=1)
    definition: str
    hypernyms: tuple[Hypernym, ...]
    """All synsets above the class, the nearest first."""
    domain: str
    depth: int = Field(ge=0)
    """Longest path from the synset to the root of WordNet's nouns, in steps."""
    level: Level
    stratum: Stratum
    """Tercile of visual complexity."""
    complexity: float = Field(ge=0)
    phash: Hash64
    references: tuple[Reference, ...] = Field(min_length=1)
    """One per teacher, in the manifest's order."""


class ReferenceWriter(Contract):
    """Who wrote a column of references."""

    teacher: str
    model: str
    revision: str
    engine: str
    fingerprint: Hash64

    @property
    def is_measured(self) -> bool:
        """Whether any of the texts come from the embedded engine, and so were written by no model."""
        return PIXELS_ENGINE in self.engine.split(", ")


class LeakReport(Contract):
    """What was compared between the benchmark's items and all of train, and what was found in common: nothing.

    Recomputed from the records, independently of the code that drew the splits.
    """

    train_images: Count
    train_synsets: Count
    items: Count
    items_by_level: dict[Level, Count]
    shared_keys: Count
    """Items whose image id is in train."""
    shared_bytes: Count
    """Items whose file (SHA-256) is in train."""
    near_duplicates: Count
    """Items within ``near_duplicate_bits`` of a train image's perceptual hash."""
    near_duplicate_bits: int = Field(ge=0)
    shared_synsets: Count
    """Items of level ``synset`` or ``subtree`` whose class is in train."""
    shared_subtrees: Count
    """Items of level ``subtree`` below whose held-out root anything of train lies."""
    subtrees: tuple[Wnid, ...]
    """The held-out roots that were checked."""
    nearest_bits: dict[str, Count]
    """Items by the Hamming distance (0-64 bits) to the nearest perceptual hash in train; empty without train images."""

    @property
    def leaks(self) -> int:
        """How many findings there are; a benchmark ships only with none."""
        return sum(
            (self.shared_keys, self.shared_bytes, self.near_duplicates, self.shared_synsets, self.shared_subtrees)
        )


class BenchmarkManifest(Signed):
    """The benchmark as a whole. Scores name it by ``sha256``: they compare only within one benchmark."""

    name: str
    benchmark_version: str
    dataset: str
    """Name of the dataset that it was drawn from ..."""
    dataset_sha256: Sha256
    """... and the digest in that one's manifest."""
    seed: int = Field(ge=0)
    available: Count
    """Images of the dataset's benchmark split; ``items`` of them were drawn."""
    items: int = Field(gt=0)
    items_by_level: dict[str, Count]
    items_by_domain: dict[str, Count]
    items_by_stratum: dict[str, Count]
    pictures: bool
    """Whether the items hold their photographs."""
    prompt: PromptEntry
    references: tuple[ReferenceWriter, ...] = Field(min_length=1)
    tokenizer: str
    """Version of the words that lexical metrics compare, and that ``tfidf.parquet`` counts."""
    documents: dict[TextField, Count]
    """Reference texts that ``tfidf.parquet`` was fitted on."""
    collection: str
    picture_licence: str
    files: dict[str, Sha256]
    """Every other file, by path; the card and ``SHA256SUMS`` excepted."""

    @model_validator(mode="after")
    def validate_teachers(self) -> BenchmarkManifest:
        """No teacher stands twice."""
        if len(set(self.teachers)) != len(self.teachers):
            raise ValueError(f"a teacher stands twice: {self.teachers}")
        return self

    @property
    def teachers(self) -> tuple[str, ...]:
        """Names of the references' writers."""
        return tuple(writer.teacher for writer in self.references)

    @property
    def is_measured(self) -> bool:
        """Whether any references were measured by the embedded engine instead of written by a model."""
        return any(writer.is_measured for writer in self.references)
