"""The table at the end of a build, and the plan before it: both read off the run directory, neither off memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.selection_report import summarise_selection
from pipeline.generation import TeacherSetup, read_results
from pipeline.generation.results import LedgerResults
from pipeline.generation.retries import LADDER
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
        lines.append(Line("images seen", f"{index.entries - index.companions:,}", f"form: {index.form}"))
        lines += [Line("  rejected", f"{count:,}", str(reason)) for reason, count in index.rejected.items()]
    if selection := load_selection(build.run.selection):
        lines += [Line("  rejected", f"{count:,}", str(reason)) for reason, count in selection.rejected.items()]
        if selection.left_over:
            lines.append(Line("  left over", f"{selection.left_over:,}", "not needed for the target"))
        splits = ", ".join(f"{split} {len(ids):,}" for split, ids in selection.ids.items())
        lines.append(Line("selected", f"{selection.drawn:,}", splits))
        lines += [Line(*line) for line in summarise_selection(build.run.selection)]
    return lines


def _pairs(build: Build) -> list[Line]:
    lines = []
    for setup in build.teachers:
        results = read_results(setup, build.run.ledger)
        if results is not None:
            lines.append(Line("pairs ok", f"{len(results.accepted_ids()):,}", setup.name))
            lines += _ladder(results, build.config.generation.max_attempts)
            lines += _canaries(_load_generation(build, setup))
    return lines


def _ladder(results: LedgerResults, max_attempts: int) -> list[Line]:
    """What came of the attempts of all starts, counted from the ledger."""
    counts = results.count_rungs()
    lines = [
        Line(f"  rung {rung}", f"{asked:,}", f"asked, {_share(counts.accepted[rung], asked)} accepted")
        for rung in LADDER
        if (asked := counts.asked[rung])
    ]
    if counts.superseded:
        lines.append(Line("  superseded", f"{counts.superseded:,}", "cut off at a smaller max_tokens than today's"))
    if given_up := results.given_up(max_attempts):
        # ties by name: the ledger's order is another one each time
        ranked = sorted(given_up.items(), key=lambda item: (-item[1], item[0]))
        reasons = ", ".join(f"{status} {count:,}" for status, count in ranked)
        lines.append(Line("  given up", f"{given_up.total():,}", reasons))
    waiting = sum(standing.is_pending(max_attempts) for standing in results.standings.values())
    if waiting:
        lines.append(Line("  to ask again", f"{waiting:,}", "images without a valid pair so far"))
    return lines


def _canaries(report: GenerationReport | None) -> list[Line]:
    if report is None or report.canaries is None:
        return []
    canaries = report.canaries
    exact = f"{_share(canaries.exact, canaries.compared)} exact, " if canaries.compared else "not compared, "
    return [Line("  canaries", f"{canaries.asked:,}", f"asked, {exact}{_share(canaries.ok, canaries.asked)} ok")]


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.1%})"


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
        report = _load_generation(build, setup)
        if report is not None:
            note = f"{setup.name}, engine starved {report.starved_share:.1%}"
            lines.append(Line("seconds, generate", f"{report.seconds:.1f}", note))
    for stage in ("pack", "verify"):
        lines += _stage_time(build.run.reports, stage)
    return lines


def _stage_time(reports: Path, stage: str) -> list[Line]:
    report = _load(reports / f"{stage}.json", StageTime)
    return [Line(f"seconds, {stage}", f"{report.seconds:.1f}")] if report is not None else []


def _load_generation(build: Build, setup: TeacherSetup) -> GenerationReport | None:
    return _load(build.run.reports / f"generate-{setup.name}.json", GenerationReport)


def _load(path: Path, model: type[Report]) -> Report | None:
    """A small file, or ``None`` where it is missing or damaged: a summary leaves the line out."""
    try:
        return model.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
