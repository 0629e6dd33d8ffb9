"""The table at the end of a build, and the plan before it: both read off the run directory, neither off memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.generation import read_results
from pipeline.packing.sidecars import MANIFEST_FILE
from pipeline.progress import Silent
from pipeline.rundir import RunDirectory, check_run
from pipeline.selection import load_selection
from pipeline.sources import load_summary
from pipeline.stages import Build
from schemas.base import Contract
from schemas.config import BuildConfig
from schemas.manifest import DatasetManifest
from schemas.report import GenerationReport, StageTime

Report = TypeVar("Report", bound=Contract)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a summary: what, how many, and a word on it."""

    what: str
    count: str
    note: str = ""


def print_lines(lines: Iterable[Line], console: Console) -> None:
    """Print a summary or a plan."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right")
    table.add_column(style="dim", overflow="fold")
    for line in lines:
        table.add_row(escape(line.what), escape(line.count), escape(line.note))
    console.print(table)


def summarise(config: BuildConfig, run_dir: Path) -> list[Line]:
    """What a run directory holds, stage by stage."""
    build = Build(config, RunDirectory(run_dir), Silent())
    return [*_images(build), *_pairs(build), *_dataset(build), *_times(build)]


def plan(config: BuildConfig, run_dir: Path) -> list[Line]:
    """What a build would do, and how much, without doing any of it.

    Raises:
        ImageNetThinkError: whatever would stop the build at once.
    """
    build = Build(config, check_run(run_dir, config), Silent())
    build.check()
    lines = [Line("source", build.source.form, str(config.source.path))]
    index = load_summary(build.run.index)
    lines.append(
        Line("index", "done", f"{index.images:,} images")
        if index
        else Line("index", "to do", "every entry of the source")
    )
    selection = load_selection(build.run.selection)
    target = f"up to {config.selection.images:,} images"
    lines.append(
        Line("select", "done", f"{selection.drawn:,} images") if selection else Line("select", "to do", target)
    )
    for setup in build.teachers:
        if selection is None:
            lines.append(Line(f"generate {setup.name}", "to do", target))
        else:
            pending = build.job(setup).count_pending()
            lines.append(Line(f"generate {setup.name}", "to do" if pending else "done", f"{pending:,} images missing"))
    packed = (build.run.dataset / MANIFEST_FILE).exists()
    lines.append(Line("pack", "if changed" if packed else "to do", str(build.run.dataset)))
    lines.append(Line("verify", "if changed" if packed else "to do"))
    return lines


def _images(build: Build) -> list[Line]:
    lines = []
    if index := load_summary(build.run.index):
        lines.append(Line("images seen", f"{index.entries:,}", f"form: {index.form}"))
        lines += [Line("  rejected", f"{count:,}", str(reason)) for reason, count in index.rejected.items()]
    if selection := load_selection(build.run.selection):
        lines += [Line("  rejected", f"{count:,}", str(reason)) for reason, count in selection.rejected.items()]
        if selection.left_over:
            lines.append(Line("  left over", f"{selection.left_over:,}", "not needed for the target"))
        splits = ", ".join(f"{split} {len(ids):,}" for split, ids in selection.ids.items())
        lines.append(Line("selected", f"{selection.drawn:,}", splits))
    return lines


def _pairs(build: Build) -> list[Line]:
    lines = []
    for setup in build.teachers:
        results = read_results(setup, build.run.ledger)
        if results is None:
            continue
        statuses = Counter(str(standing.status) for standing in results.standings.values())
        for status, count in statuses.most_common():
            lines.append(Line(f"pairs {status}", f"{count:,}", setup.name))
    return lines


def _dataset(build: Build) -> list[Line]:
    manifest = _load(build.run.dataset / MANIFEST_FILE, DatasetManifest)
    if manifest is None:
        return []
    size = sum(shard.bytes for shard in manifest.shards)
    lost = manifest.selected - manifest.packed
    return [
        Line("packed", f"{manifest.packed:,}", f"{lost:,} of the selection lost" if lost else ""),
        Line("shards", f"{len(manifest.shards):,}"),
        Line("bytes", f"{size:,}"),
    ]


def _times(build: Build) -> list[Line]:
    lines = []
    for stage in ("index", "select"):
        lines += _stage_time(build.run.reports, stage)
    for setup in build.teachers:
        report = _load(build.run.reports / f"generate-{setup.name}.json", GenerationReport)
        if report is not None:
            note = f"{setup.name}, engine starved {report.starved_share:.1%}"
            lines.append(Line("seconds, generate", f"{report.seconds:.1f}", note))
    for stage in ("pack", "verify"):
        lines += _stage_time(build.run.reports, stage)
    return lines


def _stage_time(reports: Path, stage: str) -> list[Line]:
    report = _load(reports / f"{stage}.json", StageTime)
    return [Line(f"seconds, {stage}", f"{report.seconds:.1f}")] if report is not None else []


def _load(path: Path, model: type[Report]) -> Report | None:
    """A small file, or ``None`` where it is missing or damaged: a summary leaves the line out."""
    try:
        return model.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
