"""The ledger: appending attempts and finding what is pending, against one file of JSON lines."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from functools import partial
from itertools import repeat
from pathlib import Path

from benchmarks.harness import Comparison, Round, Scale, race
from benchmarks.prose import write_pair
from pipeline.generation.ledger import LedgerWriter
from pipeline.generation.results import LedgerResults
from pipeline.teachers import GRAMMARS, PARSER_VERSION, load_teacher
from schemas.completion import Completion, FinishReason, PairStatus, Rung, ThinkingAnswer
from schemas.identity import GenerationIdentity

ROWS = {"tiny": 200, "quick": 50_000, "full": 500_000}
APPENDS = {"tiny": 2, "quick": 5, "full": 20}
"""Rounds in which the rows are appended, each a share of them."""
READS = {"tiny": 1, "quick": 3, "full": 3}

PART_ROWS = 1000
"""Rows that reach the disk at a time, both ways: the build's default."""

MAX_ATTEMPTS = 4

_TEACHER = load_teacher("glm-4.1v-9b-thinking")
_GRAMMAR = GRAMMARS[_TEACHER.grammar]
_IDENTITY = GenerationIdentity(
    teacher=_TEACHER.name,
    model=_TEACHER.model,
    revision="main",
    dtype="bfloat16",
    quantization=None,
    processor={},
    prompt_sha256="0" * 64,
    temperature=_TEACHER.sampling.temperature,
    top_p=_TEACHER.sampling.top_p,
    top_k=_TEACHER.sampling.top_k,
    repetition_penalty=_TEACHER.sampling.repetition_penalty,
    normalisation="1",
)
_PENDING_EVERY = 20
"""One row in so many is no valid pair, so that its image is pending."""


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:
    """Append rows of 4 kB of text in parts that are synced to disk, then tell from all of them what is pending."""
    parquet, lines = directory / "ledger", directory / "ledger.jsonl"
    count = ROWS[scale]
    appends = _append_rounds(count, APPENDS[scale], parquet, lines)
    yield race("ledger: append", "rows/s", "JSON lines, write and fsync per part", appends)
    ids = [_image_id(number) for number in range(count)]
    turn = Round(count, partial(_pending_in_ledger, parquet, ids), partial(_pending_in_lines, lines, ids))
    yield race("ledger: pending set", "rows/s", "JSON lines into a dict", repeat(turn, READS[scale]))


def _append_rounds(count: int, rounds: int, parquet: Path, lines: Path) -> Iterator[Round]:
    share = count // rounds
    for first in range(0, count, share):
        rows = [_make_row(number) for number in range(first, first + share)]
        yield Round(share, partial(_append, parquet, rows), partial(_append_lines, lines, rows))


def _append(directory: Path, rows: list[Completion]) -> int:
    async def append() -> None:
        writer = LedgerWriter(directory, PART_ROWS, part_seconds=3600)
        for start in range(0, len(rows), PART_ROWS):
            async with writer.rolling():  # the end of the block closes the part
                for row in rows[start : start + PART_ROWS]:
                    writer.add(row)

    asyncio.run(append())
    return len(rows)


def _append_lines(path: Path, rows: list[Completion]) -> int:
    with path.open("ab") as file:
        for start in range(0, len(rows), PART_ROWS):
            file.writelines(row.model_dump_json().encode() + b"\n" for row in rows[start : start + PART_ROWS])
            file.flush()
            os.fsync(file.fileno())
    return len(rows)


def _pending_in_ledger(directory: Path, ids: list[str]) -> int:
    standings = LedgerResults(directory, _TEACHER, _IDENTITY, _parse, _TEACHER.sampling.max_tokens).standings
    return sum(image_id not in standings or standings[image_id].is_pending(MAX_ATTEMPTS) for image_id in ids)


def _pending_in_lines(path: Path, ids: list[str]) -> int:
    statuses = {}
    with path.open("rb") as file:
        for line in file:
            row = json.loads(line)
            statuses[row["image_id"]] = row["status"]
    return sum(statuses.get(image_id) != "ok" for image_id in ids)


def _parse(raw: str, finish_reason: FinishReason) -> ThinkingAnswer:
    return _GRAMMAR.parse(raw, finish_reason, "en")


def _image_id(number: int) -> str:
    return f"n01440764_{number}"


def _make_row(number: int) -> Completion:
    return Completion(
        image_id=_image_id(number),
        teacher=_TEACHER.name,
        fingerprint=_IDENTITY.fingerprint,
        attempt=1,
        rung=Rung.AS_IS,
        seed=number,
        max_tokens=_TEACHER.sampling.max_tokens,
        thinking_budget=None,
        raw=_GRAMMAR.render(*write_pair(number)).encode(),
        finish_reason=FinishReason.STOP,
        stop_reason="</answer>",
        error=None,
        forced_close=False,
        prompt_tokens=900,
        completion_tokens=1000,
        thinking_tokens=800,
        answer_tokens=200,
        parser=PARSER_VERSION,
        status=PairStatus.OK if number % _PENDING_EVERY else PairStatus.NO_THINK,
        engine="vllm",
        model=_TEACHER.model,
        revision="main",
        dtype="bfloat16",
        quantization=None,
        processor={},
        versions={"vllm": "0.32.0", "torch": "2.11.0", "device": "H200"},
        started_at=1.7e9 + number,
        seconds=8.0,
    )
