"""Reading teachers' texts: the grammars with their scores, against two regular expressions that only split."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

from benchmarks.harness import Comparison, Round, Scale, race
from benchmarks.prose import write_pair
from pipeline.teachers import GRAMMARS
from schemas.completion import FinishReason, PairStatus

TEXTS = {"tiny": 20, "quick": 500, "full": 1000}
ROUNDS = {"tiny": 1, "quick": 3, "full": 9}

_SPLIT = {
    "glm-4.1v": re.compile(r"\s*<think>(.*?)</think>\s*<answer>(.*?)(?:</answer>)?\s*", re.DOTALL),
    "kimi-vl": re.compile(r"\s*◁think▷(.*?)◁/think▷(.*)", re.DOTALL),
}
"""What one would write first for each grammar."""


def compare(scale: Scale, directory: Path) -> Iterator[Comparison]:  # noqa: ARG001 - every benchmark's signature
    """Parse well-formed texts of 4 kB in each grammar, on one core's time."""
    pairs = [write_pair(seed) for seed in range(TEXTS[scale])]
    for name, grammar in GRAMMARS.items():
        texts = [grammar.render(*pair) for pair in pairs]
        turn = Round(len(texts), _parse_all(name, texts), _split_all(name, texts))
        rounds = repeat(turn, ROUNDS[scale])
        yield race(f"parse, score and judge ({name})", "texts/s", "regex split", rounds, time.process_time)


def _parse_all(name: str, texts: list[str]) -> Callable[[], int]:
    parse = GRAMMARS[name].parse

    def work() -> int:
        found = 0
        for text in texts:
            parsed = parse(text, FinishReason.STOP, "en")
            if parsed.status is PairStatus.OK:
                found += len(parsed.thinking) + len(parsed.answer)
        return found

    return work


def _split_all(name: str, texts: list[str]) -> Callable[[], int]:
    split = _SPLIT[name].fullmatch

    def work() -> int:
        found = 0
        for text in texts:
            if match := split(text):
                found += len(match[1].strip()) + len(match[2].strip())
        return found

    return work
