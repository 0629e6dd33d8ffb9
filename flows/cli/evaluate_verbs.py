"""The verbs that run models over a benchmark, and that score what needs no model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.build_verbs import Quiet
from flows.cli.running import interruptible, make_progress

BenchmarkFolder = Annotated[Path, typer.Option("--benchmark", metavar="DIR", help="Folder of a benchmark.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes that score; 0 for one per core. Changes no figure.")]


@app.command()
def evaluate(
    *,
    benchmark: BenchmarkFolder,
    model: Annotated[
        str, typer.Option(metavar="NAME|FILE.yaml", help="A model that is known by name, or described in a file.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where answers and scores go; made if need be.")],
    engine: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="vllm, openai or pixels; what the model's file says, or else vllm."),
    ] = None,
    server: Annotated[
        list[str] | None,
        typer.Option("--server", metavar="URL", help="A server that has the model, /v1 included; may be given again."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="Ask about N items only; the others count as missing.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and start nothing.")] = False,
    workers: Workers = 0,
    quiet: Quiet = False,
) -> None:
    """Run a model over a benchmark, each item once, and score its answers. Killed, it goes on where it was."""
    from eval.benchmark.storage import open_benchmark  # noqa: PLC0415 - verbs load what they need
    from eval.running import EvaluationOptions, plan_evaluation, run_evaluation  # noqa: PLC0415
    from flows.evaluating import print_evaluated, print_plan  # noqa: PLC0415

    options = EvaluationOptions(model, engine, tuple(server or ()), limit, workers)
    progress = make_progress(quiet=quiet)
    with interruptible():
        evaluation = plan_evaluation(open_benchmark(benchmark), out, options, progress)
        if dry_run:
            print_plan(evaluation)
            return
        evaluated = run_evaluation(evaluation, progress)
    print_evaluated(evaluation, evaluated)


@app.command()
def baselines(
    *,
    benchmark: BenchmarkFolder,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the scores go; made if need be.")],
    workers: Workers = 0,
    quiet: Quiet = False,
) -> None:
    """Score the models that need no GPU, label-only, pixels and each teacher against the others: a leaderboard."""
    from eval.benchmark.storage import open_benchmark  # noqa: PLC0415 - verbs load what they need
    from eval.comparing import JSON_FILE, MARKDOWN_FILE  # noqa: PLC0415
    from eval.running import score_baselines  # noqa: PLC0415
    from flows.comparing import print_comparison  # noqa: PLC0415

    with interruptible():
        comparison = score_baselines(open_benchmark(benchmark), out, workers, make_progress(quiet=quiet))
    print_comparison(comparison, [out / MARKDOWN_FILE, out / JSON_FILE])
