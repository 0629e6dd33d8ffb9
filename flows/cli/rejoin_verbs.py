"""The verb that puts pictures back to annotations that were published alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.build_verbs import Quiet, SourceForm
from flows.cli.running import interruptible, make_progress
from schemas.errors import SourceError
from schemas.loading import name_source


@app.command()
def rejoin(
    annotations: Annotated[
        str,
        typer.Argument(metavar="ANNOTATIONS", help="Folder of annotations, or hf://datasets/OWNER/NAME[@REVISION]."),
    ],
    source: Annotated[
        str, typer.Option("--source", metavar="PATH", help="Your copy of ImageNet-21k: folder, file or hf:// address.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A new folder; safe to use again after any interruption.")
    ],
    source_form: SourceForm = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Leave out images whose pictures your copy does not hold.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many pictures your copy lists, and put none back.")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 is one per core.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Put pictures from your own copy of ImageNet-21k back to annotations that were published without."""
    from flows.rejoining import print_forecast, print_report  # noqa: PLC0415 - verbs load what they need
    from pipeline.publishing.rejoin import RejoinOptions, forecast  # noqa: PLC0415
    from pipeline.publishing.rejoin import rejoin as put_back  # noqa: PLC0415

    options = RejoinOptions(annotations, name_source(source, source_form), out, allow_missing, workers)
    progress = make_progress(quiet=quiet or as_json)
    with interruptible():
        if dry_run:
            print_forecast(forecast(options, progress), as_json=as_json)
            return
        report = put_back(options, progress)
    print_report(report, as_json=as_json)
    if not report.finished:
        raise SourceError(
            f"{source}: {report.left_out:,} of {report.count():,} pictures are not there "
            f"({report.count('missing'):,} missing, {report.count('other_picture'):,} show something else)",
            f"see {report.listing}; name a better --source, or leave them out with --allow-missing",
        )
