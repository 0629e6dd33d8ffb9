"""The verb that compares models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.build_verbs import Quiet
from flows.cli.running import interruptible, make_progress


@app.command()
def compare(
    scores: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders that `score` or `evaluate` wrote, one for each model."),
    ],
    *,
    by: Annotated[
        str, typer.Option(metavar="FIGURE", help="The figure of summary.json that models are sorted by.")
    ] = "answer_rougeL",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write leaderboard.md and leaderboard.json there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the leaderboard as JSON instead of tables.")] = False,
    quiet: Quiet = False,
) -> None:
    """Compare models scored on the same benchmark: the leaderboard, and which of its differences are real."""
    from eval.comparing import check_place, write_comparison  # noqa: PLC0415 - verbs load what they need
    from eval.comparing import compare as measure  # noqa: PLC0415
    from flows.comparing import print_comparison  # noqa: PLC0415

    with interruptible():
        if out is not None:
            check_place(out)
        comparison = measure(scores, by, make_progress(quiet=quiet))
    written = [] if out is None else write_comparison(comparison, out)
    if as_json:
        # printable ASCII: no byte of it can be meant for the terminal
        typer.echo(json.dumps(comparison.model_dump(mode="json")).replace("\x7f", "\\u007f"))
        return
    print_comparison(comparison, written)
