"""Counts of the published records: taken shard by shard while they are written, added up, and read off as numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import accumulate
from operator import attrgetter

from schemas.completion import FinishReason, Rung
from schemas.image import SPLITS
from schemas.record import ThinkRecord
from schemas.statistics import DatasetStatistics, Distribution, TeacherStatistics

Tally = dict[str, dict[str, int]]
"""Counts by facet and value. A pair's facets are named ``TEACHER/facet``; numbers, and 0 and 1 for no and yes, are
written in decimal."""

_IMAGE_FACETS = (
    "wnid",
    "split",
    "holdout",
    "domain",
    "depth",
    "stratum",
    "source_format",
    "image_encoding",
    "greyscale",
    "blurred",
)
"""Fields of :class:`ThinkRecord`."""
_PAIR_FACETS = ("thinking_tokens", "answer_tokens", "finish_reason", "rung", "forced_close")
"""Fields of :class:`Pair`."""

_Counters = dict[str, defaultdict[object, int]]

_of_image = attrgetter(*_IMAGE_FACETS)
_of_pair = attrgetter(*_PAIR_FACETS)

_QUANTILES = {"p05": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95, "p99": 99}
"""Percentages by field of :class:`Distribution`; whole ones, so that no rounding decides which value is reached."""


class Tallying:
    """A tally in the making."""

    def __init__(self) -> None:
        self._images = _make_counters(_IMAGE_FACETS)
        self._pairs: dict[str, _Counters] = {}

    def add(self, record: ThinkRecord) -> None:
        """Count one record."""
        for counts, value in zip(self._images.values(), _of_image(record), strict=True):
            counts[value] += 1
        for pair in record.pairs:
            if pair.teacher not in self._pairs:
                self._pairs[pair.teacher] = _make_counters(_PAIR_FACETS)
            for counts, value in zip(self._pairs[pair.teacher].values(), _of_pair(pair), strict=True):
                counts[value] += 1

    def result(self) -> Tally:
        """The counts so far, facets and values in the order of their names."""
        counters = dict(self._images)
        for teacher, facets in self._pairs.items():
            counters |= {f"{teacher}/{facet}": counts for facet, counts in facets.items()}
        named = {facet: {_name(value): count for value, count in counts.items()} for facet, counts in counters.items()}
        return _sorted({facet: counts for facet, counts in named.items() if counts})


def add_up(tallies: Iterable[Tally]) -> Tally:
    """The tally of all records of several tallies."""
    total: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for tally in tallies:
        for facet, counts in tally.items():
            total[facet].update(counts)
    return _sorted(total)


def compute_statistics(tally: Tally, teachers: Iterable[str]) -> DatasetStatistics:
    """What a tally of all records comes to.

    Args:
        tally: of at least one record.
        teachers: in the order of the records' pairs.
    """
    return DatasetStatistics(
        images=sum(tally["wnid"].values()),
        classes=len(tally["wnid"]),
        images_per_class=distribution(Counter(tally["wnid"].values())),
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


def distribution(counts: Mapping[int, int]) -> Distribution:
    """The distribution of whole numbers, each counted under its value; there must be one at least."""
    values = sorted(counts)
    reached = list(accumulate(counts[value] for value in values))
    of = reached[-1]
    quantiles = {
        name: next(value for value, seen in zip(values, reached, strict=True) if 100 * seen >= percent * of)
        for name, percent in _QUANTILES.items()
    }
    return Distribution(
        count=of,
        total=sum(value * counts[value] for value in values),
        minimum=values[0],
        maximum=values[-1],
        **quantiles,
    )


def _make_counters(facets: Iterable[str]) -> _Counters:
    return {facet: defaultdict(int) for facet in facets}


def _name(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _sorted(counts: Mapping[str, Mapping[str, int]]) -> Tally:
    return {facet: dict(sorted(values.items())) for facet, values in sorted(counts.items())}


def _of_teacher(tally: Tally, teacher: str) -> TeacherStatistics:
    return TeacherStatistics(
        teacher=teacher,
        thinking_tokens=_distribution_of(tally[f"{teacher}/thinking_tokens"]),
        answer_tokens=_distribution_of(tally[f"{teacher}/answer_tokens"]),
        finish_reasons=_in_order(tally[f"{teacher}/finish_reason"], FinishReason),
        rungs=_in_order(tally[f"{teacher}/rung"], Rung),
        forced_closes=tally[f"{teacher}/forced_close"].get("1", 0),
    )


def _distribution_of(counts: Mapping[str, int]) -> Distribution:
    return distribution({int(value): count for value, count in counts.items()})


def _in_order(counts: Mapping[str, int], names: Iterable[str]) -> dict[str, int]:
    return {str(name): counts[str(name)] for name in names if str(name) in counts}


def _by_count(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
