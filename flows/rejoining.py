"""What ``imagenet-think rejoin`` prints."""

from __future__ import annotations

import typer

from pipeline.publishing.rejoin import OUTCOMES, RejoinForecast, RejoinReport


def print_report(report: RejoinReport, *, as_json: bool) -> None:
    """Print what became of the pictures by split, and what the result is."""
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
        return
    typer.echo(" " * 12 + "".join(f"{outcome.replace('_', ' '):>15}" for outcome in OUTCOMES))
    for split, counts in report.splits.items():
        typer.echo(f"{split:<12}" + "".join(f"{counts.get(outcome, 0):>15,}" for outcome in OUTCOMES))
    if report.count("exact") < report.count():
        typer.echo(f"not exact: {report.listing}")
    if report.finished:
        what = "the dataset that was packed, byte for byte" if report.restored else "a dataset with pictures"
        typer.echo(f"{report.out}: {what}")


def print_forecast(found: RejoinForecast, *, as_json: bool) -> None:
    """Print how many pictures the source lists, by split."""
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    for split, images in found.images.items():
        typer.echo(f"{split:<12}{found.listed.get(split, 0):>12,} of {images:,} pictures are listed")
    typer.echo(f"{found.source}: {found.form}, {found.bytes:,} bytes to read")
