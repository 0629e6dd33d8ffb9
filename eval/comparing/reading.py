"""Read what scoring wrote, and see that it is whole and that it belongs together."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from eval.scoring.place import ITEMS_FILE, SUMMARY_FILE
from eval.scoring.report.names import BEST, take_apart
from eval.statistics import mean, to_millionths
from eval.statistics.exact import Millionths
from pipeline.lines import printable
from pipeline.tables import damage_explained
from schemas.errors import ConfigError, DatasetError
from schemas.scores import SCORES_VERSION, Figure, ScoreSummary

_AGAIN = "score the predictions again"
_FACTS = ("key", "wnid")


@dataclass(frozen=True)
class Scored:
    """One model's scores: the summary, and item by item what one measure needs."""

    directory: Path
    summary: ScoreSummary
    summary_sha256: str
    figure: Figure
    keys: tuple[str, ...]
    wnids: tuple[str, ...]
    values: Millionths
    """Of the measure, item by item."""
    by_reference: dict[str, Millionths]
    """The same against each teacher's reference alone; empty for a measure that needs no reference."""

    @property
    def references(self) -> tuple[str, ...]:
        """Teachers whose references the measure is against."""
        teacher = take_apart(self.figure.name).against
        return tuple(self.by_reference) if teacher in (None, BEST) else (str(teacher),)


def read_scores(directory: Path, by: str) -> Scored:
    """Read one folder that scoring wrote.

    Args:
        directory: the folder.
        by: name of the measure.

    Raises:
        DatasetError: there are no finished scores, they are damaged, or of another version.
        ConfigError: there is no such measure among them.
    """
    summary, digest = _read_summary(directory)
    figure = _find_figure(directory, summary, by)
    base = by.removesuffix(f"_{BEST}")
    single = {teacher: f"{base}@{teacher}" for teacher in summary.references}
    names = {figure.name for figure in summary.figures}
    single = {teacher: name for teacher, name in single.items() if name in names}
    path = directory / ITEMS_FILE
    table = _read_columns(path, list(dict.fromkeys([*_FACTS, by, *single.values()])))
    scored = Scored(
        directory=directory,
        summary=summary,
        summary_sha256=digest,
        figure=figure,
        keys=tuple(table.column("key").to_pylist()),
        wnids=tuple(table.column("wnid").to_pylist()),
        values=_to_values(path, table, by),
        by_reference={teacher: _to_values(path, table, name) for teacher, name in single.items()},
    )
    if len(scored.keys) != summary.items or not scored.keys or mean(scored.values) != figure.value:
        raise DatasetError(f"{directory}: {ITEMS_FILE} and {SUMMARY_FILE} are not of the same scoring", _AGAIN)
    return scored


def _read_summary(directory: Path) -> tuple[ScoreSummary, str]:
    path = directory / SUMMARY_FILE
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        problem = f"{directory}: holds no finished scores" if directory.is_dir() else f"{directory}: is no folder"
        raise DatasetError(problem, f"name a folder that `imagenet-think score` wrote, with {SUMMARY_FILE}") from error
    try:
        summary = ScoreSummary.model_validate_json(data)
    except ValidationError as error:
        raise DatasetError(f"{path}: is damaged, or of another version", _AGAIN) from error
    if summary.scores_version != SCORES_VERSION:
        version = printable(summary.scores_version)
        raise DatasetError(f"{path}: is of version {version}; this reads {SCORES_VERSION}", _AGAIN)
    return summary, hashlib.sha256(data).hexdigest()


def _find_figure(directory: Path, summary: ScoreSummary, by: str) -> Figure:
    figures = {figure.name: figure for figure in summary.figures}
    if by in figures:
        return figures[by]
    close = difflib.get_close_matches(by, figures, n=3) or [name for name in figures if by.lower() in name.lower()][:3]
    remedy = f"did you mean {' or '.join(map(printable, close))}?" if close else f"see figures in {SUMMARY_FILE}"
    raise ConfigError(f"--by {printable(by)}: {directory} has no such figure", remedy)


def _read_columns(path: Path, names: Sequence[str]) -> pa.Table:
    with damage_explained(path, DatasetError, _AGAIN), pq.ParquetFile(path) as file:
        for name in names:
            wanted = pa.string() if name in _FACTS else pa.float64()
            held = file.schema_arrow.get_field_index(name)
            if held < 0 or file.schema_arrow.field(held).type != wanted:
                raise DatasetError(f"{path}: is damaged, it has no column {printable(name)} of {wanted}", _AGAIN)
        table = file.read(list(names))
    if any(table.column(name).null_count for name in _FACTS):
        raise DatasetError(f"{path}: is damaged, not every item has its {' and '.join(_FACTS)}", _AGAIN)
    return table


def _to_values(path: Path, table: pa.Table, name: str) -> Millionths:
    try:
        return to_millionths(table.column(name).to_numpy())  # what is null comes as NaN
    except ValueError as error:
        raise DatasetError(f"{path}: is damaged, not every {printable(name)} is a number", _AGAIN) from error
