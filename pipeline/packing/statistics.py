"""Counts of the published records: taken shard by shard while they are written, added up, and read off as numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from types import MappingProxyType

from schemas.completion import FinishReason, Rung
from schemas.image import SPLITS
from schemas.record import Pair, ThinkRecord
from schemas.statistics import DatasetStatistics, Distribution, TeacherStatistics

Tally = dict[str, dict[str, int]]
"""Counts by facet and value. A pair's facets are named ``TEACHER/facet``; numbers are written in decimal."""

_IMAGE_FACETS: Mapping[str, Callable[[ThinkRecord], object]] = MappingProxyType(
    {
        "wnid": lambda record: record.wnid,
        "split": lambda record: record.split,
        "holdout": lambda record: record.holdout,
        "domain": lambda record: record.domain,
        "depth": lambda record: record.depth,
        "stratum": lambda record: record.stratum,
        "source_format": lambda record: record.source_format,
        "image_encoding": lambda record: record.image_encoding,
        "greyscale": lambda record: int(record.greyscale),
        "blurred": lambda record: int(record.blurred),
    }
)
_PAIR_FACETS: Mapping[str, Callable[[Pair], object]] = MappingProxyType(
    {
        "thinking_tokens": lambda pair: pair.thinking_tokens,
        "answer_tokens": lambda pair: pair.answer_tokens,
        "finish_reason": lambda pair: pair.finish_reason,
        "rung": lambda pair: pair.rung,
        "forced_close": lambda pair: int(pair.forced_close),
    }
)
_QUANTILES = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}


class Tallying:
    """A tally in the making."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, record: ThinkRecord) -> None:
        """Count one record."""
        for facet, of_image in _IMAGE_FACETS.items():
            self._counts[facet][str(of_image(record))] += 1
        for pair in record.pairs:
            for facet, of_pair in _PAIR_FACETS.items():
                self._counts[f"{pair.teacher}/{facet}"][str(of_pair(pair))] += 1

    def result(self) -> Tally:
        """The counts so far, facets and values in the order of their names."""
        return {facet: dict(sorted(counts.items())) for facet, counts in sorted(self._counts.items())}


def add_up(tallies: Iterable[Tally]) -> Tally:
    """The tally of all records of several tallies."""
    total: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for tally in tallies:
        for facet, counts in tally.items():
            total[facet].update(counts)
    return {facet: dict(sorted(counts.items())) for facet, counts in sorted(total.items())}


def compute_statistics(tally: Tally, teachers: Iterable[str]) -> DatasetStatistics:
    """What a tally of all records comes to.

    Args:
        tally: of at least one record.
        teachers: in the order of the records' pairs.
    """
    return DatasetStatistics(
        images=sum(tally["wnid"].values()),
        classes=len(tally["wnid"]),
        splits=_in_order(tally["split"], SPLITS),
        holdouts=_by_count(tally["holdout"]),
        domains=_by_count(tally["domain"]),
        depths={str(depth): tally["depth"][str(depth)] for depth in sorted(map(int, tally["depth"]))},
        strata=_in_order(tally["stratum"], ("low", "middle", "high")),
        source_formats=_by_count(tally["source_format"]),
        image_encodings=_by_count(tally["image_encoding"]),
        greyscale=tally["greyscale"].get("1", 0),
        blurred=tally["blurred"].get("1", 0),
        teachers=tuple(_of_teacher(tally, teacher) for teacher in teachers),
    )


def _of_teacher(tally: Tally, teacher: str) -> TeacherStatistics:
    return TeacherStatistics(
        teacher=teacher,
        thinking_tokens=_distribution(tally[f"{teacher}/thinking_tokens"]),
        answer_tokens=_distribution(tally[f"{teacher}/answer_tokens"]),
        finish_reasons=_in_order(tally[f"{teacher}/finish_reason"], FinishReason),
        rungs=_in_order(tally[f"{teacher}/rung"], Rung),
        forced_closes=tally[f"{teacher}/forced_close"].get("1", 0),
    )


def _distribution(counts: Mapping[str, int]) -> Distribution:
    values = sorted((int(value), count) for value, count in counts.items())
    reached = list(accumulate(count for _, count in values))
    of = reached[-1]
    quantiles = {
        name: next(value for (value, _), seen in zip(values, reached, strict=True) if seen >= share * of)
        for name, share in _QUANTILES.items()
    }
    return Distribution(
        count=of,
        total=sum(value * count for value, count in values),
        minimum=values[0][0],
        maximum=values[-1][0],
        **quantiles,
    )


def _in_order(counts: Mapping[str, int], names: Iterable[str]) -> dict[str, int]:
    return {str(name): counts[str(name)] for name in names if str(name) in counts}


def _by_count(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
