"""The verb that scores predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.build_verbs import Quiet
from flows.cli.running import interruptible, make_progress


@app.command()
def score(  # noqa: PLR0913 - a verb's options are its arguments
    *,
    benchmark: Annotated[Path, typer.Option("--benchmark", metavar="DIR", help="Folder of a benchmark.")],
    predictions: Annotated[
        Path,
        typer.Option(
            "--predictions",
            metavar="FILE",
            help='JSON lines, {"key", "raw"} or {"key", "thinking", "answer"}, of any tool.',
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the scores go; made if need be.")],
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the scores are called; the file's name when left out.")
    ] = None,
    tags: Annotated[
        str,
        typer.Option(
            metavar="FAMILY",
            help="How raw texts mark thinking and answer. auto: by the markers that each text holds.",
        ),
    ] = "auto",
    exclude_reference: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude-reference",
            metavar="TEACHER",
            help="Leave a teacher's references out, e.g. because it wrote the predictions; may be given again.",
        ),
    ] = None,
    bertscore: Annotated[
        str | None,
        typer.Option(metavar="MODEL[@REV][#LAYER]", help="Add BERTScore by this model: a folder or an id."),
    ] = None,
    sbert: Annotated[
        str | None,
        typer.Option(metavar="MODEL[@REV]", help="Add the cosine of Sentence-BERT by this model: a folder or an id."),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 for one per core. Changes no figure.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json instead of tables.")] = False,
    quiet: Quiet = False,
) -> None:
    """Score a model's predictions on thinking and on answer, with intervals, floor and ceiling. No GPU, no network."""
    from eval.benchmark.storage import open_benchmark  # noqa: PLC0415 - verbs load what they need
    from eval.scoring import ScoreOptions  # noqa: PLC0415
    from eval.scoring import score as write  # noqa: PLC0415
    from flows.scoring import print_scores  # noqa: PLC0415

    options = ScoreOptions(
        model=predictions.stem if model is None else model,
        tags=tags,
        exclude_references=tuple(exclude_reference or ()),
        workers=workers,
        bertscore=bertscore,
        sbert=sbert,
    )
    with interruptible():
        summary = write(open_benchmark(benchmark), predictions, out, options, make_progress(quiet=quiet))
    if as_json:
        typer.echo((out / "summary.json").read_text(encoding="utf-8"), nl=False)
        return
    print_scores(summary, [out / name for name in ("report.html", "report.md", "summary.json", "items.parquet")])
