"""The three models that need no GPU: the label alone, the pixels alone, and each teacher against the others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.benchmark.baselines import LABEL_ONLY, PIXELS, write_baseline
from eval.benchmark.storage import Benchmark
from eval.comparing import compare, write_comparison
from eval.comparing.compare import DEFAULT_MEASURE
from eval.scoring import ScoreOptions, score
from pipeline.progress import Progress
from schemas.comparison import Comparison
from schemas.errors import ConfigError, DatasetError

PREDICTIONS_FOLDER = "predictions"

_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A teacher's name that can be a folder's: as builds allow them."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A model whose predictions are there already."""

    name: str
    predictions: Path
    exclude_references: tuple[str, ...] = ()


def score_baselines(benchmark: Benchmark, out: Path, workers: int, progress: Progress) -> Comparison:
    """Score every baseline that a benchmark has, each into a folder of its own, and compare them.

    Args:
        benchmark: with its references and, where it was built with pictures, what was measured of them.
        out: folder for the scores, the teachers' predictions and the leaderboard; made where it is missing.
        workers: processes that score; 0 is one per core.
        progress: hears how far the work is, and is warned of baselines that there cannot be.

    Raises:
        ConfigError: ``out`` is no folder, or a folder in it that is needed holds something else.
        DatasetError: the benchmark is damaged, or a teacher has no name that a folder can have.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is no folder", "name another folder as --out")
    if benchmark.manifest.is_measured:
        progress.warn("the references were measured and written by no model: this shows the machinery and nothing else")
    directories = []
    for baseline in _list_baselines(benchmark, out, progress):
        options = ScoreOptions(model=baseline.name, exclude_references=baseline.exclude_references, workers=workers)
        score(benchmark, baseline.predictions, out / baseline.name, options, progress)
        directories.append(out / baseline.name)
    comparison = compare(directories, DEFAULT_MEASURE, progress)
    write_comparison(comparison, out)
    return comparison


def _list_baselines(benchmark: Benchmark, out: Path, progress: Progress) -> Iterator[Baseline]:
    yield Baseline(LABEL_ONLY, benchmark.baseline_file(LABEL_ONLY))
    if benchmark.baseline_file(PIXELS).exists():
        yield Baseline(PIXELS, benchmark.baseline_file(PIXELS))
    else:
        progress.warn(f"{benchmark.root}: was built without pictures, so there is no {PIXELS} baseline and no floor")
    teachers = benchmark.manifest.teachers
    if len(teachers) == 1:
        progress.warn(
            f"{teachers[0]} is the only teacher, so none can be scored against another, and there is no ceiling"
        )
        return
    for teacher in teachers:
        _check_name(benchmark, teacher)
        path = out / PREDICTIONS_FOLDER / f"{teacher}.jsonl"
        write_baseline(path, _quote(benchmark, teacher))
        yield Baseline(teacher, path, (teacher,))


def _check_name(benchmark: Benchmark, teacher: str) -> None:
    taken = (LABEL_ONLY, PIXELS, PREDICTIONS_FOLDER)
    if _FOLDER_NAME.fullmatch(teacher) is None or teacher in taken:
        raise DatasetError(f"{benchmark.root}: teacher {teacher!a} cannot name a folder", "build the benchmark again")


def _quote(benchmark: Benchmark, teacher: str) -> Iterator[tuple[str, str, str]]:
    for item in benchmark.items():
        for reference in item.references:
            if reference.teacher == teacher:
                yield item.key, reference.thinking, reference.answer
