"""What tuning finds, as plain records."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from schemas.base import Contract


class Start(Contract):
    """One start of the engine: everything that needs another one is a start of its own."""

    max_num_batched_tokens: int | None
    seconds: float = Field(ge=0)
    """Until the engine could be asked: loading, compiling, or connecting."""


class Point(Contract):
    """One setting, measured. Rates are those of the full window (see ``pipeline.tuning.rates``)."""

    concurrency: int = Field(ge=1)
    max_num_batched_tokens: int | None
    images: int = Field(ge=1)
    attempts: int = Field(ge=1)
    accepted: int = Field(ge=0)
    """Images with a valid pair."""
    seconds: float = Field(ge=0)
    """Of the whole point, its beginning and its end included."""
    tokens_per_second: float = Field(ge=0)
    images_per_second: float = Field(ge=0)
    pairs_per_second: float = Field(ge=0)
    starved_share: float = Field(ge=0)
    mean_tokens: float = Field(ge=0)
    """Of an attempt's output."""
    p95_tokens: int = Field(ge=0)
    tokens_per_image: float = Field(ge=0)
    """Mean over the images, all attempts of each together."""
    tokens_deviation: float = Field(ge=0)
    """The same's sample standard deviation."""
    longest_seconds: float = Field(ge=0)
    """From an image's first request to its last answer, at most."""


class Failure(Contract):
    """A setting that could not be measured; larger windows of the same start went with it."""

    max_num_batched_tokens: int | None
    concurrency: int | None
    """``None`` when the engine did not start."""
    reason: str


class Interval(Contract):
    """An estimate and its 95 % interval."""

    estimate: float
    low: float
    high: float


class Projection(Contract):
    """What the whole run takes at one point's rate."""

    images: int = Field(ge=1)
    hours: Interval
    gpus: int = Field(ge=0)
    """0 where the engine uses none, or nobody here knows."""
    gpu_hours: Interval
    tail_seconds: float = Field(ge=0)
    """Left out of the hours: while the last requests end and none follow, at most."""


class TuningReport(Contract):
    """One teacher's tuning."""

    teacher: str
    engine: str
    images: int = Field(ge=1)
    """In the sample."""
    starts: tuple[Start, ...]
    points: tuple[Point, ...]
    failures: tuple[Failure, ...]
    best: Point | None
    """``None`` when nothing could be measured."""
    settings: dict[str, Any]
    """The best point as the configuration says it."""
    projection: Projection | None
