"""The verb that hands a dataset to a trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.build_verbs import Quiet
from flows.cli.running import interruptible, make_progress

_SCORES = "longer, shorter, longer-answer, shorter-answer, less-repeated, less-compressible, fewer-attempts"


@app.command()
def export(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="A packed dataset, with its pictures.")],
    form: Annotated[str, typer.Option("--format", help="The trainer: trl, llava, llamafactory, swift or verl.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A new folder; safe to use again after any interruption.")
    ],
    split: Annotated[str, typer.Option(help="train or benchmark.")] = "train",
    teacher: Annotated[
        str,
        typer.Option(
            help="Whose texts. both: a row for each teacher. A name or its beginning (glm, kimi), or first: that "
            f"teacher's alone. {_SCORES}: for each image the text that wins."
        ),
    ] = "both",
    thinking: Annotated[
        str,
        typer.Option(
            help="How the thinking is written. think: in <think> tags before the answer; glm-4.1v, kimi-vl: in that "
            "family's tags; reasoning_content: in that field of the message; none: left out."
        ),
    ] = "think",
    preference: Annotated[
        str | None,
        typer.Option(metavar="SCORE", help=f"For DPO: the winner's text chosen, the other's rejected. {_SCORES}."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N images.")] = None,
    quiet: Quiet = False,
) -> None:
    """Write a dataset as a trainer reads it: TRL, LLaVA, LLaMA-Factory, ms-swift or verl."""
    from pipeline.exporting import ExportOptions, find_split  # noqa: PLC0415 - verbs load what they need
    from pipeline.exporting import export as write  # noqa: PLC0415

    options = ExportOptions(
        format=form,
        split=find_split(split),
        teacher=teacher,
        thinking=thinking,
        preference=preference,
        limit=limit,
    )
    with interruptible():
        report = write(dataset, out, options, make_progress(quiet=quiet))
    counts = report.counts
    turned = f"; turned upright: {counts.turned:,}" if counts.turned else ""
    left_out = "".join(f"; left out: {count:,} {reason}" for reason, count in counts.left_out.items())
    typer.echo(f"{out}: {counts.rows:,} rows of {counts.images:,} images for {report.reader}{turned}{left_out}")
