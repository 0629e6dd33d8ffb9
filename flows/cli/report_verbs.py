"""Verbs that only look: what a selection came to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.running import interruptible


@app.command()
def report(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="Directory of a build, images selected.")],
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", dir_okay=False, help="Write the page there, and leave the run directory as it is."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and leave the run directory as it is.")] = False,
) -> None:
    """Say what was selected and what was not: domains, depths, class sizes, quotas, rejections, complexity."""
    from flows.selection_report import report as tell  # noqa: PLC0415 - verbs load what they need

    with interruptible():
        tell(run_dir, html, as_json=as_json)
