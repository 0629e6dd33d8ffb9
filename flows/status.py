"""`imagenet-think status`: how far a build has come, as a table or as JSON, once or again and again."""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from rich.console import Console

from flows.at_work import last_config, mirror_of
from flows.summary import Line, print_lines
from pipeline.lines import printable
from pipeline.progress import Progress
from pipeline.watching import RunWatch
from schemas.errors import RunDirectoryError
from schemas.status import DatasetStatus, Rate, RunStatus, StageStatus, TeacherStatus, WorkerStatus

_FETCHED = ("run.json", "config.yaml", "index", "selection", "ledger", "chunks", "reports")
"""Of a run directory on an object store; the dataset itself is left there."""

WORKERS_SHOWN = 16
"""Workers of a teacher in a table; nodes that are hired anew each day have many names."""

_PIPED_WIDTH = 120
"""Of lines that no terminal cuts."""


def show_status(run_dir: Path, progress: Progress, every: float | None, *, as_json: bool) -> None:
    """Print the status of a run directory.

    Args:
        run_dir: the directory.
        progress: told of a ledger that takes long to read.
        every: seconds from one look to the next, until interrupted; ``None``: only once.
        as_json: one JSON object a line in place of a table.

    Raises:
        RunDirectoryError: there is no such directory, no build was started in it, or a file of it is damaged.
        ConfigError: its configuration is damaged.
        DatasetError: its dataset's manifest is damaged.
    """
    mirror = mirror_of(run_dir, progress)
    if mirror is not None:
        mirror.pull(*_FETCHED)
    if not run_dir.is_dir():
        raise RunDirectoryError(f"{run_dir}: there is no such folder", "name the directory of a build")
    watch = RunWatch(last_config(run_dir), run_dir, progress)
    console = Console() if sys.stdout.isatty() else Console(width=_PIPED_WIDTH)
    show = _print_json if as_json else _print_table(console)
    if every is None:
        show(watch.look())
        return
    with contextlib.suppress(KeyboardInterrupt):  # the way to end it
        for number in itertools.count():
            status = watch.look()
            if number and not as_json:
                console.clear()
            show(status)
            time.sleep(every)


def _print_json(status: RunStatus) -> None:
    """Print one line of ASCII: no byte of it can be meant for the terminal."""
    typer.echo(status.model_dump_json(ensure_ascii=True).replace("\x7f", "\\u007f"))
    sys.stdout.flush()


def _print_table(console: Console) -> Callable[[RunStatus], None]:
    return lambda status: print_lines(describe_status(status), console)


def describe_status(status: RunStatus) -> Iterator[Line]:
    """A run directory's status in lines."""
    stages = {stage.stage: stage for stage in status.stages}
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(status.at))
    yield Line("run", at, printable(status.run_dir))
    yield _describe_stage(stages["index"])
    yield _describe_stage(stages["select"])
    for teacher in status.teachers:
        yield from _describe_teacher(teacher)
    yield _describe_stage(stages["pack"], _describe_dataset(status.dataset))
    yield _describe_stage(stages["verify"])


def _describe_stage(stage: StageStatus, note: str = "") -> Line:
    images = "" if stage.images is None else f"{stage.images:,} images"
    return Line(stage.stage, stage.state, note or images)


def _describe_dataset(dataset: DatasetStatus | None) -> str:
    if dataset is None:
        return ""
    return f"{dataset.packed:,} of {dataset.selected:,} images, {dataset.shards:,} shards, {dataset.size:,} bytes"


def _describe_teacher(teacher: TeacherStatus) -> Iterator[Line]:
    yield Line("generate", teacher.state, teacher.teacher)
    if not teacher.selected:
        return
    yield Line("  done", f"{teacher.done:,}", f"{teacher.done / teacher.selected:.1%} of {teacher.selected:,}")
    if teacher.given_up:
        yield Line("  given up", f"{teacher.given_up:,}", _list_counts(teacher.given_up_by_reason))
    if teacher.to_ask:
        left = "" if teacher.minutes_left is None else f"{_in_words(60 * teacher.minutes_left)} at the rate of lately"
        yield Line("  to ask", f"{teacher.to_ask:,}", left)
    for rung in teacher.rungs:
        share = f"asked, {rung.accepted:,} ({rung.accepted / rung.asked:.1%}) accepted"
        yield Line(f"  rung {rung.rung}", f"{rung.asked:,}", share)
    if teacher.superseded:
        yield Line("  superseded", f"{teacher.superseded:,}", "cut off at a smaller max_tokens than today's")
    if teacher.failed_attempts:
        yield Line(
            "  failed attempts", f"{sum(teacher.failed_attempts.values()):,}", _list_counts(teacher.failed_attempts)
        )
    yield from _describe_pace(teacher)
    if teacher.chunks_cut:
        yield Line("  chunks", f"{teacher.chunks_cut:,}", f"cut, {teacher.chunks_begun:,} begun")
    yield from _describe_workers(teacher.workers)


def _describe_pace(teacher: TeacherStatus) -> Iterator[Line]:
    if teacher.lately is not None and teacher.to_ask:
        yield _describe_rate(teacher.lately, f"in the last {_in_words(60 * teacher.lately.minutes)}")
    if teacher.since_start is not None:
        yield _describe_rate(teacher.since_start, f"from first to last, {_in_words(60 * teacher.since_start.minutes)}")


def _describe_rate(rate: Rate, when: str) -> Line:
    return Line("  images/min", f"{rate.images_per_minute:,.1f}", f"{rate.tokens_per_second:,.0f} tokens/s, {when}")


def _describe_workers(workers: tuple[WorkerStatus, ...]) -> Iterator[Line]:
    for worker in workers[:WORKERS_SHOWN]:
        ago = f"{_in_words(worker.seconds_since)} ago"
        said = f"SILENT, wrote {ago}" if worker.state == "silent" else f"wrote {ago}, {worker.images_lately:,} lately"
        yield Line(f"  {printable(worker.worker) or 'unnamed'}", f"{worker.images:,}", said)
    others = workers[WORKERS_SHOWN:]
    if others:
        images = sum(worker.images for worker in others)
        yield Line(
            f"  {len(others):,} others", f"{images:,}", f"wrote {_in_words(others[0].seconds_since)} ago or before"
        )


def _list_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{what} {count:,}" for what, count in counts.items())


def _in_words(seconds: float) -> str:
    """A duration, to two units."""
    minutes, hours = seconds / 60, seconds / 3600
    if seconds < 120:
        return f"{seconds:.0f} s"
    if minutes < 120:
        return f"{minutes:.0f} min"
    if hours < 48:
        return f"{int(hours)} h {int(minutes) % 60} min"
    return f"{int(hours) // 24} d {int(hours) % 24} h"
