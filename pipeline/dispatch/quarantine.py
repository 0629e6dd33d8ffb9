"""Images that are given up because every run that asked about them broke off."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.generation.ledger import PartName, worker_name
from pipeline.generation.results import LedgerResults, Standing
from pipeline.generation.setup import TeacherSetup, read_results
from pipeline.tables import write_rows
from pipeline.teachers import PARSER_VERSION
from schemas.completion import Completion, FinishReason, PairStatus, Rung


def write_quarantine(setup: TeacherSetup, ledger: Path, images: Mapping[str, Standing], failures: int) -> list[Path]:
    """Write down that these images are not asked again, in the ledger, where packing finds the reason.

    Args:
        setup: the teacher.
        ledger: the ledger's root.
        images: where they stand.
        failures: runs that broke off on each of them.

    Returns:
        The part that was written, if there was anything to write.
    """
    results = read_results(setup, ledger)
    if not images or results is None:
        return []
    rows = list(_rows(setup, results, images, failures))
    part = results.directory / str(PartName(uuid.uuid4().hex, 1, None, worker_name()))
    write_rows(part, rows, Completion)
    return [part]


def _rows(
    setup: TeacherSetup, results: LedgerResults, images: Mapping[str, Standing], failures: int
) -> Iterator[Completion]:
    identity, now = results.identity, time.time()
    for image_id, standing in images.items():
        yield Completion(
            image_id=image_id,
            teacher=setup.name,
            fingerprint=identity.fingerprint,
            attempt=standing.last_attempt + 1,
            rung=Rung.AS_IS,
            seed=0,
            max_tokens=setup.sampling.max_tokens,
            thinking_budget=None,
            raw=b"",
            finish_reason=FinishReason.ERROR,
            stop_reason=None,
            error=f"given up: {failures} runs that asked about it broke off, the last with nothing else to do",
            forced_close=False,
            prompt_tokens=None,
            completion_tokens=0,
            thinking_tokens=0,
            answer_tokens=0,
            parser=PARSER_VERSION,
            status=PairStatus.REFUSED,
            engine="none",
            model=identity.model,
            revision=identity.revision,
            dtype=identity.dtype,
            quantization=identity.quantization,
            processor=identity.processor,
            versions={},
            started_at=now,
            seconds=0.0,
        )
