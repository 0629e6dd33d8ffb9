"""`imagenet-think tune`: what is tried, each finding as it comes, and what to write into the configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
import yaml

from pipeline.generation import TeacherSetup
from pipeline.progress import Progress
from pipeline.rundir import check_run
from pipeline.selection import load_selection
from pipeline.stages import Build
from pipeline.tuning import (
    Failure,
    Interval,
    Point,
    Projection,
    Ranges,
    Start,
    TuningPlan,
    TuningReport,
    choose_point,
    plan_tuning,
    project,
    tune_teacher,
)
from pipeline.tuning.settings import count_gpus, describe_setting
from schemas.config import BuildConfig
from schemas.engines import EngineConfig, OpenAIEngine
from schemas.errors import ConfigError, EngineError, RunDirectoryError

_HEADINGS = ("at once", "batched", "tokens/s", "images/s", "pairs/s", "starved", "mean", "95 %", "accepted")
_WIDTHS = (8, 8, 9, 9, 9, 8, 7, 7, 9)


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """The verb's options, as they were given.

    Args:
        teacher: only this one; all of the configuration's when ``None``.
        engine: kind of engine; the configured one when ``None``.
        images: size of the sample; twice the largest concurrency, at least 64, when ``None``.
        concurrency: whole numbers with commas between them.
        max_num_batched_tokens: the same; the usual limits of an engine that has any when ``None``.
        as_json: print one JSON document at the end and nothing before.
    """

    teacher: str | None = None
    engine: str | None = None
    images: int | None = None
    concurrency: str = "32,64,128,256"
    max_num_batched_tokens: str | None = None
    as_json: bool = False


def tune(config: BuildConfig, run_dir: Path, options: TuneOptions, progress: Progress) -> None:
    """Measure each teacher's settings on the first images of the selection, one teacher after the other.

    The run directory is only read.

    Raises:
        ConfigError: options that make no sense, or an engine that cannot be made.
        SourceError: no images where they should be.
        RunDirectoryError: no images were selected yet, or the directory belongs to another configuration.
        EngineError: not one setting of a teacher could be measured.
    """
    build = Build(config, check_run(run_dir, config), progress)
    ranges = Ranges(
        _parse_numbers("--concurrency", options.concurrency),
        _parse_numbers("--max-num-batched-tokens", options.max_num_batched_tokens)
        if options.max_num_batched_tokens is not None
        else None,
        options.images,
    )
    setups = _choose_teachers(build.teachers, options.teacher)
    selection = load_selection(build.run.selection)
    if selection is None:
        raise RunDirectoryError(f"{run_dir}: tune needs a selection", "run imagenet-think select first")
    plans = [plan_tuning(setup, ranges, selection.drawn, options.engine) for setup in setups]
    reports = []
    for setup, plan in zip(setups, plans, strict=True):
        report = _tune_teacher(build, setup, plan, selection.drawn, quiet=options.as_json)
        reports.append(report)
        if not options.as_json:
            _print_lines(_advise(report, plan.engine, config))
    if options.as_json:
        typer.echo(json.dumps([report.model_dump(mode="json") for report in reports], indent=2))
    _require_points(reports)


def _tune_teacher(build: Build, setup: TeacherSetup, plan: TuningPlan, selected: int, *, quiet: bool) -> TuningReport:
    if not quiet:
        _print_lines(_announce(setup.name, plan))
    starts: list[Start] = []
    points: list[Point] = []
    failures: list[Failure] = []
    for finding in tune_teacher(plan, build.job(setup)):
        match finding:
            case Start():
                starts.append(finding)
            case Point():
                points.append(finding)
            case Failure():
                failures.append(finding)
        if not quiet:
            typer.echo(_describe(finding))
    best = choose_point(points) if points else None
    return TuningReport(
        teacher=setup.name,
        engine=plan.engine.kind,
        images=plan.images,
        starts=tuple(starts),
        points=tuple(points),
        failures=tuple(failures),
        best=best,
        settings=describe_setting(setup.name, plan.engine, best.concurrency, best.max_num_batched_tokens)
        if best
        else {},
        projection=project(best, selected, count_gpus(plan.engine)) if best else None,
    )


def _choose_teachers(setups: Sequence[TeacherSetup], name: str | None) -> list[TeacherSetup]:
    chosen = [setup for setup in setups if name in (None, setup.name)]
    if not chosen:
        raise ConfigError(
            f"--teacher {name}: not in the configuration", f"name one of {', '.join(setup.name for setup in setups)}"
        )
    return chosen


def _parse_numbers(option: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        raise ConfigError(
            f"{option}: {text!r} was given", "name whole numbers with commas between them, such as 32,64"
        ) from None


def _require_points(reports: Sequence[TuningReport]) -> None:
    for report in reports:
        if report.best is None:
            raise EngineError(f"{report.teacher}: no setting could be measured: {report.failures[0].reason}")


def _announce(teacher: str, plan: TuningPlan) -> Iterator[str]:
    sizes, limits = len(plan.concurrencies), len(plan.batch_limits)
    factors = f" ({sizes} concurrencies x {limits} batch limits)" if limits > 1 else ""
    yield (
        f"{teacher} on {plan.engine.kind}: {plan.points} points{factors}, {limits} engine start(s), "
        f"{plan.images:,} images each: {plan.requests:,} requests, and further attempts where a text is not accepted"
    )
    yield from (f"note: {note}" for note in plan.notes)
    yield _row(_HEADINGS)


def _describe(finding: Start | Point | Failure) -> str:
    match finding:
        case Start():
            return f"engine started in {finding.seconds:.1f} s"
        case Failure(concurrency=None):
            return f"max_num_batched_tokens {finding.max_num_batched_tokens}: {finding.reason}"
        case Failure():
            return f"concurrency {finding.concurrency} and above: {finding.reason}"
        case Point():
            return _row(
                (
                    f"{finding.concurrency:,}",
                    "-" if finding.max_num_batched_tokens is None else f"{finding.max_num_batched_tokens:,}",
                    f"{finding.tokens_per_second:,.0f}",
                    _round(finding.images_per_second),
                    _round(finding.pairs_per_second),
                    f"{finding.starved_share:.1%}",
                    f"{finding.mean_tokens:,.0f}",
                    f"{finding.p95_tokens:,}",
                    f"{finding.accepted / finding.images:.1%}",
                )
            )


def _advise(report: TuningReport, engine: EngineConfig, config: BuildConfig) -> Iterator[str]:
    if report.best is None:
        return
    yield ""
    if not report.best.accepted:
        yield "note: not one pair was accepted, so the choice below goes by tokens/s alone"
    yield "In the configuration:"
    yield ""
    yield from yaml.safe_dump(report.settings, sort_keys=False).splitlines()
    yield ""
    limit = config.generation.max_concurrency
    if limit is not None and "generation" not in report.settings:
        yield f"note: leave generation.max_concurrency out; at {limit:,} it stands above this setting"
    if report.projection is not None:
        yield from _foretell(report.projection, report.starts, engine)


def _foretell(projection: Projection, starts: Sequence[Start], engine: EngineConfig) -> Iterator[str]:
    unit, scale = ("hours", 1) if projection.hours.estimate >= 1 else ("minutes", 60)
    yield f"All {projection.images:,} images: {_interval(projection.hours, scale)} {unit}"
    if projection.gpus:
        whose = "times each server's GPUs" if isinstance(engine, OpenAIEngine) else f"on {projection.gpus} GPU(s)"
        yield f"That is {_interval(projection.gpu_hours)} GPU hours {whose}"
    slowest = max(start.seconds for start in starts)
    yield (
        f"Left out: starting the engine ({slowest:,.0f} s here); the end of the run, when its last requests are "
        f"answered and none follow (up to {projection.tail_seconds:,.0f} s); restarts; the first reading of pictures "
        "from a slow disk. The interval holds the spread of output lengths and attempts in the sample; the rate is "
        "taken as exact."
    )


def _interval(interval: Interval, scale: float = 1) -> str:
    estimate, low, high = (_round(scale * value) for value in (interval.estimate, interval.low, interval.high))
    return f"{estimate} (95 %: {low} to {high})"


def _row(cells: Sequence[str]) -> str:
    return " ".join(cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True))


def _round(value: float) -> str:
    """Three digits: a short measurement gives no more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _print_lines(lines: Iterator[str]) -> None:
    for line in lines:
        typer.echo(line)
