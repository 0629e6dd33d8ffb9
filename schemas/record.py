"""The published row. This model is the one source of the JSON schema, the dataset's features and the card's YAML."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from schemas.base import Contract, Hash64, ImageId, Sha256, Wnid
from schemas.completion import FinishReason, PairScores, PairStatus, Rung
from schemas.image import Holdout, ImageFormat, Split, Stratum

RECORD_VERSION = "1"

ImageEncoding = Literal["source", "unwrapped", "transcoded", "rejoined"]
"""The ``.jpg`` member is the source's bytes, the JPEG inside the source's gzip, a JPEG made from another format, or
another file of the same picture that was put back later; width, height and sha256 then are still the source's."""


class Pair(Contract):
    """One teacher's thinking and answer on one image, and how to ask again.

    What all pairs of a fingerprint share (sampling, precision, processor) stands once, in the dataset's manifest.
    """

    teacher: str
    model: str
    revision: str
    engine: str
    """How the model was run. ``pixels`` is the embedded engine: measured from the picture, written by no model."""
    thinking: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    raw: str
    status: Literal[PairStatus.OK]
    finish_reason: FinishReason
    stop_reason: str | None
    attempt: int = Field(ge=1)
    rung: Rung
    forced_close: bool
    seed: int = Field(ge=0)
    fingerprint: Hash64
    thinking_tokens: int = Field(ge=0)
    answer_tokens: int = Field(ge=0)
    scores: PairScores


class ThinkRecord(Contract):
    """One image and exactly one pair per configured teacher. Every field is always present."""

    image_id: ImageId
    wnid: Wnid
    lemmas: tuple[str, ...] = Field(min_length=1)
    definition: str
    domain: str
    depth: int = Field(ge=0)
    """Longest path from the synset to the root of WordNet's nouns, in steps."""
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    bytes: int = Field(gt=0)
    """Of the source's file, as is ``sha256``."""
    sha256: Sha256
    phash: Hash64
    complexity: float = Field(ge=0)
    stratum: Stratum
    weight: float = Field(gt=0)
    """Images of the same class and stratum in the collection that this one stands for. The selection evens classes and
    complexity out; means weighted by this are estimates for the collection as it is."""
    greyscale: bool
    blurred: bool
    """Less sharp than all but one in a hundred of the collection's photographs. Smooth motifs count too."""
    source_format: ImageFormat
    image_encoding: ImageEncoding
    split: Split
    holdout: Holdout
    prompt_id: str
    prompt: str = Field(min_length=1)
    label_shown: bool
    """Whether the prompt told the teacher the class."""
    pairs: tuple[Pair, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def validate_identities(self) -> ThinkRecord:
        """The class is the one in the id, and no teacher stands twice."""
        if not self.image_id.startswith(f"{self.wnid}_"):
            raise ValueError(f"wnid {self.wnid} is not that of image_id {self.image_id}")
        teachers = [pair.teacher for pair in self.pairs]
        if len(set(teachers)) != len(teachers):
            raise ValueError(f"a teacher stands twice in pairs: {teachers}")
        return self
