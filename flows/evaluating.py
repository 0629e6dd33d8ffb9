"""What `imagenet-think evaluate` says: what it would do, and what came of it."""

from __future__ import annotations

import typer

from eval.running import Evaluated, Evaluation
from eval.running.evaluate import ATTEMPTS
from flows.scoring import print_scores
from pipeline.lines import printable
from pipeline.progress import Silent


def print_plan(evaluation: Evaluation) -> None:
    """Print what a model would be asked, and how much of it is still to do."""
    manifest, setup, folder = evaluation.benchmark.manifest, evaluation.setup, evaluation.folder
    spec, sampling = setup.spec, setup.sampling
    asked, left = len(evaluation.images), evaluation.job(Silent()).count_pending()
    lines = {
        "model": f"{spec.name}: {spec.model} at {spec.revision or 'a revision that is not named'}, {spec.licence}",
        "engine": setup.config.engine.kind,
        "benchmark": f"{manifest.name}: {asked:,} of {manifest.items:,} items, {left:,} still to be asked",
        "prompt": f"{manifest.prompt.id}, {manifest.prompt.language}",
        "system": "none" if spec.system is None else spec.system,
        "tags": spec.grammar,
        "sampling": ", ".join(f"{name} {value:g}" for name, value in sampling.model_dump().items()),
        "attempts": f"{ATTEMPTS} per item",
        "left out": ", ".join(f"references of {teacher}" for teacher in evaluation.excluded) or "nothing",
        "writes": str(folder.path),
    }
    for name, text in lines.items():
        typer.echo(f"{name:<10} {printable(text)}")


def print_evaluated(evaluation: Evaluation, evaluated: Evaluated) -> None:
    """Print the scores, and where the predictions and all else lie."""
    folder, written = evaluation.folder, evaluated.written
    names = ("report.html", "report.md", "summary.json", "items.parquet")
    print_scores(evaluated.summary, [folder.predictions, *(folder.scores / name for name in names)])
    if written.refused:
        typer.echo(f"refused by the engine, and so missing: {written.refused:,} items")
