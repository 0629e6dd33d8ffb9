"""What every engine that was started passes before it gets any work: identity, warnings, canaries."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pipeline.engines.base import Engine
from pipeline.generation.canaries import run_canaries
from pipeline.generation.images import AskedImage
from pipeline.generation.prepare import Prepared, prepare
from pipeline.generation.questions import Questions
from pipeline.generation.setup import check_identity
from pipeline.progress import Progress
from pipeline.sources.base import Pictures
from schemas.report import CanaryReport


@dataclass(slots=True)
class Admission:
    """Looks at the engines of one teacher in one run.

    Args:
        questions: how the teacher is asked.
        images: what will be asked about; the canaries are the first of them.
        source: where the pictures are.
        ledger: the ledger's root.
        progress: where to tell how it goes.
    """

    questions: Questions
    images: Iterable[AskedImage]
    source: Pictures
    ledger: Path
    progress: Progress
    canaries: CanaryReport | None = None
    """Of the engine that was looked at last; ``None`` without canaries."""
    _warnings: set[str] = field(default_factory=set)

    async def look_at(self, engine: Engine) -> None:
        """Let an engine pass, or say why not.

        Raises:
            RunDirectoryError: it is not the one that wrote the ledger so far.
            EngineError: a canary failed, or the engine itself.
            SourceError: a picture changed since it was screened.
        """
        setup = self.questions.setup
        check_identity(setup, engine.info, self.ledger)
        for warning in engine.info.warnings:
            if warning not in self._warnings:
                self._warnings.add(warning)
                self.progress.warn(warning)
        if setup.canaries.images:
            pictures = await asyncio.to_thread(self._prepare)
            self.canaries = await run_canaries(engine, setup.canaries, self.questions, pictures, self.progress)

    def _prepare(self) -> Sequence[Prepared]:
        """The pinned pictures; read again for each engine, since they would fill memory for days."""
        pinned = islice(self.images, self.questions.setup.canaries.images)
        return [prepare(self.source, image) for image in pinned]
