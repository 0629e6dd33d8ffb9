"""From the scores of several models to a leaderboard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from eval.comparing.reading import Scored, read_scores
from eval.scoring.report.names import BEST, take_apart
from eval.statistics import FLIPS, SIGNIFICANCE, compare_pairs, holm
from eval.statistics.exact import Millionths
from pipeline.progress import Progress
from schemas.comparison import COMPARISON_VERSION, Comparison, Entry, Pair
from schemas.errors import ConfigError

DEFAULT_MEASURE = "answer_rougeL"

MAIN_MEASURES = (
    "answer_rougeL",
    "thinking_rougeL",
    "answer_tfidf",
    "thinking_tfidf",
    "answer_class_exact",
    "thinking_class_exact",
    "format_ok",
)
"""Shown of every model, whatever the leaderboard is sorted by."""

_LESS_IS_BETTER = frozenset({"found_then_lost", "repeated_8grams", "han_share", "wrong_language"})

_P_DIGITS = 6


def compare(directories: Sequence[Path], by: str, progress: Progress) -> Comparison:
    """Compare models by what scoring wrote of each.

    Args:
        directories: one folder for each model, in any order.
        by: name of the measure that they are sorted by.
        progress: hears how far the work is.

    Raises:
        ConfigError: no folder or one twice, no such measure, or scores that cannot be compared.
        DatasetError: a folder holds no finished scores, or damaged ones.
    """
    _check_directories(directories)
    models = []
    with progress.task("read scores", len(directories), "models") as task:
        for directory in directories:
            models.append(read_scores(directory, by))
            _check_like(models[0], models[-1])
            task.advance()
    models, names = _sort(models, by)
    with progress.task("compare", 1, "leaderboard") as task:
        pairs = _compare_pairs(models, names)
        task.advance()
    first = models[0].summary
    return Comparison(
        comparison_version=COMPARISON_VERSION,
        benchmark=first.benchmark,
        benchmark_sha256=first.benchmark_sha256,
        items=first.items,
        classes=first.classes,
        measured_references=any(model.summary.measured_references for model in models),
        by=by,
        lowest_first=_is_better_low(by),
        definition=first.definitions.get(take_apart(by).metric),
        mixed_references=len({frozenset(model.references) for model in models}) > 1,
        replicates=first.replicates,
        flips=FLIPS,
        significance=SIGNIFICANCE,
        entries=tuple(_enter(model, name, pairs) for model, name in zip(models, names, strict=True)),
        pairs=pairs,
    )


def _check_directories(directories: Sequence[Path]) -> None:
    if not directories:
        raise ConfigError("there is nothing to compare", "name one folder of scores or more")
    seen: dict[Path, Path] = {}
    for directory in directories:
        other = seen.setdefault(directory.resolve(), directory)
        if other is not directory:
            raise ConfigError(f"{directory}: is named twice", "name each folder of scores once")


def _check_like(one: Scored, other: Scored) -> None:
    """Refuse to compare what was not measured alike."""
    problem = f"{one.directory} and {other.directory}"
    if one.summary.benchmark_sha256 != other.summary.benchmark_sha256:
        digests = " and ".join(model.summary.benchmark_sha256[:12] for model in (one, other))
        raise ConfigError(
            f"{problem}: are scores on different benchmarks ({digests})", "compare those of one benchmark"
        )
    metric = take_apart(one.figure.name).metric
    if one.summary.definitions.get(metric) != other.summary.definitions.get(metric):
        raise ConfigError(
            f"{problem}: define {metric} differently", "score both with the same version and the same models of metrics"
        )
    if (one.keys, one.wnids, one.summary.replicates) != (other.keys, other.wnids, other.summary.replicates):
        raise ConfigError(f"{problem}: do not hold the same items", "score both again with the same version")


def _sort(models: Sequence[Scored], by: str) -> tuple[list[Scored], list[str]]:
    """The best first, those that are equal by name; and the names, each of which is another."""
    count = Counter(model.summary.model for model in models)
    named = [(_name(model, unique=count[model.summary.model] == 1), model) for model in models]
    sign = 1 if _is_better_low(by) else -1
    named.sort(key=lambda each: (sign * each[1].figure.value, each[0]))
    return [model for _, model in named], [name for name, _ in named]


def _name(model: Scored, *, unique: bool) -> str:
    return model.summary.model if unique else f"{model.summary.model} ({model.directory})"


def _is_better_low(by: str) -> bool:
    return take_apart(by).metric in _LESS_IS_BETTER


def _compare_pairs(models: Sequence[Scored], names: Sequence[str]) -> tuple[Pair, ...]:
    places = list(combinations(range(len(models)), 2))
    differences = {
        pair: difference for pair in places if (difference := _subtract(models[pair[0]], models[pair[1]])) is not None
    }
    if not differences:
        found, adjusted = [], []
    else:
        found = compare_pairs(models[0].wnids, np.stack(list(differences.values()), axis=1))
        adjusted = holm([each.p for each in found])
    results = dict(zip(differences, zip(found, adjusted, strict=True), strict=True))
    pairs = []
    for one, other in places:
        result, p_adjusted = results.get((one, other), (None, None))
        pairs.append(
            Pair(
                first=names[one],
                second=names[other],
                references=_common(models[one], models[other]),
                difference=None if result is None else result.value,
                interval=None if result is None else result.interval,
                p=None if result is None else round(result.p, _P_DIGITS),
                p_adjusted=None if p_adjusted is None else round(p_adjusted, _P_DIGITS),
                real=p_adjusted is not None and p_adjusted < SIGNIFICANCE,
            )
        )
    return tuple(pairs)


def _common(one: Scored, other: Scored) -> tuple[str, ...]:
    return tuple(teacher for teacher in one.references if teacher in other.references)


def _subtract(one: Scored, other: Scored) -> Millionths | None:
    """Item by item, against the references that both were held against; ``None`` where there is none."""
    if set(one.references) == set(other.references):
        return one.values - other.values
    common = _common(one, other)
    return _measure(one, common) - _measure(other, common) if common else None


def _measure(model: Scored, references: Sequence[str]) -> Millionths:
    """The measure against some of the references: their mean, or the best of them."""
    values = np.stack([model.by_reference[teacher] for teacher in references])
    of_item: Millionths = values.max(axis=0)
    if take_apart(model.figure.name).against != BEST:
        of_item = np.rint(values.sum(axis=0) / len(references)).astype(np.int64)
    return of_item


def _enter(model: Scored, name: str, pairs: Sequence[Pair]) -> Entry:
    values = {figure.name: figure.value for figure in model.summary.figures}
    real = [pair for pair in pairs if pair.real and name in (pair.first, pair.second)]
    return Entry(
        model=name,
        summary_sha256=model.summary_sha256,
        figure=model.figure,
        references=model.references,
        others={other: values[other] for other in MAIN_MEASURES if other in values and other != model.figure.name},
        missing=model.summary.keys.missing,
        differs_from=tuple(pair.second if pair.first == name else pair.first for pair in real),
    )
