"""A run directory whose images are selected, and ledgers that are written by hand into it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from pipeline import stages
from pipeline.engines.base import EngineInfo
from pipeline.generation.ledger import PartName, ledger_directory
from pipeline.generation.setup import claim_identity
from pipeline.progress import Silent
from pipeline.rundir import exclusive
from pipeline.tables import write_rows
from pipeline.teachers import PARSER_VERSION
from pipeline.watching import RunWatch
from schemas.completion import Completion, FinishReason, PairStatus, Rung
from schemas.config import BuildConfig
from schemas.loading import parse_config
from schemas.status import RunStatus, TeacherStatus
from tests.collections import collection_ids, make_collection

TEACHER = "glm-4.1v-9b-thinking"
CLASSES = ["n01440764", "n02123045"]
IDS = collection_ids(CLASSES, 4)
INFO = EngineInfo(engine="scripted", model="tests/scripted", revision="1", dtype="none")
MAX_TOKENS = 1000
NOW = 1_800_000_000.0
"""When the tests look: seconds since the epoch."""


def configure(images: Path, script: dict[str, list[str]] | None = None) -> BuildConfig:
    options = json.dumps({"script": {"default": ["ok"], **(script or {})}})
    return parse_config(
        f"""
        source: {{path: {images}}}
        screening: {{workers: 1}}
        generation: {{part_rows: 2, max_concurrency: 2}}
        packing: {{workers: 1}}
        teachers:
          - name: {TEACHER}
            engine: {{kind: custom, factory: "tests.fakes.scripted_engine:create", options: {options}}}
            sampling: {{max_tokens: {MAX_TOKENS}}}
        """,
        "c.yaml",
    )


def select(root: Path, script: dict[str, list[str]] | None = None) -> stages.Build:
    """A build in ``root/run`` up to its selection."""
    make_collection(root / "images", "tree", CLASSES, 4)
    build = stages.open_build(configure(root / "images", script), root / "run")
    with exclusive(build.run, build.config):
        stages.index(build)
        stages.select(build)
    return build


def attempt(
    image_id: str,
    number: int,
    status: PairStatus = PairStatus.OK,
    *,
    max_tokens: int = MAX_TOKENS,
    rung: Rung = Rung.AS_IS,
    ended: float = NOW,
    seconds: float = 8.0,
) -> Completion:
    return Completion(
        image_id=image_id,
        teacher=TEACHER,
        fingerprint="0" * 16,
        attempt=number,
        rung=rung,
        seed=number,
        max_tokens=max_tokens,
        thinking_budget=None,
        raw=b"",
        finish_reason=FinishReason.STOP,
        stop_reason=None,
        error=None,
        forced_close=False,
        prompt_tokens=None,
        completion_tokens=600,
        thinking_tokens=400,
        answer_tokens=200,
        parser=PARSER_VERSION,
        status=status,
        engine="scripted",
        model=INFO.model,
        revision=INFO.revision,
        dtype=INFO.dtype,
        quantization=None,
        processor={},
        versions={},
        started_at=ended - seconds,
        seconds=seconds,
    )


class HandWritten:
    """A teacher's ledger, one part at a time."""

    def __init__(self, build: stages.Build) -> None:
        (self.setup,) = build.teachers
        self._ledger = build.run.ledger
        self._parts = 0
        shutil.rmtree(self._ledger, ignore_errors=True)
        identity = claim_identity(self.setup, INFO, self._ledger)
        self.directory = ledger_directory(self._ledger, TEACHER, identity.fingerprint)

    def add(self, rows: Sequence[Completion], worker: str = "node1", written: float = NOW) -> Path:
        self._parts += 1
        path = self.directory / str(PartName("a" * 32, self._parts, "b" * 16, worker))
        write_rows(path, rows, Completion)
        os.utime(path, (written, written))
        return path


def watch(build: stages.Build) -> RunWatch:
    return RunWatch(build.config, build.run.path, Silent(), clock=lambda: NOW)


def look(build: stages.Build) -> RunStatus:
    return watch(build).look()


def look_at_teacher(build: stages.Build) -> TeacherStatus:
    (teacher,) = look(build).teachers
    return teacher
