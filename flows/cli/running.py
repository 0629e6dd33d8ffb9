"""What verbs have in common: run a flow, show that it goes on, say what came of it."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from rich.console import Console

from flows import environment
from flows.cli.app import EXIT_INTERRUPTED, EXIT_TERMINATED
from pipeline.progress import Progress, Silent
from schemas.config import BuildConfig, SourceConfig
from schemas.errors import ConfigError
from schemas.loading import load_config, name_source, override_source


@contextlib.contextmanager
def interruptible(*, at_once: bool = False) -> Iterator[None]:
    """Answer Ctrl-C and SIGTERM with how to go on, and their exit codes.

    Args:
        at_once: end without waiting for threads that are still at work. For verbs that may be killed anywhere.
    """
    again = shlex.join(["imagenet-think", *sys.argv[1:]])
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != EXIT_TERMINATED:
            raise  # nobody stopped it: a library gave up, or nobody reads the output any more
        typer.echo(f"\nstopped; what is done is kept. To go on: {again}", err=True)
        code = EXIT_INTERRUPTED if isinstance(stop, KeyboardInterrupt) else EXIT_TERMINATED
        if at_once:
            sys.stdout.flush()
            os._exit(code)
        raise typer.Exit(code) from None


def find_run_dir(given: str) -> Path:
    """Where a run directory is worked on, of one on an object store its local copy.

    Raises: see :func:`flows.at_work.find_run`.
    """
    from flows.at_work import find_run  # noqa: PLC0415 - verbs load what they need

    return find_run(given, make_progress(quiet=True)) if "://" in given else Path(given)


def load_build(config: Path, source: str | None, form: str | None) -> BuildConfig:
    """A build's configuration, its source perhaps replaced on the command line."""
    return override_source(load_config(config), source, form)


def run_stage(stage: str, settings: BuildConfig, run_dir: Path, *, quiet: bool) -> None:
    """Run one stage of a build, and say what the run directory holds then."""
    with interruptible():
        run_flow(stage, settings, run_dir, quiet=quiet)
    print_summary(settings, run_dir)


def run_flow(stage: str, config: BuildConfig, run_dir: Path, *, quiet: bool, teachers: Sequence[str] = ()) -> None:
    """Run a stage's flow in this process, under the directory's lock, against an embedded or a named Prefect server."""
    from flows.at_work import holding  # noqa: PLC0415 - verbs load what they need
    from pipeline.stages import open_build  # noqa: PLC0415

    run = open_build(config, run_dir).run
    # Prefect's home must be set before it is imported
    environment.prepare_environment(run.prefect)
    from flows import build as flows  # noqa: PLC0415
    from flows.embedded import orchestrator  # noqa: PLC0415

    flows.PROGRESS.set(make_progress(quiet=quiet))
    with holding(run, config), orchestrator():
        flows.run(stage, config, run_dir, teachers)


def submit_build(config: BuildConfig, run_dir: Path) -> None:
    """Have a worker of the pool ``cpu`` be the parent of a build, and say where it is to be seen."""
    from flows.at_work import mirror_of  # noqa: PLC0415 - verbs load what they need
    from pipeline.rundir import check_run  # noqa: PLC0415
    from pipeline.stages import Build  # noqa: PLC0415

    Build(config, check_run(run_dir, config), Silent()).check()
    environment.prepare_environment()
    from flows.cluster.submitting import submit  # noqa: PLC0415 - Prefect takes its time

    mirror = mirror_of(run_dir, Silent())
    place = str(run_dir.resolve()) if mirror is None else mirror.url
    submitted = submit(config, place)
    typer.echo(f"{submitted.name} was handed to a worker of the pool cpu: {submitted.url}")
    typer.echo(f"To see how it goes: imagenet-think status {shlex.quote(place)}")


def run_index(config: Path | None, source: str | None, form: str | None, run_dir: Path, *, quiet: bool) -> None:
    """Index a build's source, or one that is named alone, and say what was found.

    Raises:
        ConfigError: neither was named.
    """
    if config is not None:
        settings = load_build(config, source, form)
        with interruptible():
            run_flow("index", settings, run_dir, quiet=quiet)
        print_index(settings.source, run_dir)
        return
    if source is None:
        raise ConfigError("nothing to index", "name the CONFIG of a build, or a --source")
    from pipeline.stages import index_alone  # noqa: PLC0415 - verbs load what they need

    named = name_source(source, form)
    with interruptible():
        index_alone(named, run_dir, make_progress(quiet=quiet))
    print_index(named, run_dir)


def make_progress(*, quiet: bool) -> Progress:
    """Progress on the standard error, or none."""
    if quiet:
        return Silent()
    from flows import console  # noqa: PLC0415 - rich takes its time

    return console.make_progress(Console(stderr=True))


def print_plan(config: BuildConfig, run_dir: Path) -> None:
    """What a build would do."""
    from flows.summary import plan, print_lines  # noqa: PLC0415

    print_lines(plan(config, run_dir), Console())


def print_index(source: SourceConfig, run_dir: Path) -> None:
    """What a finished index holds."""
    from flows.indexing import describe_index  # noqa: PLC0415 - verbs load what they need
    from flows.summary import print_lines  # noqa: PLC0415
    from pipeline.rundir import RunDirectory  # noqa: PLC0415
    from pipeline.sources import load_summary  # noqa: PLC0415

    index_dir = RunDirectory(run_dir).index
    summary = load_summary(index_dir)
    if summary is not None:
        print_lines(describe_index(summary, index_dir, source), Console())


def print_summary(config: BuildConfig, run_dir: Path) -> None:
    """What a run directory holds."""
    from flows.summary import print_lines, summarise  # noqa: PLC0415

    print_lines(summarise(config, run_dir), Console())


def print_result(config: BuildConfig, run_dir: Path) -> None:
    """The same, and how to read the dataset."""
    print_summary(config, run_dir)
    dataset = (run_dir / "dataset").resolve()
    typer.echo(f"""
The dataset is in {dataset}. To read it:

    from datasets import load_dataset
    rows = load_dataset({str(dataset)!r}, split="train")
    rows = load_dataset({str(dataset)!r}, split="train", streaming=True)""")
