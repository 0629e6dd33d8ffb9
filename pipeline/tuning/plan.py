"""What will be measured: how many engine starts, points and requests. Nothing is started here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.engines import check_engine
from pipeline.generation import TeacherSetup
from pipeline.tuning.settings import DEFAULT_BATCH_LIMITS, engine_of_kind, has_batch_limit
from schemas.engines import EngineConfig
from schemas.errors import ConfigError

WINDOWS = 2
"""Images per place of the widest window, at least: with fewer it is never full for long enough to be measured."""

FEWEST_IMAGES = 64
"""Fewer lengths say little about their spread."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """What a user asked to be tried.

    Args:
        concurrencies: requests in flight, over all replicas or servers together.
        batch_limits: of ``max_num_batched_tokens``; ``None`` takes the usual ones, where the engine has such a limit.
        images: size of the sample; ``None`` takes twice the largest concurrency, at least 64.
    """

    concurrencies: Sequence[int]
    batch_limits: Sequence[int] | None = None
    images: int | None = None


@dataclass(frozen=True, slots=True)
class TuningPlan:
    """One teacher's measurements.

    Args:
        engine: the kind and settings that are varied.
        images: the first of the selection; the same ones, with the same seeds, at every point.
        concurrencies: ascending.
        batch_limits: one start of the engine each; ``None`` leaves the limit to the engine.
        notes: what was asked for and cannot be, each a sentence.
    """

    engine: EngineConfig
    images: int
    concurrencies: tuple[int, ...]
    batch_limits: tuple[int | None, ...]
    notes: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """How many settings are measured."""
        return len(self.concurrencies) * len(self.batch_limits)

    @property
    def requests(self) -> int:
        """How many first requests that makes; images that need another attempt make more."""
        return self.points * self.images


def plan_tuning(setup: TeacherSetup, ranges: Ranges, selected: int, kind: str | None = None) -> TuningPlan:
    """Say what will be measured for one teacher.

    Args:
        setup: the teacher.
        ranges: what is to be tried.
        selected: images in the selection.
        kind: of engine; the configured one when ``None``.

    Raises:
        ConfigError: an empty or impossible range, a limit that the engine does not have, an engine that cannot be
            made, or fewer images selected than the smallest concurrency needs.
    """
    engine = engine_of_kind(setup.config.engine, kind)
    check_engine(engine, setup.spec, setup.grammar, setup.sampling)
    wanted = _ascending("--concurrency", ranges.concurrencies)
    images = ranges.images if ranges.images is not None else max(FEWEST_IMAGES, WINDOWS * wanted[-1])
    if images < 1:
        raise ConfigError(f"--images {images}: at least one is needed")
    notes = []
    if images > selected:
        notes.append(f"the selection holds {selected:,} images, not {images:,}: all of them are used")
        images = selected
    concurrencies = tuple(size for size in wanted if WINDOWS * size <= images)
    if not concurrencies:
        raise ConfigError(
            f"--concurrency {wanted[0]}: {images:,} images cannot keep so many requests in flight for long enough",
            f"try {max(1, images // WINDOWS)} or less, or take more images",
        )
    if left_out := wanted[len(concurrencies) :]:
        sizes = ", ".join(map(str, left_out))
        notes.append(f"concurrency {sizes} left out: needs {WINDOWS} images per place, and the sample holds {images:,}")
    return TuningPlan(engine, images, concurrencies, _batch_limits(engine, ranges.batch_limits), tuple(notes))


def _batch_limits(engine: EngineConfig, wanted: Sequence[int] | None) -> tuple[int | None, ...]:
    if has_batch_limit(engine):
        return _ascending("--max-num-batched-tokens", DEFAULT_BATCH_LIMITS if wanted is None else wanted)
    if wanted is None:
        return (None,)
    raise ConfigError(
        f"--max-num-batched-tokens: not a setting of engine {engine.kind}",
        "leave it out; for servers it is set where they are started",
    )


def _ascending(option: str, values: Sequence[int]) -> tuple[int, ...]:
    if not values:
        raise ConfigError(f"{option}: empty", "name whole numbers with commas between them, such as 32,64")
    if min(values) < 1:
        raise ConfigError(f"{option}: {min(values)} was given", "name numbers from 1")
    return tuple(sorted(set(values)))
