"""Reading teachers' texts: the grammars, against a regular expression that only splits; their scores, against zlib."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterator
from functools import partial
from itertools import repeat
from pathlib import Path

from benchmarks.harness import Comparison, Round, Scale, race
from benchmarks.prose import write_pair
from pipeline.teachers import GRAMMARS
from pipeline.teachers.quality import score
from schemas.completion import FinishReason, PairStatus

TEXTS = {"tiny": 20, "quick": 500, "full": 1000}
ROUNDS = {"tiny": 1, "quick": 3, "full": 9}

_SPLIT = {
    "glm-4.1v": re.compile(r"\s*<think>(.*?)</think>\s*<answer>(.*?)(?:</answer>)?\s*", re.DOTALL),
    "kimi-vl": re.compile(r"\s*◁think▷(.*?)◁/think▷(.*)", re.DOTALL),
}
"""What one would write first for each grammar."""


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:  # noqa: ARG001 - every benchmark's signature
    """Parse well-formed texts of 4 kB in each grammar, on one core's time.

    A grammar splits, looks for stray markers, scores the text and judges it. Scoring is measured by itself too.
    """
    pairs = [write_pair(seed) for seed in range(TEXTS[scale])]
    for name, grammar in GRAMMARS.items():
        texts = [grammar.render(*pair) for pair in pairs]
        turn = Round(len(texts), partial(_parse_all, name, texts), partial(_split_all, name, texts))
        yield race(f"parse ({name})", "texts/s", "regex split", repeat(turn, ROUNDS[scale]), time.process_time)
    texts = ["\n".join(pair) for pair in pairs]
    turn = Round(len(texts), partial(_score_all, texts), partial(_compress_all, texts))
    yield race("score, as part of it", "texts/s", "zlib.compress", repeat(turn, ROUNDS[scale]), time.process_time)


def _parse_all(name: str, texts: list[str]) -> int:
    """Characters of thinking and answer in the valid ones."""
    parse, found = GRAMMARS[name].parse, 0
    for text in texts:
        parsed = parse(text, FinishReason.STOP, "en")
        if parsed.status is PairStatus.OK:
            found += len(parsed.thinking) + len(parsed.answer)
    return found


def _split_all(name: str, texts: list[str]) -> int:
    split, found = _SPLIT[name].fullmatch, 0
    for text in texts:
        if match := split(text):
            found += len(match[1].strip()) + len(match[2].strip())
    return found


def _score_all(texts: list[str]) -> int:
    return sum(score(text).compression > 1 for text in texts)


def _compress_all(texts: list[str]) -> int:
    return sum(len(zlib.compress(data)) < len(data) for data in map(str.encode, texts))
