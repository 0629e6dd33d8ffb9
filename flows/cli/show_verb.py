"""The verb that shows records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.running import interruptible


@app.command()
def show(  # noqa: PLR0913 - a verb's options are its arguments
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of a packed dataset, of either edition.")],
    key: Annotated[
        str | None, typer.Argument(metavar="KEY", help="Id of an image; a few of every split when left out.")
    ] = None,
    *,
    split: Annotated[str | None, typer.Option("--split", help="train or benchmark; both when left out.")] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", dir_okay=False, help="Write one page that stands alone, with filters."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", min=1, max=1000, help="Records at most; 6 on the terminal, 60 on a page when left out."
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Whole records on the screen, nothing folded.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the records as they were published, as JSON, one a line.")
    ] = False,
) -> None:
    """Show records: facts of the picture, what each teacher thought and answered, and how it came about."""
    from flows.show import Wanted  # noqa: PLC0415 - verbs load what they need
    from flows.show import show as present  # noqa: PLC0415

    with interruptible():
        present(dataset, Wanted(key, split, limit, full), html, as_json=as_json)
