"""The verb that builds the benchmark set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.build_verbs import DryRun, Quiet
from flows.cli.running import interruptible, make_progress


@app.command()
def benchmark(  # noqa: PLR0913 - a verb's options are its arguments
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Run directory of a finished build, or the folder of a dataset.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A new folder; safe to use again after any interruption.")
    ],
    *,
    size: Annotated[
        int | None,
        typer.Option("--size", min=1, metavar="N", help="Items; benchmark.size of the configuration when left out."),
    ] = None,
    holdout_subtree: Annotated[
        list[str] | None,
        typer.Option(
            "--holdout-subtree",
            metavar="WNID",
            help="Root of a subtree that was held out; may be given again. A run's configuration names them itself.",
        ),
    ] = None,
    without_pictures: Annotated[
        bool, typer.Option("--without-pictures", help="Leave the photographs out: enough to score with, not to ask.")
    ] = False,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Draw the benchmark from the held-out images, prove it free of leaks, and write it so that it loads alone."""
    from eval.benchmark.build import build_benchmark, plan_benchmark  # noqa: PLC0415 - verbs load what they need
    from flows.benchmark import choose_options, find_dataset, print_benchmark, print_plan  # noqa: PLC0415

    dataset = find_dataset(run)
    options = choose_options(run, size, holdout_subtree or (), pictures=not without_pictures)
    progress = make_progress(quiet=quiet)
    with interruptible():
        if dry_run:
            print_plan(plan_benchmark(dataset, options, progress), options)
            return
        manifest = build_benchmark(dataset, out, options, progress)
    print_benchmark(manifest, out)
