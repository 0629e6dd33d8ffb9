"""A score written by hand from the contracts: what reports are made of, no scoring needed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import pyarrow as pa

from schemas.benchmark import LEVELS, TEXT_FIELDS
from schemas.scores import (
    GROUPINGS,
    PER_UNIT,
    SCORES_VERSION,
    Anchors,
    Coverage,
    Figure,
    GroupFigure,
    Grouping,
    Interval,
    Keys,
    ScoreSummary,
)

TEACHERS = ("glm-4.1v-9b-thinking", "kimi-vl-a3b-thinking-2506")
DOMAINS = ("animal", "artifact", "food", "natural_object", "plant")
STRATA = ("low", "middle", "high")
GROUPS: dict[Grouping, tuple[str, ...]] = {"level": LEVELS, "domain": DOMAINS, "stratum": STRATA}
SIMILARITIES = ("rouge1", "rougeL", "jaccard", "overlap", "tfidf", "bertscore", "sbert")
CLASSES = ("class_exact", "class_ancestor", "class_sibling", "class_closeness")
GROUPED = ("rougeL", "tfidf", "bertscore", "class_exact")
ANCHORS = Anchors(floor=0.08, label_only=0.21, ceiling=0.62)


def chance(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6]) / 2**48


def make_items(count: int = 60, *, missing: int = 3) -> pa.Table:
    """A row for each item; the last ``missing`` ones have no prediction and zero everywhere."""
    return pa.Table.from_pylist([_make_row(number, predicted=number < count - missing) for number in range(count)])


def _make_row(number: int, *, predicted: bool) -> dict[str, object]:
    scores = dict(_score(number)) if predicted else {name: 0.0 for name, _ in _score(number)}
    return {
        "key": f"n{number % 7 + 1440764:08}_{number}",
        "wnid": f"n{number % 7 + 1440764:08}",
        "domain": DOMAINS[number % len(DOMAINS)],
        "level": LEVELS[number % 3],
        "stratum": STRATA[number % 3],
        "predicted": predicted,
        "status": ("ok" if number % 6 else "no_think") if predicted else "missing",
        **{name: round(value * PER_UNIT) / PER_UNIT for name, value in scores.items()},
    }


def _score(number: int) -> Iterator[tuple[str, float]]:
    for field in TEXT_FIELDS:
        for place, metric in enumerate(SIMILARITIES):
            rolls = [chance(number, field, metric, roll) for roll in range(3)]
            value = 0.1 + 0.08 * place + 0.35 * sum(rolls) / 3
            for end, more in (("", 0.0), ("_best", 0.05), *((f"@{teacher}", 0.02) for teacher in TEACHERS)):
                yield f"{field}_{metric}{end}", value + more
        for metric in CLASSES[:3]:
            yield f"{field}_{metric}", float(chance(number, field, metric) < 0.6)
        yield f"{field}_class_closeness", chance(number, field, "closeness")
        yield f"{field}_words", float(int(20 * 60 ** chance(number, field, "words")))
        yield f"{field}_repeated_8grams", 0.1 * chance(number, field, "repeated")
        yield f"{field}_compression", 0.4 + 0.1 * chance(number, field, "compression")
    yield "found_then_lost", float(chance(number, "lost") < 0.1)
    yield "format_ok", float(number % 6 > 0)
    yield "han_share", 0.0
    yield "wrong_language", 0.0


def mean(values: Sequence[float]) -> float:
    """Exact to the last digit that is kept."""
    return round(sum(round(value * PER_UNIT) for value in values) / (PER_UNIT * max(len(values), 1)), 6)


def make_summary(items: pa.Table, *, model: str = "some-vlm-8b", measured: bool = False) -> ScoreSummary:
    """The summary that belongs to items of :func:`make_items`, its intervals made up."""
    rows = items.to_pylist()
    predicted = [row for row in rows if row["predicted"]]
    names = items.column_names[items.column_names.index("status") + 1 :]
    values = {name: mean([row[name] for row in rows]) for name in names}
    groups = [
        GroupFigure(by=by, group=group, items=len(of), name=name, value=value, interval=_around(value, 0.05))
        for by in GROUPINGS
        for group in GROUPS[by]
        for of in [[row for row in rows if row[by] == group]]
        for name in (f"{field}_{metric}" for field in TEXT_FIELDS for metric in GROUPED)
        for value in [mean([row[name] for row in of])]
    ]
    missing = [row["key"] for row in rows if not row["predicted"]]
    statuses: dict[str, int] = {}
    for row in predicted:
        statuses[row["status"]] = statuses.get(row["status"], 0) + 1
    return ScoreSummary(
        scores_version=SCORES_VERSION,
        model=model,
        benchmark="small",
        benchmark_sha256="a" * 64,
        items=len(rows),
        classes=len({row["wnid"] for row in rows}),
        measured_references=measured,
        tags="auto",
        excluded_references=(),
        references=TEACHERS,
        keys=Keys(
            lines=len(predicted) + 5,
            predicted=len(predicted),
            missing=len(missing),
            repeated=2,
            contradictory=1,
            unknown=3,
            missing_examples=tuple(missing[:10]),
            repeated_examples=(rows[0]["key"],),
            unknown_examples=("n99999999_1", "n99999999_2", "n99999999_3"),
        ),
        statuses=dict(sorted(statuses.items())),
        figures=tuple(_figure(name, value, [row[name] for row in predicted]) for name, value in values.items()),
        groups=tuple(groups),
        coverage=(
            Coverage(metric="bertscore", field="thinking", window=512, tokens=9000, scored=9000, first_window=6300),
        ),
        definitions={"rougeL": "F1 of the longest common subsequence of words", "tfidf": "cosine, tokenizer 1"},
        replicates=2000,
    )


def _figure(name: str, value: float, predicted: Sequence[float]) -> Figure:
    compared = any(f"_{metric}" in name for metric in (*SIMILARITIES, *CLASSES))
    anchors = ANCHORS if compared else Anchors(floor=None, label_only=None, ceiling=None)
    position = round((value - 0.08) / 0.54, 6) if compared else None
    without = mean(predicted) if predicted else None
    return Figure(
        name=name,
        value=value,
        interval=_around(value, 0.02),
        without_missing=without,
        anchors=anchors,
        position=position,
    )


def _around(value: float, half: float) -> Interval:
    return Interval(low=round(max(value - half, 0.0), 6), high=round(value + half, 6))
