"""What `imagenet-think verify` prints."""

from __future__ import annotations

import typer

from pipeline.publishing.verify import VerifyReport


def print_report(report: VerifyReport, *, as_json: bool) -> None:
    """Print what was checked and what was found, as JSON or as lines; faults name shard, key and fault."""
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
        return
    for check, count in report.checks.items():
        typer.echo(f"{count:>12,}  {check}")
    for skipped in report.skipped:
        typer.echo(f"not checked: {skipped}")
    for fault in report.faults:
        typer.echo(f"FAULT  {fault}", err=True)
    if report.more_faults:
        typer.echo(f"FAULT  ... and {report.more_faults:,} more", err=True)
    verdict = f"{len(report.faults) + report.more_faults:,} fault(s)" if report.faults else "whole"
    typer.echo(f"{report.dataset}: {verdict}")
