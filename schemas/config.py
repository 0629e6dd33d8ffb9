"""The one configuration of a build.

A field marked ``OPERATIONAL`` says where or how fast the work is done; it never changes a byte of the dataset, and may
differ between two starts of one run. All other fields together are the configuration's *identity*. One field is
operational and yet decides which texts are finished, and so what is packed: ``max_tokens``. A limit that is raised
later must not throw finished work away.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from schemas.base import OPERATIONAL, Contract, Wnid, canonical_json
from schemas.engines import EngineConfig

Workers = Annotated[int, Field(ge=0, le=1024), OPERATIONAL]
"""Number of parallel workers; 0 takes one per core."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class SourceConfig(Contract):
    """Where the user's copy of ImageNet-21k lies."""

    path: Annotated[Path, OPERATIONAL]
    collection: str = "ImageNet-21k"
    """What the pictures are, in the card's words."""
    licence: str = (
        "They belong to their photographers. ImageNet gives access for non-commercial research and education under its "
        "own terms (<https://www.image-net.org/download.php>), which bind whoever uses them here."
    )
    """Of the pictures, in the card's words."""
    form: Annotated[Literal["auto", "tree", "tars", "tar"], OPERATIONAL] = "auto"
    """``tree``: extracted class folders; ``tars``: a folder of per-synset tars; ``tar``: one tar, or a tar of tars."""


class ScreeningConfig(Contract):
    """What counts as a usable photograph. Sources of the defaults: docs/architecture.md, "Screening"."""

    min_side: int = Field(default=224, ge=1)
    """Shorter side, in pixels."""
    max_pixels: int = Field(default=64_000_000, ge=1, le=2**28)
    """Width times height, checked before anything is decoded."""
    max_aspect: float = Field(default=4.0, ge=1)
    max_bytes: int = Field(default=32 * 2**20, ge=1, le=2**30)
    """Size of the file, and of what a gzip stream may unpack to."""
    min_grey_std: float = Field(default=6.0, ge=0)
    """Standard deviation of the grey levels (0-255) below which a picture is blank."""
    min_entropy: float = Field(default=2.0, ge=0, le=8)
    """Entropy of the grey levels, in bits, below which a picture is blank."""
    near_duplicate_bits: int = Field(default=3, ge=0, le=3)
    """Largest Hamming distance of two 64-bit perceptual hashes that are near-duplicates."""
    workers: Workers = 0


class HoldoutConfig(Contract):
    """What goes to the ``benchmark`` split, drawn before anything is generated."""

    subtrees: tuple[Wnid, ...] = ()
    """WordNet subtrees of which nothing is trained on."""
    synset_share: float = Field(default=0.01, ge=0, lt=1)
    """Share of synsets of which nothing is trained on."""
    image_share: float = Field(default=0.01, ge=0, lt=1)
    """Share of single images of the synsets that are trained on."""


class SelectionConfig(Contract):
    """Which images, and how many."""

    images: int = Field(default=250_000, ge=1)
    classes: tuple[Wnid, ...] | None = Field(default=None, min_length=1)
    """Only these synsets; all of ImageNet-21k when left out."""
    exclude_subtrees: tuple[Wnid, ...] = ("n00007846",)
    """By default the person subtree."""
    exclude_synsets: tuple[Wnid, ...] = ("n10994097", "n11196627", "n11318824")
    """By default the three named people that ImageNet files under other classes."""
    holdout: HoldoutConfig = HoldoutConfig()


class SamplingOverrides(Contract):
    """Sampling parameters to set otherwise than the teacher's entry does."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=-1)
    repetition_penalty: float | None = Field(default=None, gt=0, le=2)
    max_tokens: Annotated[int | None, Field(gt=0), OPERATIONAL] = None


class TeacherConfig(Contract):
    """One teacher of this build: its entry's name, and the engine that runs it."""

    name: Name
    engine: EngineConfig
    sampling: SamplingOverrides = SamplingOverrides()


class GenerationConfig(Contract):
    """How the teachers are kept busy."""

    max_attempts: int = Field(default=4, ge=1, le=4)
    """Attempts per image and teacher; the retry ladder has four rungs."""
    max_concurrency: Annotated[int | None, Field(ge=1), OPERATIONAL] = None
    """Requests in flight per engine; what the engine asks for when left out."""
    prepare_workers: Workers = 0
    prepare_ahead: Annotated[int, Field(ge=1), OPERATIONAL] = 64
    """Images decoded and waiting, at most."""
    part_rows: Annotated[int, Field(ge=1), OPERATIONAL] = 1000
    """A ledger part is closed after this many rows ..."""
    part_seconds: Annotated[float, Field(gt=0), OPERATIONAL] = 10.0
    """... or this many seconds, whichever comes first: what a kill can cost at most."""
    engine_restarts: Annotated[int, Field(ge=0), OPERATIONAL] = 5


class PackingConfig(Contract):
    """The shape of the shards."""

    images_per_shard: int = Field(default=2000, ge=1)
    """Upper bound; images are spread evenly over the fewest shards."""
    workers: Workers = 0


class BuildConfig(Contract):
    """A whole build, from one YAML file."""

    name: Name = "imagenet-think"
    seed: int = Field(default=0, ge=0, lt=2**63)
    source: SourceConfig
    screening: ScreeningConfig = ScreeningConfig()
    selection: SelectionConfig = SelectionConfig()
    prompt: Name = "describe-step-by-step"
    """Id of a file in ``prompts/``."""
    teachers: tuple[TeacherConfig, ...] = Field(min_length=1)
    generation: GenerationConfig = GenerationConfig()
    packing: PackingConfig = PackingConfig()

    @model_validator(mode="after")
    def validate_teachers(self) -> Self:
        """No teacher stands twice."""
        names = [teacher.name for teacher in self.teachers]
        if len(set(names)) != len(names):
            raise ValueError(f"teachers: {', '.join(names)} holds a name twice; each teacher stands once")
        return self

    def identity(self) -> dict[str, Any]:
        """All fields that decide the dataset's bytes, as plain data."""
        return _identity(self)

    def identity_sha256(self) -> str:
        """SHA-256 of the identity's canonical JSON."""
        return hashlib.sha256(canonical_json(self.identity())).hexdigest()


def _identity(model: BaseModel) -> dict[str, Any]:
    return {
        name: _plain(getattr(model, name))
        for name, field in type(model).model_fields.items()
        if OPERATIONAL not in field.metadata
    }


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _identity(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
