"""The verb that says how far a build has come."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.running import find_run_dir, interruptible, make_progress


@app.command()
def status(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", parser=find_run_dir, help="Directory of a build, or its address.")
    ],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, on one line; with --watch, one each time.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until interrupted.")] = False,
    every: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="With --watch: from one look to the next.")
    ] = 10.0,
) -> None:
    """Say how far a build has come, from its directory alone: stages, pairs, rates, time left, who writes."""
    from flows.status import show_status  # noqa: PLC0415 - verbs load what they need

    with interruptible():
        show_status(run, make_progress(quiet=False), every if watch else None, as_json=as_json)
