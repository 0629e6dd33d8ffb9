"""The verb that hands the benchmark to the tools that people evaluate with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.running import interruptible


@app.command()
def adapt(
    benchmark: Annotated[Path, typer.Argument(metavar="BENCHMARK", help="Folder of a benchmark, with its pictures.")],
    harness: Annotated[str, typer.Option("--to", help="The tool: lmms-eval, inspect-ai or vlmevalkit.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A new folder, or one that this verb wrote before.")
    ],
    tags: Annotated[
        str, typer.Option(help="Family of thinking tags that the models write, as for `score`; auto: whichever fits.")
    ] = "auto",
) -> None:
    """Write the benchmark as a tool of others takes it: a task for lmms-eval or inspect-ai, a dataset of VLMEvalKit."""
    from eval.adapters import adapt as write  # noqa: PLC0415 - verbs load what they need

    with interruptible():
        adapted = write(benchmark, harness, out, tags)
    typer.echo(f"{out}: {adapted.items:,} questions for {harness}\nnext: {adapted.next_command}")
