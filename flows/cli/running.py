"""What verbs have in common: run a flow, show that it goes on, say what came of it."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from rich.console import Console

from flows import environment
from flows.cli.app import EXIT_INTERRUPTED, EXIT_TERMINATED
from pipeline.progress import Progress, Silent
from schemas.config import BuildConfig
from schemas.loading import load_config


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Answer Ctrl-C and SIGTERM with how to go on, and their exit codes."""
    again = shlex.join(["imagenet-think", *sys.argv[1:]])
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != EXIT_TERMINATED:
            raise  # nobody stopped it: a library gave up, or nobody reads the output any more
        typer.echo(f"\nstopped; what is done is kept. To go on: {again}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED if isinstance(stop, KeyboardInterrupt) else EXIT_TERMINATED) from None


def run_stage(stage: str, config: Path, run_dir: Path, *, quiet: bool) -> None:
    """Run one stage of the build in a file, and say what the run directory holds then."""
    settings = load_config(config)
    with interruptible():
        run_flow(stage, settings, run_dir, quiet=quiet)
    print_summary(settings, run_dir)


def run_flow(stage: str, config: BuildConfig, run_dir: Path, *, quiet: bool, teachers: Sequence[str] = ()) -> None:
    """Run a stage's flow in this process, under the directory's lock, against an embedded or a named Prefect server."""
    from pipeline.rundir import exclusive  # noqa: PLC0415 - verbs load what they need
    from pipeline.stages import open_build  # noqa: PLC0415

    run = open_build(config, run_dir).run
    # Prefect's home must be set before it is imported
    environment.prepare_environment(run.prefect)
    from flows import build as flows  # noqa: PLC0415
    from flows.embedded import orchestrator  # noqa: PLC0415

    flows.PROGRESS.set(make_progress(quiet=quiet))
    with exclusive(run, config), orchestrator():
        flows.run(stage, config, run_dir, teachers)


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
