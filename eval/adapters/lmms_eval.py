"""What lmms-eval calls: the questions of a row of the benchmark, and the figures of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from eval.adapters.scorer import open_scorer
from schemas.benchmark import BenchmarkItem
from schemas.completion import FinishReason


class Value(TypedDict):
    """One figure of one item, in the shape that lmms-eval needs for standard errors clustered by class."""

    score: float
    wnid: str


class Questions:
    """The functions of a task; its YAML names them.

    Args:
        benchmark: folder of the benchmark.
        tags: family of thinking tags, or ``auto``.
    """

    def __init__(self, benchmark: str, tags: str) -> None:
        self._root = Path(benchmark)
        self._tags = tags

    @staticmethod
    def doc_to_visual(doc: Mapping[str, Any]) -> list[Any]:
        """The picture, decoded."""
        return [doc["image"].convert("RGB")]

    @staticmethod
    def doc_to_text(doc: Mapping[str, Any]) -> str:
        """The words that go with it."""
        return str(doc["prompt"])

    @staticmethod
    def doc_to_target(doc: Mapping[str, Any]) -> str:
        """The first teacher's answer, for lmms-eval's log of samples: figures compare with every reference."""
        return str(doc["references"][0]["answer"])

    def process_results(self, doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Value | str]:
        """Every figure of one answer, and the item's key, by which lmms-eval's log of samples can be scored again.

        Args:
            doc: a row of the benchmark, with or without its picture.
            results: the whole text of the model; lmms-eval does not tell why it ended.
        """
        scorer = open_scorer(self._root)
        item = BenchmarkItem.model_validate({**doc, "image": None}, strict=False)
        prediction = scorer.read(item.key, results[0], FinishReason.STOP, self._tags)
        values = scorer.score(item, prediction)
        return {"key": item.key, **{name: Value(score=value, wnid=item.wnid) for name, value in values.items()}}


def mean(values: Sequence[Value]) -> float:
    """A figure over all items."""
    return sum(value["score"] for value in values) / len(values)
