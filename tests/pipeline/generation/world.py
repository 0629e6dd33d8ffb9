"""A small selection, and the generation stage on it with a scripted engine."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from pipeline.generation import GenerationJob, SelectedImages, set_up_teachers
from pipeline.generation.ledger import LedgerReader
from pipeline.progress import Progress, Silent
from pipeline.selection import SELECTION_FILE
from pipeline.sources import open_source
from pipeline.taxonomy import load_taxonomy
from schemas.completion import Completion, PairStatus, Rung
from schemas.config import BuildConfig
from schemas.engines import CanaryConfig
from schemas.loading import parse_config

TEACHER = "glm-4.1v-9b-thinking"


def configure(
    source: Path,
    generation: str = "{}",
    prompt: str = "describe-step-by-step",
    sampling: str = "{}",
    factory: str = "tests.fakes.scripted_engine:create",
    **options: object,
) -> BuildConfig:
    return parse_config(
        f"""
        source: {{path: {source}}}
        seed: 5
        screening: {{workers: 1}}
        prompt: {prompt}
        generation: {generation}
        teachers:
          - name: {TEACHER}
            engine: {{kind: custom, factory: "{factory}", options: {json.dumps(options)}}}
            sampling: {sampling}
        """,
        "c.yaml",
    )


def make_job(
    selected: Path,
    ledger: Path,
    config: BuildConfig | None = None,
    *,
    canaries: CanaryConfig | None = None,
    progress: Progress | None = None,
    **options: object,
) -> GenerationJob:
    config = config or configure(selected / "source", **options)  # type: ignore[arg-type]  # the engine's
    (setup,) = set_up_teachers(config)
    if canaries is not None:
        setup = dataclasses.replace(setup, canaries=canaries)
    return GenerationJob(
        setup=setup,
        seed=config.seed,
        settings=config.generation,
        images=SelectedImages(selected / SELECTION_FILE),
        ledger=ledger,
        source=open_source(config.source),
        taxonomy=load_taxonomy(),
        progress=progress or Silent(),
    )


def rows(ledger: Path) -> list[Completion]:
    return [row for path in ledger.glob("*/*/") for row in LedgerReader(path).rows()]


def attempts(ledger: Path, image_id: str) -> list[tuple[int, Rung, PairStatus]]:
    return sorted((row.attempt, row.rung, row.status) for row in rows(ledger) if row.image_id == image_id)
