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

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, model_validator

from schemas.base import OPERATIONAL, Contract, Wnid, canonical_json
from schemas.engines import EngineConfig

Workers = Annotated[int, Field(ge=0, le=1024), OPERATIONAL]
"""Number of parallel workers; 0 takes one per core."""


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


SourceForm = Literal["tree", "tars", "tar", "tar.gz", "webdataset", "parquet"]
"""``tree``: extracted class folders. ``tars``: a folder of per-synset tars. ``tar``: one tar, or a tar of tars.
``tar.gz``: the same, compressed as a whole. ``webdataset``, ``parquet``: folders of such shards, here or on the hub."""

HUB_SCHEME = "hf://"


class SourceConfig(Contract):
    """Where the user's copy of ImageNet-21k lies, and how it is read."""

    path: Annotated[str, BeforeValidator(_as_text), Field(min_length=1), OPERATIONAL]
    """A folder or a file, or ``hf://datasets/OWNER/NAME[@REVISION][/FOLDER]``."""
    collection: str = "ImageNet-21k"
    """What the pictures are, in the card's words."""
    licence: str = (
        "They belong to their photographers. ImageNet gives access for non-commercial research and education under its "
        "own terms (<https://www.image-net.org/download.php>), which bind whoever uses them here."
    )
    """Of the pictures, in the card's words."""
    form: Annotated[Literal["auto"] | SourceForm, OPERATIONAL] = "auto"
    """Found by looking when it is ``auto``."""
    scan_mode: Annotated[Literal["auto", "random", "sequential"], OPERATIONAL] = "auto"
    """How archives on disk are listed: ``random`` reads headers only, ``sequential`` reads all bytes in order, which is
    faster where seeking is slow. ``auto`` asks the system what the medium is."""
    dimensions: Annotated[bool, OPERATIONAL] = True
    """Whether the index looks at the first bytes of every image. Without, screening meets what is too small."""
    workers: Workers = 0
    """Processes that index containers side by side."""
    index_cache: Annotated[Path | None, OPERATIONAL] = None
    """A folder in which the index's parts are kept for other builds too; the run directory when left out."""
    keep_per_class: Annotated[int | None, Field(ge=1), OPERATIONAL] = None
    """Of sources that can only be streamed: candidates of each class that are kept on disk as they pass. Never changes
    what is selected; too few cost another pass. As many as the draw will usually look at when left out."""
    seek_index: Annotated[bool, OPERATIONAL] = False
    """Of a ``tar.gz``: keep an index with which it can be entered in its middle."""

    @property
    def is_hub(self) -> bool:
        """Whether the source is streamed from the hub."""
        return self.path.startswith(HUB_SCHEME)


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


ClassList = Literal["fall11", "winter21", "fall11-p", "winter21-p", "12k", "1k"]
"""Releases by their classes; ``-p``: 21k-P, those classes that the processed release keeps."""


class DomainShare(Contract):
    """Least and greatest share of a domain among the selected images, at every length of the draw."""

    floor: float = Field(default=0.0, ge=0, le=1)
    cap: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def validate_order(self) -> Self:
        """The floor is not above the cap."""
        if self.floor > self.cap:
            raise ValueError(f"floor {self.floor:g} is above cap {self.cap:g}")
        return self


class SelectionConfig(Contract):
    """Which images, and how many."""

    images: int = Field(default=250_000, ge=1)
    classes: tuple[Wnid, ...] | None = Field(default=None, min_length=1)
    """Only these synsets; all of ImageNet-21k when left out."""
    classes_file: Annotated[Path | None, OPERATIONAL] = None
    """A file of synsets, one a line, that stands for ``classes`` and is read with the configuration."""
    exclude_subtrees: tuple[Wnid, ...] = ("n00007846",)
    """By default the person subtree."""
    exclude_synsets: tuple[Wnid, ...] = ("n10994097", "n11196627", "n11318824")
    """By default the three named people that ImageNet files under other classes."""
    class_list: ClassList | None = None
    """Only the classes of this release."""
    leaf_only: bool = False
    """Only classes below which no other wanted class lies: the same thing is not drawn at two levels."""
    min_class_images: int = Field(default=0, ge=0)
    """Classes with fewer images in the source are left out."""
    alpha: float = Field(default=0.0, ge=0, le=1)
    """Classes get shares in proportion to this power of their sizes: 0 is equal, 1 proportional."""
    domains: dict[str, DomainShare] = Field(default={})
    """Bounds by domain of the taxonomy (``animal``, ``artifact``, ...)."""
    balance_complexity: bool = True
    """Draw simple, middling and complex pictures of a class by turns."""
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


class WorkPoolConfig(Contract):
    """Generation as flow runs on a Prefect work pool, each a *chunk*: images that one worker asks one teacher about."""

    work_pool: Name
    """Name of the pool; its workers run the deployment ``generate/WORK_POOL``."""
    longest_minutes: float = Field(default=240, gt=0)
    """A chunk is to keep a worker busy for so long at most. What a run loses that breaks off is in flight, however long
    it was to be; but the shorter chunks are, the sooner a worker that joins finds work."""
    shortest_minutes: float = Field(default=5, gt=0)
    """At least for so long, while there are images left: enough to be worth loading a model."""
    images_per_minute: dict[str, Annotated[float, Field(gt=0)]] = Field(default={})
    """Of one worker, by teacher, as ``imagenet-think tune`` measures them. They hold until the ledger tells; the first
    chunks of a teacher that is not named are short."""
    outstanding: int = Field(default=64, ge=1, le=1024)
    """Flow runs that are submitted and have not ended, at most."""
    start_minutes: float = Field(default=15, gt=0)
    """A run that a worker took and did not start for so long is given up, and its chunk goes to another."""
    silent_minutes: float = Field(default=60, gt=0)
    """So is a run that has started and written nothing to the ledger for so long; the model's loading counts."""
    poll_seconds: float = Field(default=5, gt=0)
    """Between two looks at pool and ledger."""
    settle_seconds: float = Field(default=60, ge=0)
    """How long the last parts of a run that broke off may take to be seen: shared file systems remember folders."""

    @model_validator(mode="after")
    def validate_minutes(self) -> Self:
        """The shortest is not above the longest."""
        if self.shortest_minutes > self.longest_minutes:
            raise ValueError(
                f"generation.where: shortest_minutes {self.shortest_minutes:g} is above longest_minutes "
                f"{self.longest_minutes:g}"
            )
        return self


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
    part_seconds: Annotated[float, Field(gt=0), OPERATIONAL] = 30.0
    """... or this many seconds, whichever comes first: what a kill can cost at most."""
    engine_restarts: Annotated[int, Field(ge=0), OPERATIONAL] = 5
    where: Annotated[WorkPoolConfig | None, OPERATIONAL] = None
    """On which workers; in the build's own process when left out."""


class PackingConfig(Contract):
    """The shape of the shards."""

    images_per_shard: int = Field(default=2000, ge=1)
    """Upper bound; images are spread evenly over the fewest shards."""
    workers: Workers = 0


class BenchmarkConfig(Contract):
    """The benchmark that is drawn from the held-out images of a finished build."""

    size: int = Field(default=2500, ge=1)
    """Items; all images of the benchmark split where there are fewer. With 2,500 the 95 % interval of a mean reaches
    4 % of the standard deviation to either side, were items independent."""


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
    benchmark: Annotated[BenchmarkConfig, OPERATIONAL] = BenchmarkConfig()
    """Read after the dataset is finished; no byte of it depends on this."""

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
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in sorted(value.items())}
    return value
