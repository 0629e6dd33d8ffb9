"""One answer at a time, as harnesses score: by the code that ``imagenet-think score`` runs over a whole file."""

from __future__ import annotations

import functools
from pathlib import Path

from eval.benchmark.storage import Benchmark, open_benchmark
from eval.scoring import Prediction, Suite, open_suite, read_prediction, score_item
from eval.scoring.items import columns
from schemas.benchmark import BenchmarkItem
from schemas.completion import FinishReason
from schemas.errors import DatasetError

MAX_NEW_TOKENS = 8192
"""Room for thinking and answer: what the teachers had. The harnesses' own defaults of 16 to 2,048 cut thinking off."""

_LESS_IS_BETTER = ("found_then_lost", "wrong_language", "_repeated_8grams")
"""How the names of such figures end."""


class Scorer:
    """A benchmark and its metrics, held for a process.

    Args:
        benchmark: an opened one.
    """

    def __init__(self, benchmark: Benchmark) -> None:
        self.benchmark = benchmark
        self.suite: Suite = open_suite(benchmark)
        self.names = columns(self.suite.metrics, references=())
        """Figures that a harness shows: mean and best over the references, and behaviours; not each reference's own."""

    def read(self, key: str, raw: str, finish_reason: FinishReason, tags: str) -> Prediction:
        """What a model wrote, thinking and answer told apart.

        Args:
            key: of the item.
            raw: the whole text, markers included.
            finish_reason: why the model stopped.
            tags: family of thinking tags, or ``auto``.
        """
        return read_prediction(key, raw, finish_reason, tags, self.suite.language)

    def score(self, item: BenchmarkItem, prediction: Prediction) -> dict[str, float]:
        """An item's figures by name, in the order of ``names``."""
        values = score_item(item, prediction, self.suite)
        return {name: values[name] for name in self.names}


@functools.cache
def open_scorer(root: Path) -> Scorer:
    """The scorer of a benchmark, the same one for the whole process.

    Raises:
        DatasetError: there is no benchmark, or it is damaged.
    """
    return Scorer(open_benchmark(root))


def check_pictures(benchmark: Benchmark) -> None:
    """See that a benchmark can be asked.

    Raises:
        DatasetError: it has no pictures.
    """
    if not benchmark.manifest.pictures:
        raise DatasetError(
            f"{benchmark.root}: has no pictures to ask about", "name the edition of the benchmark with pictures"
        )


def is_higher_better(name: str) -> bool:
    """Whether more of a figure is better. Of sizes neither is, and harnesses have no word for that: they count so."""
    return not name.endswith(_LESS_IS_BETTER)
